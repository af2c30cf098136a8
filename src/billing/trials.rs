//! One trial a person: an address or a card that had one gets no other. Kept as hashes under the key
//! file.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::trials;
use crate::db::{Conn, DbResult, on_either};
use crate::members::address::EmailAddress;
use crate::secrets::{Purpose, Sha256};
use crate::signin::Policy;

/// What a trial is remembered by.
fn hash(policy: &Policy, what: &str) -> Sha256 {
    policy.key.hmac(Purpose::Trial, what.as_bytes())
}

fn of_address(policy: &Policy, email: &EmailAddress) -> Sha256 {
    hash(policy, &format!("address {}", email.budget_key()))
}

fn of_card(policy: &Policy, fingerprint: &str) -> Sha256 {
    hash(policy, &format!("card {fingerprint}"))
}

/// Whether somebody with this address may have one.
pub fn may_have(conn: &mut Conn, policy: &Policy, email: &EmailAddress) -> DbResult<bool> {
    let found: i64 = trials::table.find(&of_address(policy, email)[..]).count().get_result(conn)?;
    Ok(found == 0)
}

/// Remembers the trial of a subscription. Returns whether it is the first one of both the address and
/// the card; of the same subscription it always is.
pub fn remember(
    conn: &mut Conn,
    policy: &Policy,
    email: Option<&EmailAddress>,
    fingerprint: Option<&str>,
    subscription: &str,
    now: Timestamp,
) -> DbResult<bool> {
    let hashes = [email.map(|email| of_address(policy, email)), fingerprint.map(|card| of_card(policy, card))];
    let mut is_first = true;
    for hash in hashes.into_iter().flatten() {
        let row = (trials::hash.eq(&hash[..]), trials::subscription_id.eq(subscription), trials::created_at.eq(now));
        on_either!(conn, conn => diesel::insert_into(trials::table).values(row).on_conflict_do_nothing().execute(conn)?);
        let whose: String = trials::table.find(&hash[..]).select(trials::subscription_id).get_result(conn)?;
        is_first &= whose == subscription;
    }
    Ok(is_first)
}
