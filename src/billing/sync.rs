//! Agreeing with Stripe. A reading fetches everything about one customer and writes what it says; an
//! older reading never overwrites a newer one. Whatever woke it (an event, a browser that comes back, a
//! change that was asked for, the nightly comparison) only says *whom* to read.

use diesel::prelude::*;
use futures_util::future::try_join3;

use super::notices::{self, Paid};
use super::stripe::objects::{self, Charge, Discount, Invoice, Ref};
use super::subscriptions::{self, PaidSubscription};
use super::{Billing, BillingResult, SITE, customers, offers, standing, tiers, trials};
use crate::clock::Timestamp;
use crate::db::schema::{payments, stripe_customers};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::MemberId;
use crate::members;
use crate::members::address::EmailAddress;
use crate::signin::Policy;

/// What a reading found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synced {
    /// It is none of ours.
    NotOurs,
    /// What stood here is what Stripe says.
    Same,
    /// Something was otherwise, and is not any more.
    Changed,
}

/// Everything that Stripe says about a customer.
struct Reading {
    customer: objects::Customer,
    subscriptions: Vec<objects::Subscription>,
    charges: Vec<Charge>,
}

/// What is to be done at Stripe after a reading was written.
#[derive(Default)]
struct Aftermath {
    /// Trials of somebody who had one before.
    refused_trials: Vec<String>,
}

/// Readings of one customer that overtake each other again and again end here.
const MOST_READINGS: usize = 8;

impl Billing {
    /// Reads a customer and writes what Stripe says.
    pub async fn sync(&self, customer: &str) -> BillingResult<Synced> {
        for _ in 0..MOST_READINGS {
            let Some(number) = self.begin_reading(customer).await? else {
                if self.adopt_if_ours(customer).await? {
                    continue;
                }
                return Ok(Synced::NotOurs);
            };
            let reading = self.fetch(customer).await?;
            let (id, policy, now) = (customer.to_owned(), self.policy.clone(), self.now());
            let written = self.db.write(move |conn| apply(conn, &policy, &id, &reading, number, now)).await?;
            let Some((changed, aftermath)) = written else {
                // A newer reading was quicker. What this one saw may be newer still: read again.
                metrics::counter!("readership_stripe_readings_overtaken_total").increment(1);
                continue;
            };
            for subscription in &aftermath.refused_trials {
                self.refuse_trial(subscription).await?;
            }
            if aftermath.refused_trials.is_empty() {
                return Ok(if changed { Synced::Changed } else { Synced::Same });
            }
        }
        Err(DbError::Query(format!("readings of {customer} overtake each other")).into())
    }

    /// Numbers a reading, in the order they begin. `None`: the customer is not known here.
    async fn begin_reading(&self, customer: &str) -> BillingResult<Option<i64>> {
        let id = customer.to_owned();
        let number = self.db.write(move |conn| {
            let row = stripe_customers::table.find(&id);
            let counted = diesel::update(row)
                .set(stripe_customers::reads_begun.eq(stripe_customers::reads_begun + 1))
                .execute(conn)?;
            if counted == 0 {
                return Ok(None);
            }
            Ok(Some(row.select(stripe_customers::reads_begun).get_result(conn)?))
        });
        Ok(number.await?)
    }

    async fn fetch(&self, customer: &str) -> BillingResult<Reading> {
        let (customer, subscriptions, charges) = try_join3(
            self.stripe.customer(customer),
            self.stripe.subscriptions_of(customer),
            self.stripe.charges_of(customer),
        )
        .await?;
        Ok(Reading { customer, subscriptions, charges })
    }

    /// An account may serve other sites too. Ours carry our mark, on the customer or on what they
    /// subscribed to.
    async fn adopt_if_ours(&self, customer: &str) -> BillingResult<bool> {
        let found = match self.stripe.customer(customer).await {
            Err(error) if error.is_missing() => return Ok(false),
            found => found?,
        };
        let is_ours = |metadata: &std::collections::HashMap<String, String>| {
            metadata.get(SITE).is_some_and(|site| **site == *self.site_uuid)
        };
        let mut ours = is_ours(&found.metadata);
        if !ours && !found.deleted {
            ours = self.stripe.subscriptions_of(customer).await?.iter().any(|one| is_ours(&one.metadata));
        }
        if !ours {
            return Ok(false);
        }
        let member: Option<MemberId> = found.metadata.get("readership_member").and_then(|id| id.parse().ok());
        let email_key = found.email.as_deref().and_then(|email| EmailAddress::parse(email).ok());
        let email_key = email_key.map(|email| email.key()).unwrap_or_default();
        let (id, now) = (customer.to_owned(), self.now());
        self.db
            .write(move |conn| {
                // A member who was erased since is nobody any more.
                let member = match member {
                    Some(member) => members::uuid_of(conn, member)?.map(|_| member),
                    None => None,
                };
                customers::adopt(conn, &id, member, &email_key, now)
            })
            .await?;
        Ok(true)
    }

    /// Ends a trial that its owner is not due. Nothing was charged.
    async fn refuse_trial(&self, subscription: &str) -> BillingResult<()> {
        match self.stripe.cancel_now(subscription, &format!("second-trial-{subscription}")).await {
            Err(error) if !error.is_missing() => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Writes a reading. `None`: a newer one was written meanwhile. Returns whether anything changed.
fn apply(
    conn: &mut Conn,
    policy: &Policy,
    customer: &str,
    reading: &Reading,
    number: i64,
    now: Timestamp,
) -> DbResult<Option<(bool, Aftermath)>> {
    let is_newest = diesel::update(stripe_customers::table.find(customer))
        .filter(stripe_customers::read_applied.lt(number))
        .set((stripe_customers::read_applied.eq(number), stripe_customers::read_at.eq(now)))
        .execute(conn)?;
    if is_newest == 0 {
        return Ok(None);
    }
    let Some(known) = customers::find(conn, customer)? else { return Ok(None) };
    let mut changed = put_card(conn, &known, reading)?;
    let mut aftermath = Aftermath::default();
    let fingerprint = card_of(&reading.customer, &reading.subscriptions).and_then(|card| card.fingerprint.clone());
    let before = subscriptions::of_customer(conn, customer)?;
    for told in &reading.subscriptions {
        let earlier = before.iter().find(|one| one.id == told.id);
        let Some(mut row) = row_of(conn, customer, told, earlier)? else { continue };
        if known.is_erased() {
            row.card_last4 = None;
            row.cancellation_reason = None;
        }
        let is_new = earlier != Some(&row);
        if is_new {
            subscriptions::put(conn, &row)?;
            changed = true;
        }
        if let Some(offer) = row.offer_id {
            offers::redeemed(conn, offer, &row.id, now)?;
        }
        let member = known.member_id;
        if row.status == "trialing" {
            let email = match member {
                Some(member) => EmailAddress::parse(&members::email_of(conn, member)?).ok(),
                None => reading.customer.email.as_deref().and_then(|email| EmailAddress::parse(email).ok()),
            };
            let is_first = trials::remember(conn, policy, email.as_ref(), fingerprint.as_deref(), &row.id, now)?;
            if !is_first {
                aftermath.refused_trials.push(row.id.clone());
                if let Some(member) = member {
                    notices::of_refused_trial(conn, member, &row, now)?;
                }
                continue;
            }
        }
        if let Some(member) = member {
            notices::of_subscription(conn, policy, member, earlier, &row, now)?;
        }
    }
    for charge in reading.charges.iter().filter(|charge| charge.paid) {
        changed |= put_payment(conn, customer, charge)?;
        if let Some(member) = known.member_id {
            let paid = Paid {
                charge: &charge.id,
                amount_minor: charge.amount,
                currency: &charge.currency,
                receipt_url: charge.receipt_url.as_deref(),
                at: charge.created.into(),
            };
            notices::of_payment(conn, member, &paid, now)?;
        }
    }
    if let Some(member) = known.member_id.filter(|_| changed) {
        standing::refresh(conn, policy, member, now)?;
    }
    Ok(Some((changed, aftermath)))
}

/// The card that pays: the subscription's own, else the customer's.
fn card_of<'a>(
    customer: &'a objects::Customer,
    subscriptions: &'a [objects::Subscription],
) -> Option<&'a objects::Card> {
    method_of(customer, subscriptions).and_then(|method| method.card.as_ref())
}

fn method_of<'a>(
    customer: &'a objects::Customer,
    subscriptions: &'a [objects::Subscription],
) -> Option<&'a objects::PaymentMethod> {
    let live =
        subscriptions.iter().find(|one| matches!(one.status.as_str(), "active" | "trialing" | "past_due" | "unpaid"));
    let own = live.and_then(|one| one.default_payment_method.as_ref()).and_then(Ref::object);
    own.or_else(|| customer.invoice_settings.default_payment_method.as_ref().and_then(Ref::object))
}

fn put_card(conn: &mut Conn, known: &customers::Customer, reading: &Reading) -> DbResult<bool> {
    let method = method_of(&reading.customer, &reading.subscriptions).filter(|_| !known.is_erased());
    let card = method.and_then(|method| method.card.as_ref());
    let id = method.map(|method| method.id.clone());
    let (last4, year, month) =
        (card.map(|card| card.last4.clone()), card.map(|card| card.exp_year), card.map(|card| card.exp_month));
    let before = (known.is_deleted, &known.card_id, &known.card_last4, known.card_exp_year, known.card_exp_month);
    if before == (reading.customer.deleted, &id, &last4, year, month) {
        return Ok(false);
    }
    diesel::update(stripe_customers::table.find(&known.id))
        .set((
            stripe_customers::is_deleted.eq(reading.customer.deleted),
            stripe_customers::card_id.eq(id),
            stripe_customers::card_last4.eq(last4),
            stripe_customers::card_exp_year.eq(year),
            stripe_customers::card_exp_month.eq(month),
        ))
        .execute(conn)?;
    Ok(true)
}

fn put_payment(conn: &mut Conn, customer: &str, charge: &Charge) -> DbResult<bool> {
    let known: Option<(i64, bool)> = payments::table
        .find(&charge.id)
        .select((payments::refunded_minor, payments::is_disputed))
        .get_result(conn)
        .optional()?;
    if known == Some((charge.amount_refunded, charge.disputed)) {
        return Ok(false);
    }
    let kind = if charge.metadata.contains_key("readership_donation") { "donation" } else { "subscription" };
    let row = (
        payments::id.eq(&charge.id),
        payments::customer_id.eq(customer),
        payments::kind.eq(kind),
        payments::amount_minor.eq(charge.amount),
        payments::currency.eq(&charge.currency),
        payments::refunded_minor.eq(charge.amount_refunded),
        payments::is_disputed.eq(charge.disputed),
        payments::receipt_url.eq(charge.receipt_url.as_deref()),
        payments::paid_at.eq(Timestamp::from(charge.created)),
    );
    let changes = (payments::refunded_minor.eq(charge.amount_refunded), payments::is_disputed.eq(charge.disputed));
    on_either!(conn, conn => diesel::insert_into(payments::table)
        .values(row)
        .on_conflict(payments::id)
        .do_update()
        .set(changes)
        .execute(conn)?);
    if charge.disputed {
        metrics::counter!("readership_stripe_disputes_total").increment(1);
        tracing::warn!(charge = charge.id, customer, "a payment is disputed: answer it in Stripe's dashboard");
    }
    Ok(true)
}

/// What Stripe says of a subscription, as a row. `None`: it has no item, which Stripe does not do.
fn row_of(
    conn: &mut Conn,
    customer: &str,
    told: &objects::Subscription,
    earlier: Option<&PaidSubscription>,
) -> DbResult<Option<PaidSubscription>> {
    let Some(item) = told.items.data.first() else {
        tracing::error!(subscription = told.id, "a subscription without items");
        return Ok(None);
    };
    let price = &item.price;
    let time = |at: Option<objects::Seconds>| at.map(Timestamp::from);
    let invoice: Option<&Invoice> = told.latest_invoice.as_ref().and_then(Ref::object);
    let discount: Option<&Discount> = told.discounts.first().and_then(Ref::object);
    let coupon = discount.and_then(|discount| discount.source.coupon.as_ref());
    let coupon_id = coupon.map(|coupon| match coupon {
        Ref::Id(id) => id.as_str(),
        Ref::Object(coupon) => coupon.id.as_str(),
    });
    let offer_id = match (coupon_id, told.metadata.get("readership_offer")) {
        (Some(coupon), _) => offers::of_coupon(conn, coupon)?,
        (None, Some(offer)) => match offer.parse() {
            Ok(id) => offers::find(conn, id)?.map(|offer| offer.id),
            Err(_) => None,
        },
        (None, None) => None,
    };
    // The offer that somebody came with stays written down when its discount is over.
    let offer_id = offer_id.or(earlier.and_then(|earlier| earlier.offer_id));
    let owes = matches!(told.status.as_str(), "past_due" | "unpaid");
    let coupon = coupon.and_then(Ref::object);
    let details = told.cancellation_details.as_ref();
    let own_reason = details.and_then(|details| details.comment.clone());
    let payment_failed = details.is_some_and(|details| details.reason.as_deref() == Some("payment_failed"));
    let card = told.default_payment_method.as_ref().and_then(Ref::object).and_then(|method| method.card.as_ref());
    Ok(Some(PaidSubscription {
        id: told.id.clone(),
        customer_id: customer.to_owned(),
        item_id: item.id.clone(),
        tier_id: tiers::of_product(conn, price.product.id())?,
        price_id: price.id.clone(),
        product_id: price.product.id().to_owned(),
        cadence: price.recurring.as_ref().map_or_else(|| "month".to_owned(), |recurring| recurring.interval.clone()),
        amount_minor: price.unit_amount.unwrap_or(0),
        currency: price.currency.clone(),
        status: told.status.clone(),
        cancel_at_period_end: told.cancel_at_period_end,
        canceled_at: time(told.canceled_at),
        cancellation_reason: own_reason.or_else(|| payment_failed.then(|| "Payment failed".to_owned())),
        started_at: told.start_date.into(),
        period_start: item.current_period_start.into(),
        period_end: item.current_period_end.into(),
        trial_start: time(told.trial_start),
        trial_end: time(told.trial_end),
        ended_at: time(told.ended_at),
        past_due_since: invoice.filter(|_| owes).map(|invoice| invoice.created.into()),
        invoice_id: invoice.and_then(|invoice| invoice.id.clone()),
        invoice_status: invoice.and_then(|invoice| invoice.status.clone()),
        invoice_due_minor: invoice.map(|invoice| invoice.amount_remaining),
        offer_id,
        discount_percent: coupon.and_then(|coupon| coupon.percent_off).map(|percent| percent.round() as i64),
        discount_minor: coupon.and_then(|coupon| coupon.amount_off),
        discount_start: discount.map(|discount| discount.start.into()),
        discount_end: discount.and_then(|discount| time(discount.end)),
        card_last4: card.map(|card| card.last4.clone()),
        created_at: told.created.into(),
    }))
}
