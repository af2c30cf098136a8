//! A member's subscriptions as the protocol shows them (A.4, D.4). Amounts are minor units, currencies
//! in upper case.

use std::time::Duration;

use serde_json::{Value, json};

use super::access::Status;
use super::offers::Offer;
use super::standing::Standing;
use super::subscriptions::PaidSubscription;
use super::tiers::Tier;
use crate::clock::Timestamp;

/// What the record says about money.
pub struct Shown {
    pub status: Status,
    pub subscriptions: Vec<Value>,
}

/// The entries of a member, and what they count as.
pub fn of(standing: &Standing, name: Option<&str>, email: &str, grace: Duration, now: Timestamp) -> Shown {
    let access = standing.access(grace, now);
    let mut subscriptions: Vec<Value> = standing
        .subscriptions
        .iter()
        .filter(|one| !one.is_hidden())
        .map(|one| subscription(standing, one, name, email))
        .collect();
    // What staff gave has no subscription at Stripe; the widgets want an entry all the same.
    if access.status() == Status::Comped && standing.current().is_none() {
        let given = access.verdicts.iter().find(|verdict| verdict.gives_access);
        let tier = given.and_then(|verdict| standing.tier(verdict.tier?));
        let until = given.and_then(|verdict| verdict.until);
        subscriptions.push(complimentary(tier, until, name, email, now));
    }
    Shown { status: access.status(), subscriptions }
}

fn subscription(standing: &Standing, one: &PaidSubscription, name: Option<&str>, email: &str) -> Value {
    let tier = one.tier_id.and_then(|id| standing.tier(id));
    let offer = one.offer_id.and_then(|id| standing.offers.iter().find(|offer| offer.id == id));
    let currency = one.currency.to_uppercase();
    let nickname = if one.cadence == "year" { "Yearly" } else { "Monthly" };
    let iso = |at: Option<Timestamp>| at.map(Timestamp::iso8601);
    let next = one.next_payment();
    let discount = (next.minor != one.amount_minor).then(|| {
        json!({
            "offer_id": offer.map(|offer| offer.id.to_string()),
            "start": iso(one.discount_start),
            "end": iso(one.discount_end),
            "duration": offer.map(|offer| &offer.duration),
            "duration_in_months": offer.and_then(|offer| offer.months),
            "type": if one.discount_percent.is_some() { "percent" } else { "fixed" },
            "amount": one.discount_percent.or(one.discount_minor),
        })
    });
    json!({
        "id": one.id,
        "customer": {"id": one.customer_id, "name": name, "email": email},
        "plan": {
            "id": one.price_id, "nickname": nickname, "amount": one.amount_minor, "interval": one.cadence,
            "currency": currency,
        },
        "status": one.status,
        "start_date": one.started_at.iso8601(),
        "default_payment_card_last4": one.card_last4.as_deref().unwrap_or("****"),
        "cancel_at_period_end": one.cancel_at_period_end,
        "cancellation_reason": one.cancellation_reason,
        "current_period_end": one.period_end.iso8601(),
        "trial_start_at": iso(one.trial_start),
        "trial_end_at": iso(one.trial_end),
        "discount_start": iso(one.discount_start),
        "discount_end": iso(one.discount_end),
        "price": {
            "id": one.price_id, "price_id": one.price_id, "nickname": nickname, "amount": one.amount_minor,
            "interval": one.cadence, "type": "recurring", "currency": currency,
            "product": {
                "id": one.product_id, "name": tier.map(|tier| &tier.name),
                "product_id": one.tier_id.map(|id| id.to_string()),
            },
        },
        "tier": tier.map(|tier| tier_json(tier, None)),
        "offer": offer.map(offer_json),
        "offer_redemptions": offer.map(offer_json).into_iter().collect::<Vec<Value>>(),
        "next_payment": if one.is_live() && !one.cancel_at_period_end {
            json!({
                "original_amount": one.amount_minor, "amount": next.minor, "interval": one.cadence,
                "currency": currency, "discount": discount,
            })
        } else {
            Value::Null
        },
    })
}

fn complimentary(
    tier: Option<&Tier>,
    until: Option<Timestamp>,
    name: Option<&str>,
    email: &str,
    now: Timestamp,
) -> Value {
    let currency =
        tier.and_then(|tier| tier.currency.as_ref()).map_or_else(|| "USD".to_owned(), |code| code.to_uppercase());
    let end = until.map(Timestamp::iso8601);
    json!({
        "id": "",
        "tier": tier.map(|tier| tier_json(tier, until)),
        "customer": {"id": "", "name": name, "email": email},
        "plan": {"id": "", "nickname": "Complimentary", "amount": 0, "interval": "year", "currency": currency},
        "status": "active",
        "start_date": now.iso8601(),
        "default_payment_card_last4": "****",
        "cancel_at_period_end": false,
        "cancellation_reason": null,
        "current_period_end": end,
        "trial_start_at": null,
        "trial_end_at": null,
        "price": {
            "id": "", "price_id": "", "nickname": "Complimentary", "amount": 0, "interval": "year",
            "type": "recurring", "currency": currency,
            "product": {
                "id": "", "name": tier.map(|tier| &tier.name), "product_id": tier.map(|tier| tier.id.to_string()),
            },
        },
        "offer": null,
        "offer_redemptions": [],
        "next_payment": null,
    })
}

fn tier_json(tier: &Tier, expires: Option<Timestamp>) -> Value {
    json!({
        "id": tier.id.to_string(),
        "name": tier.name,
        "slug": tier.slug,
        "description": tier.description,
        "active": tier.is_active,
        "type": tier.kind.as_str(),
        "welcome_page_url": tier.welcome_page_url,
        "visibility": if tier.is_public { "public" } else { "none" },
        "trial_days": tier.trial_days,
        "created_at": tier.created_at.iso8601(),
        "updated_at": tier.updated_at.iso8601(),
        "expiry_at": expires.map(Timestamp::iso8601),
    })
}

/// An offer, as its clients know it (D.7, B.11).
pub fn offer_json(offer: &Offer) -> Value {
    json!({
        "id": offer.id.to_string(),
        "name": offer.name,
        "code": offer.code,
        "display_title": offer.title,
        "display_description": offer.description,
        "type": offer.kind,
        "cadence": offer.cadence,
        "amount": offer.amount,
        "duration": offer.duration,
        "duration_in_months": offer.months,
        "currency_restriction": offer.currency.is_some(),
        "currency": offer.currency.as_ref().map(|code| code.to_uppercase()),
        "status": if offer.is_active { "active" } else { "archived" },
        "redemption_type": offer.redemption,
        "tier": offer.tier_id.map(|id| json!({"id": id.to_string()})),
    })
}
