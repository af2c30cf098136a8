//! A member moves to another address (`reliability.md` S8).
//!
//! The new address proves itself by a link. Unless the member has just signed in, the present one
//! is asked first. With the change every other session ends, older links die, and the old address
//! gets a notice with a link that undoes it for 72 hours.

use std::time::Duration;

use diesel::prelude::*;

use super::address::EmailAddress;
use super::events::{self, Event};
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::{email_changes, members, sessions};
use crate::db::{Conn, DbResult};
use crate::ids::{EmailChangeId, MemberId};
use crate::limits::{self, Verdict, Window};
use crate::mail::outbox::{self, About, Kind};
use crate::secrets::{self, Sha256, Token};
use crate::signin::links::{self, Purpose, Via};
use crate::signin::{Policy, asking};
use crate::texts::Language;

/// Where a wish came from: where its links lead back to, and which browser may follow them at once.
pub struct Origin<'a> {
    pub via: Via,
    pub language: Language,
    pub return_to: Option<&'a str>,
    pub asked_by: Option<Sha256>,
    pub agent: Option<&'a str>,
}

/// A member wants another address.
pub struct Wish<'a> {
    pub member: MemberId,
    pub new: &'a EmailAddress,
    /// When the session that wishes was opened.
    pub signed_in_at: Timestamp,
    pub origin: Origin<'a>,
}

/// What became of the wish. The same is said whether the new address is somebody's or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wished {
    /// The new address has a mail.
    NewAddressAsked,
    /// The present address has one: it must agree first.
    PresentAddressAsked,
    OverLimit {
        retry_after: Duration,
    },
}

/// Takes the wish for another address.
pub fn request(conn: &mut Conn, policy: &Policy, wish: &Wish<'_>, now: Timestamp) -> DbResult<Wished> {
    let hourly = [Window::new(3_600, policy.limits.email_changes_per_hour)];
    let bucket = limits::bucket("email change", &wish.member.to_string());
    if let Verdict::Refused { retry_after } = limits::admit(conn, &bucket, &hourly, now)? {
        return Ok(Wished::OverLimit { retry_after });
    }
    let current = super::stored_address(&super::email_of(conn, wish.member)?)?;
    let is_fresh = is_fresh(policy, wish.signed_in_at, now);
    if current.key() == wish.new.key() {
        return Ok(if is_fresh { Wished::NewAddressAsked } else { Wished::PresentAddressAsked });
    }
    if is_fresh {
        ask_new_address(conn, policy, wish.member, wish.new, &wish.origin, now)?;
        return Ok(Wished::NewAddressAsked);
    }
    send(conn, policy, Purpose::ApproveEmailUpdate, wish.member, &current, wish.new, &wish.origin, now)?;
    Ok(Wished::PresentAddressAsked)
}

/// Whether somebody signed in so recently that it is surely they who sit there. Pure.
pub fn is_fresh(policy: &Policy, signed_in_at: Timestamp, now: Timestamp) -> bool {
    now < signed_in_at.plus(seconds(policy.lifetimes.fresh_signin_s))
}

/// Mails the link that proves the new address. One that is a member's already gets a note instead.
pub fn ask_new_address(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    new: &EmailAddress,
    origin: &Origin<'_>,
    now: Timestamp,
) -> DbResult<()> {
    if !asking::admit_address(conn, policy, new, now)? {
        return Ok(());
    }
    if let Some(owner) = super::contact_by_email(conn, new)? {
        return outbox::enqueue_notice(conn, Kind::AddressTaken, &owner.email, About::default(), now);
    }
    send(conn, policy, Purpose::UpdateEmail, member, new, new, origin, now)
}

#[allow(clippy::too_many_arguments)] // One row, written in one place.
fn send(
    conn: &mut Conn,
    policy: &Policy,
    purpose: Purpose,
    member: MemberId,
    to: &EmailAddress,
    wanted: &EmailAddress,
    origin: &Origin<'_>,
    now: Timestamp,
) -> DbResult<()> {
    let new = links::NewLink {
        purpose,
        email: to,
        member: Some(member),
        asked_by: origin.asked_by,
        agent: origin.agent,
        wishes: &links::Wishes::of_new_email(wanted, origin.via, origin.language),
        return_to: origin.return_to,
        code_ref: None,
    };
    let (id, expires_at) = links::insert(conn, policy, &new, now)?;
    outbox::enqueue_link(conn, id, &to.as_given(), outbox::State::Waiting, expires_at, now)
}

/// Makes the change. False when the address became somebody's meanwhile, or the member is gone.
pub fn apply(conn: &mut Conn, policy: &Policy, member: MemberId, new: &EmailAddress, now: Timestamp) -> DbResult<bool> {
    if super::find_by_email(conn, new)?.is_some() {
        return Ok(false);
    }
    let Some(old) = members::table.find(member).select(members::email).get_result::<String>(conn).optional()? else {
        return Ok(false);
    };
    set_address(conn, member, new, now)?;
    let id = EmailChangeId::new(now);
    diesel::insert_into(email_changes::table)
        .values((
            email_changes::id.eq(id),
            email_changes::member_id.eq(member),
            email_changes::from_email.eq(&old),
            email_changes::to_email.eq(new.as_given()),
            email_changes::changed_at.eq(now),
            email_changes::undo_until.eq(now.plus(seconds(policy.lifetimes.email_undo_s))),
        ))
        .execute(conn)?;
    events::record(conn, member, Event::EmailChanged, now)?;
    let about = About { change: Some(id), ..About::default() };
    outbox::enqueue_notice(conn, Kind::AddressChanged, &old, about, now)?;
    Ok(true)
}

/// The address, with everything that was proved by the one before.
fn set_address(conn: &mut Conn, member: MemberId, address: &EmailAddress, now: Timestamp) -> DbResult<()> {
    diesel::update(members::table.find(member))
        .set((members::email.eq(address.as_given()), members::email_key.eq(address.key()), members::updated_at.eq(now)))
        .execute(conn)?;
    diesel::delete(sessions::table.filter(sessions::member_id.eq(member))).execute(conn)?;
    links::void_all(conn, member, now)
}

/// The token of the link that undoes a change.
pub fn undo_token(policy: &Policy, id: EmailChangeId) -> Token {
    Token::from_bytes(&policy.key.hmac(secrets::Purpose::UndoEmailChange, id.as_bytes()))
}

/// A change as the page and the mail about it show it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = email_changes)]
pub struct Change {
    pub id: EmailChangeId,
    pub member_id: MemberId,
    pub from_email: String,
    pub to_email: String,
    pub changed_at: Timestamp,
    pub undo_until: Timestamp,
    pub undone_at: Option<Timestamp>,
}

pub fn find(conn: &mut Conn, id: EmailChangeId) -> DbResult<Option<Change>> {
    Ok(email_changes::table.find(id).select(Change::as_select()).get_result(conn).optional()?)
}

/// Takes a change back. False when it is too late, was done already, or the address is another's.
pub fn undo(conn: &mut Conn, id: EmailChangeId, now: Timestamp) -> DbResult<bool> {
    let Some(change) = find(conn, id)? else {
        return Ok(false);
    };
    let old = super::stored_address(&change.from_email)?;
    if super::find_by_email(conn, &old)?.is_some_and(|owner| owner != change.member_id) {
        return Ok(false);
    }
    let undone = diesel::update(email_changes::table.find(id))
        .filter(email_changes::undone_at.is_null().and(email_changes::undo_until.gt(now)))
        .set(email_changes::undone_at.eq(now))
        .execute(conn)?;
    if undone != 1 {
        return Ok(false);
    }
    // Whoever changed it may have changed it on: what the old address says holds.
    set_address(conn, change.member_id, &old, now)?;
    events::record(conn, change.member_id, Event::EmailChangeUndone, now)?;
    Ok(true)
}
