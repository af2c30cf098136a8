//! One change to many members. Whom it changed is kept, so that it can be taken back.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Job, note_member};
use crate::billing::subscriptions as paid;
use crate::clock::Timestamp;
use crate::db::schema::members;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{LabelId, MemberId, NewsletterId};
use crate::members::listing::{self, Filter};
use crate::members::{labels, leaving};
use crate::newsletters::consents::{self, Consent};
use crate::newsletters::subscriptions;

/// What is done to each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Label(String),
    Unlabel(String),
    Subscribe(String),
    Unsubscribe(String),
    Erase,
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// Ids.
    Chosen(Vec<String>),
    /// A filter, as it stands in an address.
    Fitting(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub deed: Deed,
    pub whom: Whom,
    /// For how long it can be taken back; accounts to be erased wait as long.
    pub undo_s: u64,
}

impl Request {
    pub fn of(job: &Job) -> DbResult<Self> {
        serde_json::from_value(job.request.clone()).map_err(|error| DbError::Corrupt(error.to_string()))
    }
}

/// Members looked at in one step.
const STEP: i64 = 200;

/// Does a step of a job; `true` when it was the last one.
pub fn step(conn: &mut Conn, job: &mut Job, now: Timestamp) -> DbResult<bool> {
    let request = Request::of(job)?;
    let (some, is_last) = match &request.whom {
        Whom::Chosen(ids) => (ids.iter().filter_map(|id| id.parse().ok()).collect(), true),
        Whom::Fitting(filter) => {
            let after: Option<MemberId> = job.place.as_deref().and_then(|place| place.parse().ok());
            let (some, last) = listing::walk(conn, &Filter::of_query(filter), after, STEP, now)?;
            job.place = last.map(|last| last.to_string());
            (some.into_iter().map(|one| one.id).collect::<Vec<MemberId>>(), last.is_none())
        }
    };
    let erase_at = now.plus(crate::config::seconds(request.undo_s));
    for member in &some {
        let changed = match &request.deed {
            Deed::Label(id) => labels::put(conn, *member, id_of::<LabelId>(id)?)?,
            Deed::Unlabel(id) => labels::take_off(conn, *member, id_of::<LabelId>(id)?)?,
            Deed::Unsubscribe(id) => subscriptions::unsubscribe(conn, *member, id_of::<NewsletterId>(id)?, now)?,
            Deed::Subscribe(id) => match subscribe(conn, *member, id_of(id)?, job, now)? {
                Ok(changed) => changed,
                Err(why) => {
                    count(job, why);
                    false
                }
            },
            Deed::Erase if paid::is_charged(conn, *member)? => {
                count(job, "paying");
                false
            }
            Deed::Erase => erase(conn, *member, erase_at, now)?,
        };
        if changed {
            note_member(conn, job.id, *member)?;
            count(job, "changed");
        } else {
            count(job, "same");
        }
    }
    job.done += i64::try_from(some.len()).unwrap_or(0);
    Ok(is_last)
}

fn id_of<T: std::str::FromStr>(text: &str) -> DbResult<T> {
    text.parse().map_err(|_| DbError::Corrupt(format!("{text} is no id")))
}

/// Adds one to a number of the report.
pub(super) fn count(job: &mut Job, what: &str) {
    job.report[what] = (job.number(what) + 1).into();
}

/// Puts somebody on a list, unless they left it themselves or mails to them are held back: what they said
/// counts for more than what staff choose (`reliability.md` M12).
fn subscribe(
    conn: &mut Conn,
    member: MemberId,
    list: NewsletterId,
    job: &Job,
    now: Timestamp,
) -> DbResult<Result<bool, &'static str>> {
    let Some(why_not) = why_not(conn, member, list)? else {
        let joined = subscriptions::subscribe(conn, member, &[list], now)?;
        if !joined.is_empty() {
            let method = format!("by staff: {}", job.made_by);
            let text = "Subscribed by staff.";
            let consent = Consent { text, form_url: None, client: None, method: &method, asked_at: job.created_at };
            consents::record(conn, member, &joined, &consent, now)?;
        }
        return Ok(Ok(!joined.is_empty()));
    };
    Ok(Err(why_not))
}

/// Why somebody must not be put on a list by anybody but themselves.
pub(super) fn why_not(conn: &mut Conn, member: MemberId, list: NewsletterId) -> DbResult<Option<&'static str>> {
    let row: Option<(String, Option<Timestamp>)> =
        members::table.find(member).select((members::email_key, members::erase_at)).get_result(conn).optional()?;
    let Some((email_key, erase_at)) = row else { return Ok(Some("gone")) };
    if erase_at.is_some() {
        return Ok(Some("leaving"));
    }
    if !listing::suppressed(conn, &[&email_key])?.is_empty() {
        return Ok(Some("held"));
    }
    Ok(subscriptions::left(conn, member, list)?.then_some("left"))
}

/// Erases an account when there was time to take it back; newsletters stay until then.
fn erase(conn: &mut Conn, member: MemberId, at: Timestamp, now: Timestamp) -> DbResult<bool> {
    let unasked = members::table.find(member).filter(members::erase_at.is_null()).count();
    let unasked: i64 = unasked.get_result(conn)?;
    if unasked == 1 {
        leaving::erase_at(conn, member, at, now)?;
    }
    Ok(unasked == 1)
}

/// Takes back what a job did to one member.
pub(super) fn undo(conn: &mut Conn, request: &Request, member: MemberId, now: Timestamp) -> DbResult<()> {
    match &request.deed {
        Deed::Label(id) => labels::take_off(conn, member, id_of(id)?).map(drop),
        Deed::Unlabel(id) => labels::put(conn, member, id_of(id)?).map(drop),
        Deed::Subscribe(id) => subscriptions::take_back(conn, member, id_of(id)?).map(drop),
        Deed::Unsubscribe(id) => subscriptions::subscribe(conn, member, &[id_of(id)?], now).map(drop),
        Deed::Erase => leaving::stay(conn, member, now),
    }
}
