//! What an export says about money (`reliability.md` V3).

use diesel::prelude::*;
use serde_json::{Value, json};

use crate::billing::standing;
use crate::clock::Timestamp;
use crate::db::schema::{billing_notices, payments, stripe_customers};
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;

pub(super) fn everything(conn: &mut Conn, member: MemberId) -> DbResult<Value> {
    let standing = standing::of_member(conn, member)?;
    let iso = |at: Option<Timestamp>| at.map(Timestamp::iso8601);
    let subscriptions: Vec<Value> = standing
        .subscriptions
        .iter()
        .map(|one| {
            json!({
                "stripe_subscription": one.id, "stripe_customer": one.customer_id, "status": one.status,
                "tier": one.tier_id.and_then(|id| standing.tier(id)).map(|tier| &tier.name),
                "amount_minor": one.amount_minor, "currency": one.currency, "every": one.cadence,
                "started_at": one.started_at.iso8601(), "period_end": one.period_end.iso8601(),
                "ended_at": iso(one.ended_at), "reason_for_ending": one.cancellation_reason, "card_last4": one.card_last4,
            })
        })
        .collect();
    let free_of_charge: Vec<Value> = standing
        .comps
        .iter()
        .map(|comp| {
            json!({
                "tier": standing.tier(comp.tier_id).map(|tier| &tier.name), "from": comp.created_at.iso8601(),
                "until": iso(comp.until), "ended_at": iso(comp.ended_at),
            })
        })
        .collect();
    type Paid = (String, String, i64, String, i64, bool, Timestamp);
    let paid: Vec<Paid> = payments::table
        .inner_join(stripe_customers::table)
        .filter(stripe_customers::member_id.eq(member))
        .order(payments::paid_at)
        .select((
            payments::id,
            payments::kind,
            payments::amount_minor,
            payments::currency,
            payments::refunded_minor,
            payments::is_disputed,
            payments::paid_at,
        ))
        .load(conn)?;
    let paid: Vec<Value> = paid
        .into_iter()
        .map(|(id, kind, amount, currency, refunded, disputed, at)| {
            json!({
                "stripe_charge": id, "for": kind, "amount_minor": amount, "currency": currency,
                "refunded_minor": refunded, "disputed": disputed, "at": at.iso8601(),
            })
        })
        .collect();
    let told: Vec<(String, String, Timestamp)> = billing_notices::table
        .filter(billing_notices::member_id.eq(member))
        .order(billing_notices::id)
        .select((billing_notices::kind, billing_notices::facts, billing_notices::created_at))
        .load(conn)?;
    let told: Vec<Value> = told
        .into_iter()
        .map(|(kind, facts, at)| {
            // What was written as JSON reads as JSON.
            let facts: Value = serde_json::from_str(&facts).unwrap_or_default();
            json!({"what": kind, "facts": facts, "at": at.iso8601()})
        })
        .collect();
    Ok(json!({
        "subscriptions": subscriptions, "free_of_charge": free_of_charge, "payments": paid, "notices": told,
    }))
}
