//! Why somebody may read, or may not: the whole chain, from the address to Stripe's last word.

use std::time::Duration;

use diesel::prelude::*;

use super::standing::{self, Standing};
use super::{customers, inbox};
use crate::clock::Timestamp;
use crate::db::schema::{members, sessions, stripe_customers};
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;
use crate::members::address::EmailAddress;

/// The chain in words, a link of it a line. Says when there is no such member, and what was paid under
/// the address all the same.
pub fn explain(conn: &mut Conn, email: &EmailAddress, grace: Duration, now: Timestamp) -> DbResult<String> {
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let row: Option<(MemberId, String, Timestamp, Option<Timestamp>)> = members::table
        .filter(members::email_key.eq(email.key()))
        .select((members::id, members::status, members::created_at, members::last_seen_at))
        .get_result(conn)
        .optional()?;
    let unclaimed: i64 = stripe_customers::table
        .filter(stripe_customers::member_id.is_null().and(stripe_customers::email_key.eq(email.key())))
        .count()
        .get_result(conn)?;
    let Some((member, status, since, seen)) = row else {
        say(format!("member         none has the address {}", email.as_given()));
        if unclaimed > 0 {
            say(format!("paid for       {unclaimed} customer(s) of Stripe's wait for this address to be proved"));
        }
        say("may read       only what everybody may".to_owned());
        return Ok(text);
    };
    say(format!("member         {member}, since {since}, counts as {status}"));
    let open: i64 = sessions::table.filter(sessions::member_id.eq(member)).count().get_result(conn)?;
    let last = seen.map_or_else(|| "never".to_owned(), |at| at.to_string());
    say(format!("signed in      on {open} device(s), last seen {last}"));
    if unclaimed > 0 {
        say(format!("paid for       {unclaimed} further customer(s) of Stripe's wait for the next sign-in by mail"));
    }
    for customer in customers::of_member(conn, member)? {
        let read = customer.read_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let card = customer.card_last4.map_or_else(|| "no card".to_owned(), |last4| format!("card …{last4}"));
        say(format!("customer       {}, {card}, last read from Stripe {read}", customer.id));
    }
    let standing = standing::of_member(conn, member)?;
    for one in &standing.subscriptions {
        let ends = if one.cancel_at_period_end { ", is to end then" } else { "" };
        let invoice =
            one.invoice_status.as_deref().map_or(String::new(), |status| format!(", newest invoice {status}"));
        say(format!(
            "subscription   {}: Stripe says {}, {} a {}, period to {}{ends}{invoice}",
            one.id,
            one.status,
            one.price(),
            one.cadence,
            one.period_end
        ));
    }
    let access = standing.access(grace, now);
    for verdict in &access.verdicts {
        let what = verdict.subscription.as_deref().unwrap_or("given by staff");
        let tier = verdict.tier.map_or("no tier", |id| name_of(&standing, id));
        let may = if verdict.gives_access { "gives" } else { "does not give" };
        let until = verdict.until.map_or(String::new(), |until| format!(" (to {until})"));
        say(format!("rule           {what} {may} {tier}: {}{until}", verdict.reason.words()));
    }
    let names: Vec<&str> = access.tiers().into_iter().map(|id| name_of(&standing, id)).collect();
    let read = if names.is_empty() { "what every member may".to_owned() } else { names.join(", ") };
    say(format!("may read       {read}; counts as {}", access.status().as_str()));
    if access.status().as_str() != status {
        say("note           what stands on the member differs; the next round mends it".to_owned());
    }
    let depth = inbox::depth(conn)?;
    if depth.waiting + depth.parked > 0 {
        say(format!("inbox          {} event(s) of Stripe's wait, {} are parked", depth.waiting, depth.parked));
    }
    Ok(text)
}

fn name_of(standing: &Standing, id: crate::ids::TierId) -> &str {
    standing.tier(id).map_or("a tier that is gone", |tier| tier.name.as_str())
}
