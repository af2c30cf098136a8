//! Everything that is kept about a member, as one JSON document (`reliability.md` V3).

use diesel::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{attribution, export_billing, labels};
use crate::clock::Timestamp;
use crate::db::schema::{
    consent_texts, consents, email_changes, member_events, members, newsletters, outbox, sessions,
};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::newsletters::subscriptions;

#[derive(Queryable, Selectable)]
#[diesel(table_name = members)]
struct Person {
    uuid: Vec<u8>,
    email: String,
    name: Option<String>,
    expertise: Option<String>,
    status: String,
    enable_comment_notifications: bool,
    enable_updates: Option<bool>,
    source_page: Option<String>,
    referrer: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_seen_at: Option<Timestamp>,
    language: Option<String>,
    paused_until: Option<Timestamp>,
    erase_at: Option<Timestamp>,
}

/// The document. Secrets are not in it: they are kept as hashes, which say nothing about anybody.
pub fn everything(conn: &mut Conn, member: MemberId) -> DbResult<Option<Value>> {
    let Some(person): Option<Person> =
        members::table.find(member).select(Person::as_select()).get_result(conn).optional()?
    else {
        return Ok(None);
    };
    let uuid = Uuid::from_slice(&person.uuid).map_err(|error| DbError::Corrupt(error.to_string()))?;
    let iso = |time: Option<Timestamp>| time.map(|time| time.iso8601());
    let lists: Vec<Value> = subscriptions::of(conn, member)?
        .into_iter()
        .map(|list| json!({"id": list.id.to_string(), "name": list.name}))
        .collect();
    let mails = mails(conn, &person.email)?;
    let billing = export_billing::everything(conn, member)?;
    Ok(Some(json!({
        "id": member.to_string(),
        "uuid": uuid,
        "email": person.email,
        "name": person.name,
        "expertise": person.expertise,
        "status": person.status,
        "enable_comment_notifications": person.enable_comment_notifications,
        "enable_updates_and_announcements": person.enable_updates,
        "signed_up_on": person.source_page,
        "came_from": person.referrer,
        "created_at": person.created_at.iso8601(),
        "updated_at": person.updated_at.iso8601(),
        "last_seen_at": iso(person.last_seen_at),
        "language": person.language,
        "attribution": attribution::of(conn, member)?,
        "newsletters_paused_until": iso(person.paused_until),
        "erased_at": iso(person.erase_at),
        "labels": labels::of(conn, member)?,
        "newsletters": lists,
        "consents": consents_of(conn, member)?,
        "sessions": sessions_of(conn, member)?,
        "events": events_of(conn, member)?,
        "email_changes": changes_of(conn, member)?,
        "mails": mails,
        "billing": billing,
    })))
}

type ConsentRow = (Option<NewsletterId>, String, Option<String>, Option<String>, String, Timestamp, Timestamp);

fn consents_of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Value>> {
    let rows: Vec<ConsentRow> = consents::table
        .inner_join(consent_texts::table)
        .filter(consents::member_id.eq(member))
        .order(consents::id)
        .select((
            consents::newsletter_id,
            consent_texts::text,
            consents::form_url,
            consents::client,
            consents::method,
            consents::asked_at,
            consents::confirmed_at,
        ))
        .load(conn)?;
    let names: Vec<(NewsletterId, String)> =
        newsletters::table.select((newsletters::id, newsletters::name)).load(conn)?;
    let name_of = |id: Option<NewsletterId>| names.iter().find(|(known, _)| Some(*known) == id).map(|(_, name)| name);
    Ok(rows
        .into_iter()
        .map(|(list, text, form, client, method, asked_at, confirmed_at)| {
            json!({
                "newsletter": name_of(list),
                "words_shown": text,
                "form": form,
                "client_network": client,
                "method": method,
                "asked_at": asked_at.iso8601(),
                "confirmed_at": confirmed_at.iso8601(),
            })
        })
        .collect())
}

fn sessions_of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Value>> {
    let rows: Vec<(Option<String>, Timestamp, Timestamp)> = sessions::table
        .filter(sessions::member_id.eq(member))
        .order(sessions::created_at)
        .select((sessions::agent, sessions::created_at, sessions::last_used_at))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(browser, opened, used)| {
            json!({"browser": browser, "signed_in_at": opened.iso8601(), "last_used_at": used.iso8601()})
        })
        .collect())
}

fn events_of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Value>> {
    let rows: Vec<(String, Option<NewsletterId>, Timestamp)> = member_events::table
        .filter(member_events::member_id.eq(member))
        .order(member_events::id)
        .select((member_events::kind, member_events::newsletter_id, member_events::created_at))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(kind, list, at)| json!({"what": kind, "newsletter": list.map(|id| id.to_string()), "at": at.iso8601()}))
        .collect())
}

fn changes_of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Value>> {
    let rows: Vec<(String, String, Timestamp, Option<Timestamp>)> = email_changes::table
        .filter(email_changes::member_id.eq(member))
        .order(email_changes::id)
        .select((
            email_changes::from_email,
            email_changes::to_email,
            email_changes::changed_at,
            email_changes::undone_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(from, to, at, undone)| {
            json!({"from": from, "to": to, "at": at.iso8601(), "undone_at": undone.map(|undone| undone.iso8601())})
        })
        .collect())
}

fn mails(conn: &mut Conn, email: &str) -> DbResult<Vec<Value>> {
    let rows: Vec<(String, String, Timestamp, Option<Timestamp>)> = outbox::table
        .filter(outbox::recipient.eq(email))
        .order(outbox::id)
        .select((outbox::kind, outbox::state, outbox::created_at, outbox::finished_at))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(kind, state, at, finished)| {
            json!({"kind": kind, "state": state, "at": at.iso8601(), "finished_at": finished.map(|at| at.iso8601())})
        })
        .collect())
}
