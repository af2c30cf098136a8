//! Sessions: rows on the server, of which a browser's cookie holds the only key
//! (`reliability.md` S1 to S5).

use diesel::prelude::*;
use uuid::Uuid;

use super::{Policy, links};
use crate::clock::Timestamp;
use crate::config::{Lifetimes, seconds};
use crate::db::schema::{members, sessions, suppressions};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::MemberId;
use crate::members::events::{self, Event};
use crate::members::record::MemberRow;
use crate::secrets::{Sha256, Token};

/// Opens a session with a fresh id; one that a browser brought along is never taken over.
pub fn open(conn: &mut Conn, member: MemberId, agent: Option<&str>, now: Timestamp) -> DbResult<Token> {
    let token = Token::random();
    diesel::insert_into(sessions::table)
        .values((
            sessions::token_hash.eq(&token.hash()[..]),
            sessions::member_id.eq(member),
            sessions::agent.eq(agent),
            sessions::created_at.eq(now),
            sessions::last_used_at.eq(now),
        ))
        .execute(conn)?;
    Ok(token)
}

/// A member with a live session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub id: MemberId,
    pub member: MemberRow,
    /// Its last use should be written down again.
    pub needs_touch: bool,
}

/// Whether a session still counts. Pure.
fn is_live(lifetimes: &Lifetimes, created_at: Timestamp, last_used_at: Timestamp, now: Timestamp) -> bool {
    now < created_at.plus(seconds(lifetimes.session_absolute_s))
        && now < last_used_at.plus(seconds(lifetimes.session_idle_s))
}

type Row = (
    MemberId,
    Timestamp,
    Timestamp,
    Vec<u8>,
    String,
    Option<String>,
    Option<String>,
    String,
    bool,
    Option<bool>,
    Timestamp,
    Option<String>,
    Option<Timestamp>,
    Option<Timestamp>,
);

/// Who is here: one indexed read.
pub fn who(conn: &mut Conn, lifetimes: &Lifetimes, session: &Sha256, now: Timestamp) -> DbResult<Option<SignedIn>> {
    let query = sessions::table
        .inner_join(members::table)
        .left_join(suppressions::table.on(suppressions::email_key.eq(members::email_key)))
        .filter(sessions::token_hash.eq(&session[..]))
        .select((
            members::id,
            sessions::created_at,
            sessions::last_used_at,
            members::uuid,
            members::email,
            members::name,
            members::expertise,
            members::status,
            members::enable_comment_notifications,
            members::enable_updates,
            members::created_at,
            suppressions::reason.nullable(),
            suppressions::created_at.nullable(),
            suppressions::until.nullable(),
        ));
    let row: Option<Row> = on_either!(conn, conn => query.first(conn).optional()?);
    let Some((
        id,
        opened_at,
        last_used_at,
        uuid,
        email,
        name,
        expertise,
        status,
        enable_comment_notifications,
        enable_updates,
        created_at,
        suppression_reason,
        suppressed_since,
        suppressed_until,
    )) = row
    else {
        return Ok(None);
    };
    if !is_live(lifetimes, opened_at, last_used_at, now) {
        return Ok(None);
    }
    let suppressed =
        suppression_reason.zip(suppressed_since).filter(|_| suppressed_until.is_none_or(|until| now < until));
    let uuid = Uuid::from_slice(&uuid).map_err(|error| DbError::Corrupt(error.to_string()))?;
    Ok(Some(SignedIn {
        id,
        member: MemberRow {
            uuid,
            email,
            name,
            expertise,
            status,
            enable_comment_notifications,
            enable_updates,
            created_at,
            suppressed,
        },
        needs_touch: now >= last_used_at.plus(seconds(lifetimes.session_touch_s)),
    }))
}

/// Writes down that a session was used; the idle time starts anew.
pub fn touch(conn: &mut Conn, session: &Sha256, member: MemberId, now: Timestamp) -> DbResult<()> {
    diesel::update(sessions::table.find(&session[..])).set(sessions::last_used_at.eq(now)).execute(conn)?;
    crate::members::seen(conn, member, now)
}

/// Ends one session at once. Ending one that is gone is no fault.
pub fn close(conn: &mut Conn, session: &Sha256, now: Timestamp) -> DbResult<()> {
    let Some(member) = member_of(conn, session)? else {
        return Ok(());
    };
    diesel::delete(sessions::table.find(&session[..])).execute(conn)?;
    events::record(conn, member, Event::SignedOut, now)
}

/// Ends every session of the member this one belongs to, and voids the links that are on their
/// way (`reliability.md` S2, T8).
pub fn close_all(conn: &mut Conn, session: &Sha256, now: Timestamp) -> DbResult<()> {
    let Some(member) = member_of(conn, session)? else {
        return Ok(());
    };
    diesel::delete(sessions::table.filter(sessions::member_id.eq(member))).execute(conn)?;
    links::void_all(conn, member, now)?;
    events::record(conn, member, Event::SignedOutEverywhere, now)
}

fn member_of(conn: &mut Conn, session: &Sha256) -> DbResult<Option<MemberId>> {
    Ok(sessions::table.find(&session[..]).select(sessions::member_id).first(conn).optional()?)
}

/// Drops sessions that are over.
pub fn purge(conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<usize> {
    let idle_since = now.minus(seconds(policy.lifetimes.session_idle_s));
    let opened_before = now.minus(seconds(policy.lifetimes.session_absolute_s));
    let over = sessions::last_used_at.le(idle_since).or(sessions::created_at.le(opened_before));
    Ok(diesel::delete(sessions::table.filter(over)).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_rest_and_by_age() {
        let lifetimes = Lifetimes { session_idle_s: 30, session_absolute_s: 180, ..Lifetimes::default() };
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        assert!(is_live(&lifetimes, at(0), at(0), at(29)));
        assert!(!is_live(&lifetimes, at(0), at(0), at(30)));
        assert!(is_live(&lifetimes, at(0), at(170), at(179)));
        assert!(!is_live(&lifetimes, at(0), at(179), at(180)));
    }
}
