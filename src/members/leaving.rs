//! Deleting an account: seven days to think again, then everything is erased (`reliability.md` V4).

use std::collections::HashSet;

use diesel::prelude::*;

use super::address::EmailAddress;
use super::events::{self, Event};
use crate::billing::customers;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::{
    email_changes, erased_addresses, magic_links, members, newsletter_subscriptions, outbox, suppressions,
};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{EmailChangeId, MagicLinkId, MemberId, NewsletterId};
use crate::newsletters::subscriptions;
use crate::secrets::{Purpose, Sha256};
use crate::signin::Policy;
use crate::staff::figures;

/// Accounts erased in one transaction.
const AT_ONCE: i64 = 100;

/// Asks for the account to be erased. Newsletters end at once, the rest when there was time to think
/// again; returns when.
pub fn ask(conn: &mut Conn, policy: &Policy, member: MemberId, now: Timestamp) -> DbResult<Timestamp> {
    let erase_at = now.plus(seconds(policy.lifetimes.leaving_s));
    diesel::update(members::table.find(member)).set(members::erase_at.eq(erase_at)).execute(conn)?;
    let lists: Vec<NewsletterId> = newsletter_subscriptions::table
        .filter(newsletter_subscriptions::member_id.eq(member))
        .select(newsletter_subscriptions::newsletter_id)
        .load(conn)?;
    for list in lists {
        subscriptions::unsubscribe(conn, member, list, now)?;
    }
    events::record(conn, member, Event::AskedToLeave, now)?;
    Ok(erase_at)
}

/// Lets an account be erased at a moment that staff chose. Until then everything stays as it is, so that it
/// can be taken back whole.
pub fn erase_at(conn: &mut Conn, member: MemberId, at: Timestamp, now: Timestamp) -> DbResult<()> {
    diesel::update(members::table.find(member)).set(members::erase_at.eq(at)).execute(conn)?;
    events::record(conn, member, Event::AskedToLeave, now)
}

/// Stays after all. Newsletters are not taken up again: that is the member's to choose.
pub fn stay(conn: &mut Conn, member: MemberId, now: Timestamp) -> DbResult<()> {
    diesel::update(members::table.find(member)).set(members::erase_at.eq(None::<Timestamp>)).execute(conn)?;
    events::record(conn, member, Event::Stayed, now)
}

/// Erases the accounts whose time is over; returns how many.
pub fn erase_due(conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<usize> {
    let due: Vec<(MemberId, String)> = members::table
        .filter(members::erase_at.le(now))
        .order(members::erase_at)
        .limit(AT_ONCE)
        .select((members::id, members::email))
        .load(conn)?;
    for (member, email) in &due {
        erase(conn, policy, *member, &super::stored_address(email)?, now)?;
    }
    Ok(due.len())
}

/// Erases an account at once.
pub fn erase_now(conn: &mut Conn, policy: &Policy, member: MemberId, now: Timestamp) -> DbResult<()> {
    let email = super::email_of(conn, member)?;
    erase(conn, policy, member, &super::stored_address(&email)?, now)
}

/// Removes a member and everything that names them. Sessions, subscriptions, consents, events and
/// address changes go with the member's row.
fn erase(conn: &mut Conn, policy: &Policy, member: MemberId, email: &EmailAddress, now: Timestamp) -> DbResult<()> {
    // Mails and links of every address the member had.
    let changes: Vec<(EmailChangeId, String, String)> = email_changes::table
        .filter(email_changes::member_id.eq(member))
        .select((email_changes::id, email_changes::from_email, email_changes::to_email))
        .load(conn)?;
    let mut addresses = vec![email.clone()];
    for former in changes.iter().flat_map(|(_, from, to)| [from, to]).filter_map(|text| EmailAddress::parse(text).ok())
    {
        // One that is somebody else's by now is not ours to clear up.
        if super::find_by_email(conn, &former)?.is_none() {
            addresses.push(former);
        }
    }
    let keys: Vec<String> = addresses.iter().map(EmailAddress::key).collect();
    let links: Vec<MagicLinkId> = magic_links::table
        .filter(magic_links::member_id.eq(member).or(magic_links::email_key.eq_any(&keys)))
        .select(magic_links::id)
        .load(conn)?;
    diesel::delete(outbox::table.filter(outbox::recipient.eq(email.as_given()))).execute(conn)?;
    diesel::delete(outbox::table.filter(outbox::link_id.eq_any(&links))).execute(conn)?;
    diesel::delete(outbox::table.filter(outbox::change_id.eq_any(changes.iter().map(|change| change.0))))
        .execute(conn)?;
    diesel::delete(magic_links::table.filter(magic_links::id.eq_any(&links))).execute(conn)?;
    diesel::delete(suppressions::table.filter(suppressions::email_key.eq_any(&keys))).execute(conn)?;
    customers::erase(conn, member, &keys)?;
    diesel::delete(members::table.find(member)).execute(conn)?;
    figures::bump(conn, figures::LOST, now)?;
    let hash = hash(policy, email);
    let row = (erased_addresses::hash.eq(&hash[..]), erased_addresses::erased_at.eq(now));
    on_either!(conn, conn => diesel::insert_into(erased_addresses::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// Under the key file, so that the hash cannot be tried against lists of addresses.
fn hash(policy: &Policy, email: &EmailAddress) -> Sha256 {
    policy.key.hmac(Purpose::ErasedAddress, email.key().as_bytes())
}

/// Which of some addresses were erased, by key, for whoever adds addresses that did not ask themselves.
pub fn erased_among(conn: &mut Conn, policy: &Policy, emails: &[&EmailAddress]) -> DbResult<HashSet<String>> {
    let hashes: Vec<Vec<u8>> = emails.iter().map(|email| hash(policy, email).to_vec()).collect();
    let found: HashSet<Vec<u8>> = erased_addresses::table
        .filter(erased_addresses::hash.eq_any(&hashes))
        .select(erased_addresses::hash)
        .load(conn)?
        .into_iter()
        .collect();
    let erased = emails.iter().zip(hashes).filter(|(_, hash)| found.contains(hash));
    Ok(erased.map(|(email, _)| email.key()).collect())
}

/// Their owner came back and confirmed: nothing is held against the address any more.
pub fn came_back(conn: &mut Conn, policy: &Policy, email: &EmailAddress) -> DbResult<()> {
    diesel::delete(erased_addresses::table.find(&hash(policy, email)[..])).execute(conn)?;
    Ok(())
}
