//! What members are told about what they pay: each thing once, whatever order its news came in and
//! however often. A notice is a row with a key that says which time it is about; its mail is queued in
//! the same transaction.

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::subscriptions::PaidSubscription;
use crate::clock::Timestamp;
use crate::db::schema::{billing_notices, paid_subscriptions, payments, stripe_customers, tiers};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::{BillingNoticeId, MemberId};
use crate::mail::outbox::{self, About, Kind as MailKind};
use crate::members;
use crate::secrets::{self, Purpose, Token};
use crate::signin::Policy;

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A paid plan has begun.
    Welcome,
    /// Money came; where its receipt is.
    Receipt,
    PaymentFailed,
    CardExpiring,
    TrialEnding,
    Cancelled,
    Resumed,
    /// It has ended, and not because its owner wanted it to.
    Ended,
    /// A trial was taken with a card or an address that had one before; nothing was charged.
    TrialRefused,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Welcome,
        Self::Receipt,
        Self::PaymentFailed,
        Self::CardExpiring,
        Self::TrialEnding,
        Self::Cancelled,
        Self::Resumed,
        Self::Ended,
        Self::TrialRefused,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Receipt => "receipt",
            Self::PaymentFailed => "payment_failed",
            Self::CardExpiring => "card_expiring",
            Self::TrialEnding => "trial_ending",
            Self::Cancelled => "cancelled",
            Self::Resumed => "resumed",
            Self::Ended => "ended",
            Self::TrialRefused => "trial_refused",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What the mail names, as it was when it became known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence: Option<String>,
    /// The day that the mail is about, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Where a receipt is, at Stripe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Something a member was told.
pub struct Notice {
    pub id: BillingNoticeId,
    pub kind: Kind,
    pub member: MemberId,
    pub facts: Facts,
}

/// Tells a member something, unless they were told.
fn tell(conn: &mut Conn, member: MemberId, kind: Kind, about: &str, facts: &Facts, now: Timestamp) -> DbResult<()> {
    let id = BillingNoticeId::new(now);
    let row = (
        billing_notices::id.eq(id),
        billing_notices::member_id.eq(member),
        billing_notices::kind.eq(kind.as_str()),
        billing_notices::about.eq(about),
        // Plain values with string keys always serialise.
        billing_notices::facts.eq(serde_json::to_string(facts).unwrap_or_default()),
        billing_notices::created_at.eq(now),
    );
    let is_new = on_either!(conn, conn => diesel::insert_into(billing_notices::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    if is_new == 0 {
        return Ok(());
    }
    let recipient = members::email_of(conn, member)?;
    let about = About { member: Some(member), notice: Some(id), ..About::default() };
    outbox::enqueue_notice(conn, MailKind::Billing, &recipient, about, now)
}

/// The notice behind a mail.
pub fn find(conn: &mut Conn, id: BillingNoticeId) -> DbResult<Option<Notice>> {
    let row: Option<(MemberId, String, String)> = billing_notices::table
        .find(id)
        .select((billing_notices::member_id, billing_notices::kind, billing_notices::facts))
        .get_result(conn)
        .optional()?;
    row.map(|(member, kind, facts)| {
        let kind = Kind::parse(&kind).ok_or_else(|| DbError::Corrupt(format!("notice of {kind}")))?;
        let facts = serde_json::from_str(&facts).map_err(|error| DbError::Corrupt(error.to_string()))?;
        Ok(Notice { id, kind, member, facts })
    })
    .transpose()
}

/// The key of a notice's link to the card page: it opens that page for this member and nothing else, so
/// that another card can be typed without signing in.
pub fn card_link_key(policy: &Policy, id: BillingNoticeId) -> Token {
    Token::from_bytes(&policy.key.hmac(Purpose::CardLink, id.as_bytes()))
}

/// How long such a link works: as long as Stripe tries to take the money, and some.
const CARD_LINK: Duration = Duration::from_secs(45 * 86_400);

/// Whose card a link is about, if it is good.
pub fn of_card_link(
    conn: &mut Conn,
    policy: &Policy,
    id: BillingNoticeId,
    key: &str,
    now: Timestamp,
) -> DbResult<Option<MemberId>> {
    if !secrets::equal(card_link_key(policy, id).reveal().as_bytes(), key.as_bytes()) {
        return Ok(None);
    }
    let row: Option<(MemberId, String, Timestamp)> = billing_notices::table
        .find(id)
        .select((billing_notices::member_id, billing_notices::kind, billing_notices::created_at))
        .get_result(conn)
        .optional()?;
    Ok(row
        .filter(|(_, kind, at)| {
            let is_about_a_card = matches!(Kind::parse(kind), Some(Kind::PaymentFailed | Kind::CardExpiring));
            is_about_a_card && now < at.plus(CARD_LINK)
        })
        .map(|(member, ..)| member))
}

fn was_told(conn: &mut Conn, member: MemberId, kind: Kind, about: &str) -> DbResult<bool> {
    let found: i64 = billing_notices::table
        .filter(billing_notices::member_id.eq(member))
        .filter(billing_notices::kind.eq(kind.as_str()))
        .filter(billing_notices::about.eq(about))
        .count()
        .get_result(conn)?;
    Ok(found > 0)
}

/// What happened longer ago is not told any more: an account that is taken over with its history would
/// be told years of it.
const HORIZON: Duration = Duration::from_secs(7 * 86_400);

/// Tells what is new in what Stripe says of a subscription. Depends on what it says, hardly on what was
/// known before: so that news may come late, twice, or in another order.
pub fn of_subscription(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    before: Option<&PaidSubscription>,
    now_is: &PaidSubscription,
    now: Timestamp,
) -> DbResult<()> {
    let since = now.minus(HORIZON);
    let facts = facts_of(conn, now_is)?;
    let is_running = matches!(now_is.status.as_str(), "active" | "trialing");
    if is_running && now_is.created_at > since {
        let day_ms = Some(now_is.period_end.millis());
        tell(conn, member, Kind::Welcome, &now_is.id, &Facts { day_ms, ..facts.clone() }, now)?;
    }
    if let Some(invoice) = now_is.owed_invoice()
        && now_is.past_due_since.is_some_and(|at| at > since)
    {
        // Until when access lasts without another card.
        let until = now_is.past_due_since.unwrap_or(now).plus(policy.grace);
        let owed = Facts {
            amount_minor: now_is.invoice_due_minor.or(facts.amount_minor),
            day_ms: Some(until.millis()),
            card: now_is.card_last4.clone(),
            ..facts.clone()
        };
        tell(conn, member, Kind::PaymentFailed, invoice, &owed, now)?;
    }
    let time_of = |at: Option<Timestamp>| at.map_or(0, Timestamp::seconds);
    if now_is.is_live() && now_is.cancel_at_period_end && now_is.canceled_at.is_some_and(|at| at > since) {
        let about = format!("{}:{}", now_is.id, time_of(now_is.canceled_at));
        let day_ms = Some(now_is.period_end.millis());
        tell(conn, member, Kind::Cancelled, &about, &Facts { day_ms, ..facts.clone() }, now)?;
    }
    if let Some(before) = before.filter(|before| before.cancel_at_period_end)
        && now_is.is_live()
        && !now_is.cancel_at_period_end
    {
        let about = format!("{}:{}", before.id, time_of(before.canceled_at));
        if was_told(conn, member, Kind::Cancelled, &about)? {
            let day_ms = Some(now_is.period_end.millis());
            let amount_minor = Some(now_is.next_payment().minor);
            tell(conn, member, Kind::Resumed, &about, &Facts { day_ms, amount_minor, ..facts.clone() }, now)?;
        }
    }
    // Ended at once, or by itself: by a payment that never came, by staff, with its customer.
    if now_is.status == "canceled"
        && now_is.ended_at.is_some_and(|at| at > since)
        && !now_is.cancel_at_period_end
        && !was_told(conn, member, Kind::TrialRefused, &now_is.id)?
    {
        let day_ms = now_is.ended_at.map(Timestamp::millis);
        tell(conn, member, Kind::Ended, &now_is.id, &Facts { day_ms, ..facts }, now)?;
    }
    Ok(())
}

fn facts_of(conn: &mut Conn, subscription: &PaidSubscription) -> DbResult<Facts> {
    let name = match subscription.tier_id {
        Some(id) => tiers::table.find(id).select(tiers::name).get_result(conn).optional()?,
        None => None,
    };
    Ok(Facts {
        tier: name,
        amount_minor: Some(subscription.amount_minor),
        currency: Some(subscription.currency.clone()),
        cadence: Some(subscription.cadence.clone()),
        ..Facts::default()
    })
}

/// A payment that came.
pub struct Paid<'a> {
    pub charge: &'a str,
    pub amount_minor: i64,
    pub currency: &'a str,
    pub receipt_url: Option<&'a str>,
    pub at: Timestamp,
}

/// Tells where the receipt of a payment is.
pub fn of_payment(conn: &mut Conn, member: MemberId, paid: &Paid<'_>, now: Timestamp) -> DbResult<()> {
    if paid.at <= now.minus(HORIZON) {
        return Ok(());
    }
    let facts = Facts {
        amount_minor: Some(paid.amount_minor),
        currency: Some(paid.currency.to_owned()),
        day_ms: Some(paid.at.millis()),
        url: paid.receipt_url.map(str::to_owned),
        ..Facts::default()
    };
    tell(conn, member, Kind::Receipt, paid.charge, &facts, now)
}

/// Tells where the receipts are of what was paid before the address was proved.
pub fn of_payments(conn: &mut Conn, member: MemberId, customer: &str, now: Timestamp) -> DbResult<()> {
    type Row = (String, i64, String, Option<String>, Timestamp);
    let paid: Vec<Row> = payments::table
        .filter(payments::customer_id.eq(customer))
        .order(payments::paid_at)
        .select((payments::id, payments::amount_minor, payments::currency, payments::receipt_url, payments::paid_at))
        .load(conn)?;
    paid.iter().try_for_each(|(charge, amount_minor, currency, receipt_url, at)| {
        let paid = Paid { charge, amount_minor: *amount_minor, currency, receipt_url: receipt_url.as_deref(), at: *at };
        of_payment(conn, member, &paid, now)
    })
}

/// Tells that a trial was refused.
pub fn of_refused_trial(
    conn: &mut Conn,
    member: MemberId,
    subscription: &PaidSubscription,
    now: Timestamp,
) -> DbResult<()> {
    let facts = facts_of(conn, subscription)?;
    tell(conn, member, Kind::TrialRefused, &subscription.id, &facts, now)
}

/// Members told in one transaction.
const AT_ONCE: i64 = 500;

/// Tells those whose trial ends soon. Returns how many trials were looked at.
pub fn of_ending_trials(conn: &mut Conn, before: Duration, now: Timestamp) -> DbResult<usize> {
    if before.is_zero() {
        return Ok(0);
    }
    let ending: Vec<(PaidSubscription, Option<MemberId>)> = paid_subscriptions::table
        .inner_join(stripe_customers::table)
        .filter(paid_subscriptions::status.eq("trialing").and(paid_subscriptions::cancel_at_period_end.eq(false)))
        .filter(paid_subscriptions::trial_end.gt(now).and(paid_subscriptions::trial_end.le(now.plus(before))))
        .order(paid_subscriptions::trial_end)
        .limit(AT_ONCE)
        .select((PaidSubscription::as_select(), stripe_customers::member_id))
        .load(conn)?;
    for (subscription, member) in &ending {
        // Of a trial shorter than the notice, the welcome says the same.
        let is_short = subscription.trial_start.is_some_and(|start| start.plus(before) >= subscription.period_end);
        if let Some(member) = member.filter(|_| !is_short) {
            let facts = Facts {
                day_ms: subscription.trial_end.map(Timestamp::millis),
                amount_minor: Some(subscription.next_payment().minor),
                ..facts_of(conn, subscription)?
            };
            tell(conn, member, Kind::TrialEnding, &subscription.id, &facts, now)?;
        }
    }
    Ok(ending.len())
}

/// Tells those who pay with a card that ends soon.
pub fn of_expiring_cards(conn: &mut Conn, before: Duration, now: Timestamp) -> DbResult<usize> {
    if before.is_zero() {
        return Ok(0);
    }
    let (year, month, ..) = now.plus(before).calendar_parts();
    let (this_year, this_month, ..) = now.calendar_parts();
    // A card is good to the end of its month.
    let ends_by = stripe_customers::card_exp_year
        .lt(year)
        .or(stripe_customers::card_exp_year.eq(year).and(stripe_customers::card_exp_month.lt(i32::from(month))));
    let is_good = stripe_customers::card_exp_year.gt(this_year).or(stripe_customers::card_exp_year
        .eq(this_year)
        .and(stripe_customers::card_exp_month.ge(i32::from(this_month))));
    type Row = (Option<MemberId>, Option<String>, Option<String>, Option<i32>, Option<i32>, String);
    let ending: Vec<Row> = stripe_customers::table
        .inner_join(paid_subscriptions::table)
        .filter(stripe_customers::member_id.is_not_null().and(stripe_customers::card_id.is_not_null()))
        .filter(paid_subscriptions::status.eq_any(["active", "trialing", "past_due"]))
        .filter(paid_subscriptions::cancel_at_period_end.eq(false))
        .filter(ends_by)
        .filter(is_good)
        .limit(AT_ONCE)
        .select((
            stripe_customers::member_id,
            stripe_customers::card_id,
            stripe_customers::card_last4,
            stripe_customers::card_exp_year,
            stripe_customers::card_exp_month,
            paid_subscriptions::id,
        ))
        .load(conn)?;
    for (member, card, last4, year, month, _) in &ending {
        if let (Some(member), Some(card), Some(year), Some(month)) = (member, card, year, month) {
            let facts =
                Facts { card: last4.clone(), day_ms: Some(month_end(*year, *month).millis()), ..Facts::default() };
            tell(conn, *member, Kind::CardExpiring, &format!("{card}:{year}-{month:02}"), &facts, now)?;
        }
    }
    Ok(ending.len())
}

/// The last day of a month, at noon in UTC.
fn month_end(year: i32, month: i32) -> Timestamp {
    let month = u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok());
    let month = month.unwrap_or(time::Month::December);
    let date = time::Date::from_calendar_date(year, month, month.length(year));
    let seconds = date.map_or(0, |date| date.midnight().assume_utc().unix_timestamp() + 43_200);
    Timestamp::from_millis(seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_on_their_last_day() {
        assert_eq!(month_end(2028, 2).iso8601(), "2028-02-29T12:00:00.000Z");
        assert_eq!(month_end(2026, 12).iso8601(), "2026-12-31T12:00:00.000Z");
    }

    #[test]
    fn every_kind_reads_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }
}
