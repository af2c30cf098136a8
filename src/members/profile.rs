//! Everything that staff see of one member.

use diesel::prelude::*;
use uuid::Uuid;

use super::attribution::{self, Attribution};
use super::labels;
use super::notes::{self, Note};
use crate::billing::customers::{self, Customer};
use crate::billing::payments::{self, Payment};
use crate::billing::standing::{self, Standing};
use crate::clock::Timestamp;
use crate::db::schema::{
    billing_notices, consent_texts, consents, email_changes, member_events, members, newsletters, outbox, sessions,
    suppressions,
};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::newsletters::{Newsletter, subscriptions};

/// Rows of each kind that are shown, the newest.
const MOST: i64 = 100;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct Person {
    pub id: MemberId,
    uuid: Vec<u8>,
    pub email: String,
    email_key: String,
    pub name: Option<String>,
    pub status: String,
    pub source_page: Option<String>,
    pub referrer: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub language: Option<String>,
    pub paused_until: Option<Timestamp>,
    pub erase_at: Option<Timestamp>,
}

/// Why no mail goes to somebody.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = suppressions)]
pub struct Suppression {
    pub reason: String,
    pub detail: Option<String>,
    pub created_at: Timestamp,
    pub until: Option<Timestamp>,
}

/// Proof that somebody agreed.
#[derive(Clone, Debug)]
pub struct Agreed {
    pub newsletter: Option<String>,
    pub words: String,
    pub form_url: Option<String>,
    pub client: Option<String>,
    pub method: String,
    pub asked_at: Timestamp,
    pub confirmed_at: Timestamp,
}

/// A browser somebody is signed in with.
#[derive(Clone, Debug, Queryable)]
pub struct Device {
    pub browser: Option<String>,
    pub signed_in_at: Timestamp,
    pub last_used_at: Timestamp,
    /// Staff opened it in the member's name.
    pub is_of_staff: bool,
}

/// A mail and its fate.
#[derive(Clone, Debug)]
pub struct MailSent {
    pub kind: String,
    pub state: String,
    pub attempts: i32,
    pub error: Option<String>,
    pub at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// What happened, for the timeline.
#[derive(Clone, Debug)]
pub enum What {
    /// As `member_events` names it, with the list it was about.
    Event(String, Option<String>),
    Mail(MailSent),
    Paid(Payment),
    /// What they were told about what they pay.
    Told(String),
    Moved {
        from: String,
        to: String,
    },
    Noted(Note),
}

#[derive(Clone, Debug)]
pub struct Moment {
    pub at: Timestamp,
    pub what: What,
}

pub struct Profile {
    pub person: Person,
    pub uuid: Uuid,
    pub labels: Vec<String>,
    pub newsletters: Vec<Newsletter>,
    pub attribution: Option<Attribution>,
    pub suppression: Option<Suppression>,
    pub agreed: Vec<Agreed>,
    pub devices: Vec<Device>,
    pub standing: Standing,
    pub customers: Vec<Customer>,
    pub payments: Vec<Payment>,
    pub mails: Vec<MailSent>,
    pub notes: Vec<Note>,
    /// The newest first.
    pub timeline: Vec<Moment>,
}

/// All of it; `None` when there is no such member.
pub fn read(conn: &mut Conn, member: MemberId) -> DbResult<Option<Profile>> {
    let Some(person): Option<Person> =
        members::table.find(member).select(Person::as_select()).get_result(conn).optional()?
    else {
        return Ok(None);
    };
    let names: Vec<(NewsletterId, String)> =
        newsletters::table.select((newsletters::id, newsletters::name)).load(conn)?;
    let payments = payments::newest_of(conn, member, MOST)?;
    let mails = mails_to(conn, &person.email)?;
    let notes = notes::of(conn, member)?;
    let mut timeline = happened(conn, member, &names)?;
    let moment = |at, what| Moment { at, what };
    timeline.extend(payments.iter().map(|one| moment(one.paid_at, What::Paid(one.clone()))));
    timeline.extend(mails.iter().map(|one| moment(one.finished_at.unwrap_or(one.at), What::Mail(one.clone()))));
    timeline.extend(notes.iter().map(|one| moment(one.created_at, What::Noted(one.clone()))));
    timeline.sort_by_key(|moment| std::cmp::Reverse(moment.at));
    Ok(Some(Profile {
        uuid: Uuid::from_slice(&person.uuid).map_err(|error| DbError::Corrupt(error.to_string()))?,
        labels: labels::of(conn, member)?,
        newsletters: subscriptions::of(conn, member)?,
        attribution: attribution::of(conn, member)?,
        suppression: suppressions::table
            .find(&person.email_key)
            .select(Suppression::as_select())
            .get_result(conn)
            .optional()?,
        agreed: agreed_by(conn, member, &names)?,
        devices: devices_of(conn, member)?,
        standing: standing::of_member(conn, member)?,
        customers: customers::of_member(conn, member)?,
        person,
        payments,
        mails,
        notes,
        timeline,
    }))
}

fn name_of(names: &[(NewsletterId, String)], id: Option<NewsletterId>) -> Option<String> {
    names.iter().find(|(known, _)| Some(*known) == id).map(|(_, name)| name.clone())
}

type AgreedRow = (Option<NewsletterId>, String, Option<String>, Option<String>, String, Timestamp, Timestamp);

fn agreed_by(conn: &mut Conn, member: MemberId, names: &[(NewsletterId, String)]) -> DbResult<Vec<Agreed>> {
    let rows: Vec<AgreedRow> = consents::table
        .inner_join(consent_texts::table)
        .filter(consents::member_id.eq(member))
        .order(consents::id.desc())
        .limit(MOST)
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
    Ok(rows
        .into_iter()
        .map(|(list, words, form_url, client, method, asked_at, confirmed_at)| Agreed {
            newsletter: name_of(names, list),
            words,
            form_url,
            client,
            method,
            asked_at,
            confirmed_at,
        })
        .collect())
}

fn devices_of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Device>> {
    Ok(sessions::table
        .filter(sessions::member_id.eq(member))
        .order(sessions::last_used_at.desc())
        .limit(MOST)
        .select((sessions::agent, sessions::created_at, sessions::last_used_at, sessions::staff_id.is_not_null()))
        .load(conn)?)
}

type MailRow = (String, String, i32, Option<String>, Timestamp, Option<Timestamp>);

fn mails_to(conn: &mut Conn, email: &str) -> DbResult<Vec<MailSent>> {
    let rows: Vec<MailRow> = outbox::table
        .filter(outbox::recipient.eq(email))
        .order(outbox::id.desc())
        .limit(MOST)
        .select((
            outbox::kind,
            outbox::state,
            outbox::attempts,
            outbox::last_error,
            outbox::created_at,
            outbox::finished_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(kind, state, attempts, error, at, finished_at)| MailSent {
            kind,
            state,
            attempts,
            error,
            at,
            finished_at,
        })
        .collect())
}

/// Events, moves to other addresses, and what was told about money.
fn happened(conn: &mut Conn, member: MemberId, names: &[(NewsletterId, String)]) -> DbResult<Vec<Moment>> {
    let events: Vec<(String, Option<NewsletterId>, Timestamp)> = member_events::table
        .filter(member_events::member_id.eq(member))
        .order(member_events::id.desc())
        .limit(MOST)
        .select((member_events::kind, member_events::newsletter_id, member_events::created_at))
        .load(conn)?;
    let moves: Vec<(String, String, Timestamp)> = email_changes::table
        .filter(email_changes::member_id.eq(member))
        .order(email_changes::id.desc())
        .limit(MOST)
        .select((email_changes::from_email, email_changes::to_email, email_changes::changed_at))
        .load(conn)?;
    let told: Vec<(String, Timestamp)> = billing_notices::table
        .filter(billing_notices::member_id.eq(member))
        .order(billing_notices::id.desc())
        .limit(MOST)
        .select((billing_notices::kind, billing_notices::created_at))
        .load(conn)?;
    let events =
        events.into_iter().map(|(kind, list, at)| Moment { at, what: What::Event(kind, name_of(names, list)) });
    let moves = moves.into_iter().map(|(from, to, at)| Moment { at, what: What::Moved { from, to } });
    let told = told.into_iter().map(|(kind, at)| Moment { at, what: What::Told(kind) });
    Ok(events.chain(moves).chain(told).collect())
}
