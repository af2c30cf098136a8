//! What members set for themselves: name, newsletters, pauses (protocol B.8).

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::members;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::members::name;
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::{self, Newsletter, subscriptions};
use crate::texts::Language;

/// Changes; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// `Some(None)` takes the name away.
    pub name: Option<Option<String>>,
    pub expertise: Option<Option<String>>,
    /// The whole set, by id.
    pub newsletters: Option<Vec<NewsletterId>>,
    /// Only where `newsletters` is not given: all of them, or those that new members get.
    pub subscribed: Option<bool>,
    pub enable_comment_notifications: Option<bool>,
    pub enable_updates: Option<bool>,
    pub language: Option<Language>,
    /// No newsletters until then; `Some(None)` ends the pause.
    pub paused_until: Option<Option<Timestamp>>,
}

/// Where a change was made, for the proof of consent.
pub struct Place<'a> {
    pub method: &'a str,
    pub page: Option<&'a str>,
    pub client: &'a str,
    pub consent_text: &'a str,
}

#[derive(AsChangeset)]
#[diesel(table_name = members)]
struct Columns<'a> {
    name: Option<Option<&'a str>>,
    name_key: Option<Option<String>>,
    expertise: Option<Option<&'a str>>,
    enable_comment_notifications: Option<bool>,
    enable_updates: Option<bool>,
    language: Option<&'a str>,
    paused_until: Option<Option<Timestamp>>,
    updated_at: Timestamp,
}

/// Applies changes. Lists that do not exist or are archived are left as they are.
pub fn apply(conn: &mut Conn, member: MemberId, changes: &Changes, place: &Place<'_>, now: Timestamp) -> DbResult<()> {
    let columns = Columns {
        name: changes.name.as_ref().map(Option::as_deref),
        name_key: changes.name.as_ref().map(|name| name.as_deref().map(name::key)),
        expertise: changes.expertise.as_ref().map(Option::as_deref),
        enable_comment_notifications: changes.enable_comment_notifications,
        enable_updates: changes.enable_updates,
        language: changes.language.map(Language::tag),
        paused_until: changes.paused_until,
        updated_at: now,
    };
    diesel::update(members::table.find(member)).set(&columns).execute(conn)?;
    if changes.newsletters.is_none() && changes.subscribed.is_none() {
        return Ok(());
    }
    let active = newsletters::active(conn)?;
    let current = subscriptions::of(conn, member)?;
    if let Some(wanted) = wanted(changes, &active, &current) {
        set_newsletters(conn, member, &active, &current, &wanted, place, now)?;
    }
    Ok(())
}

/// The lists that a member should be on, if anything was said about them. Pure.
fn wanted(changes: &Changes, active: &[Newsletter], current: &[Newsletter]) -> Option<Vec<NewsletterId>> {
    match (&changes.newsletters, changes.subscribed) {
        (Some(wanted), _) => Some(wanted.clone()),
        (None, Some(false)) => Some(Vec::new()),
        (None, Some(true)) if current.is_empty() => Some(newsletters::defaults(active)),
        _ => None,
    }
}

fn set_newsletters(
    conn: &mut Conn,
    member: MemberId,
    active: &[Newsletter],
    current: &[Newsletter],
    wanted: &[NewsletterId],
    place: &Place<'_>,
    now: Timestamp,
) -> DbResult<()> {
    for list in current.iter().filter(|list| !wanted.contains(&list.id)) {
        subscriptions::unsubscribe(conn, member, list.id, now)?;
    }
    let new: Vec<NewsletterId> = active
        .iter()
        .map(|list| list.id)
        .filter(|id| wanted.contains(id) && !current.iter().any(|list| list.id == *id))
        .collect();
    let joined = subscriptions::subscribe(conn, member, &new, now)?;
    if !joined.is_empty() {
        let consent = Consent {
            text: place.consent_text,
            form_url: place.page,
            client: Some(place.client),
            method: place.method,
            asked_at: now,
        };
        consents::record(conn, member, &joined, &consent, now)?;
    }
    Ok(())
}

/// What is set, beside the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub paused_until: Option<Timestamp>,
    /// When the account will be erased, if its owner asked for that.
    pub erase_at: Option<Timestamp>,
}

pub fn standing(conn: &mut Conn, member: MemberId) -> DbResult<Option<Standing>> {
    let row: Option<(Option<Timestamp>, Option<Timestamp>)> =
        members::table.find(member).select((members::paused_until, members::erase_at)).get_result(conn).optional()?;
    Ok(row.map(|(paused_until, erase_at)| Standing { paused_until, erase_at }))
}
