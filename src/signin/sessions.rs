//! Sessions: rows on the server, of which a browser's cookie holds the only key
//! (`reliability.md` S1 to S5).

use diesel::prelude::*;

use super::{Policy, links};
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::sessions;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, StaffId};
use crate::members::events::{self, Event};
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
    close_all_of(conn, member, now)?;
    Ok(())
}

/// Ends every session of a member.
pub fn close_all_of(conn: &mut Conn, member: MemberId, now: Timestamp) -> DbResult<usize> {
    let ended = diesel::delete(sessions::table.filter(sessions::member_id.eq(member))).execute(conn)?;
    links::void_all(conn, member, now)?;
    events::record(conn, member, Event::SignedOutEverywhere, now)?;
    Ok(ended)
}

/// Opens a session in a member's name for somebody of the staff. It is marked, so that pages can say so
/// and refuse what only the member may do.
pub fn open_as(
    conn: &mut Conn,
    member: MemberId,
    staff: StaffId,
    agent: Option<&str>,
    now: Timestamp,
) -> DbResult<Token> {
    let token = open(conn, member, agent, now)?;
    diesel::update(sessions::table.find(&token.hash()[..])).set(sessions::staff_id.eq(staff)).execute(conn)?;
    Ok(token)
}

fn member_of(conn: &mut Conn, session: &Sha256) -> DbResult<Option<MemberId>> {
    Ok(sessions::table.find(&session[..]).select(sessions::member_id).get_result(conn).optional()?)
}

/// Drops sessions that are over.
pub fn purge(conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<usize> {
    let idle_since = now.minus(seconds(policy.lifetimes.session_idle_s));
    let opened_before = now.minus(seconds(policy.lifetimes.session_absolute_s));
    let over = sessions::last_used_at.le(idle_since).or(sessions::created_at.le(opened_before));
    Ok(diesel::delete(sessions::table.filter(over)).execute(conn)?)
}
