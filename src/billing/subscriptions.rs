//! Paid subscriptions, as Stripe last told them.

use diesel::prelude::*;

use super::access::SubscriptionFacts;
use super::money::Money;
use crate::clock::Timestamp;
use crate::db::schema::{paid_subscriptions, stripe_customers};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{MemberId, OfferId, TierId};

/// A row, in Stripe's words. Times are Stripe's.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = paid_subscriptions, treat_none_as_null = true)]
pub struct PaidSubscription {
    pub id: String,
    pub customer_id: String,
    pub item_id: String,
    pub tier_id: Option<TierId>,
    pub price_id: String,
    pub product_id: String,
    pub cadence: String,
    pub amount_minor: i64,
    pub currency: String,
    pub status: String,
    pub cancel_at_period_end: bool,
    pub canceled_at: Option<Timestamp>,
    pub cancellation_reason: Option<String>,
    pub started_at: Timestamp,
    pub period_start: Timestamp,
    pub period_end: Timestamp,
    pub trial_start: Option<Timestamp>,
    pub trial_end: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub past_due_since: Option<Timestamp>,
    pub invoice_id: Option<String>,
    pub invoice_status: Option<String>,
    pub invoice_due_minor: Option<i64>,
    pub offer_id: Option<OfferId>,
    pub discount_percent: Option<i64>,
    pub discount_minor: Option<i64>,
    pub discount_start: Option<Timestamp>,
    pub discount_end: Option<Timestamp>,
    pub card_last4: Option<String>,
    pub created_at: Timestamp,
}

impl PaidSubscription {
    pub fn facts(&self) -> SubscriptionFacts {
        SubscriptionFacts {
            id: self.id.clone(),
            status: self.status.clone(),
            tier: self.tier_id,
            amount_minor: self.amount_minor,
            cancel_at_period_end: self.cancel_at_period_end,
            period_end: self.period_end,
            past_due_since: self.past_due_since,
            ended_at: self.ended_at,
        }
    }

    /// Stripe still has something to do with it: it can be changed, and pays or owes.
    pub fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "active" | "trialing" | "past_due" | "unpaid")
    }

    /// Never shown to anybody (protocol E.5).
    pub fn is_hidden(&self) -> bool {
        matches!(self.status.as_str(), "incomplete" | "incomplete_expired")
    }

    pub fn price(&self) -> Money {
        Money::new(self.amount_minor, &self.currency)
    }

    /// What the next payment comes to, with the discount that then still counts.
    pub fn next_payment(&self) -> Money {
        let counts = self.discount_end.is_none_or(|end| end > self.period_end);
        let off = match (self.discount_percent, self.discount_minor) {
            (Some(percent), _) if counts => {
                // Rounded half up, as Stripe does.
                (self.amount_minor.saturating_mul(percent) + 50) / 100
            }
            (_, Some(minor)) if counts => minor,
            _ => 0,
        };
        Money::new((self.amount_minor - off).max(0), &self.currency)
    }

    /// An invoice that is open although it should have been paid.
    pub fn owed_invoice(&self) -> Option<&str> {
        let owes =
            matches!(self.status.as_str(), "past_due" | "unpaid") && self.invoice_status.as_deref() == Some("open");
        self.invoice_id.as_deref().filter(|_| owes)
    }
}

/// A member's subscriptions: the live ones first, then the newest (protocol E.4, 12).
pub fn of_member(conn: &mut Conn, member: MemberId) -> DbResult<Vec<PaidSubscription>> {
    let mut rows: Vec<PaidSubscription> = paid_subscriptions::table
        .inner_join(stripe_customers::table)
        .filter(stripe_customers::member_id.eq(member))
        .select(PaidSubscription::as_select())
        .load(conn)?;
    rows.sort_by(|one, other| {
        (!one.is_live(), other.created_at, &one.id).cmp(&(!other.is_live(), one.created_at, &other.id))
    });
    Ok(rows)
}

pub fn of_customer(conn: &mut Conn, customer: &str) -> DbResult<Vec<PaidSubscription>> {
    Ok(paid_subscriptions::table
        .filter(paid_subscriptions::customer_id.eq(customer))
        .select(PaidSubscription::as_select())
        .load(conn)?)
}

/// Writes what Stripe said in the place of what it had said before.
pub(super) fn put(conn: &mut Conn, row: &PaidSubscription) -> DbResult<()> {
    on_either!(conn, conn => diesel::insert_into(paid_subscriptions::table)
        .values(row)
        .on_conflict(paid_subscriptions::id)
        .do_update()
        .set(row)
        .execute(conn)?);
    Ok(())
}

/// Whether Stripe goes on charging somebody: nobody who was erased goes on paying.
pub fn is_charged(conn: &mut Conn, member: MemberId) -> DbResult<bool> {
    let all = of_member(conn, member)?;
    Ok(all.iter().any(|one| one.is_live() && !one.cancel_at_period_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_payment_knows_its_discount() {
        let at = Timestamp::from_millis;
        let full = PaidSubscription {
            id: "sub_1".to_owned(),
            customer_id: "cus_1".to_owned(),
            item_id: "si_1".to_owned(),
            tier_id: None,
            price_id: "price_1".to_owned(),
            product_id: "prod_1".to_owned(),
            cadence: "month".to_owned(),
            amount_minor: 999,
            currency: "usd".to_owned(),
            status: "active".to_owned(),
            cancel_at_period_end: false,
            canceled_at: None,
            cancellation_reason: None,
            started_at: at(0),
            period_start: at(0),
            period_end: at(1_000),
            trial_start: None,
            trial_end: None,
            ended_at: None,
            past_due_since: None,
            invoice_id: None,
            invoice_status: None,
            invoice_due_minor: None,
            offer_id: None,
            discount_percent: None,
            discount_minor: None,
            discount_start: None,
            discount_end: None,
            card_last4: None,
            created_at: at(0),
        };
        assert_eq!(full.next_payment().minor, 999);
        let half = PaidSubscription { discount_percent: Some(50), ..full.clone() };
        assert_eq!(half.next_payment().minor, 499);
        let over = PaidSubscription { discount_end: Some(at(1_000)), ..half };
        assert_eq!(over.next_payment().minor, 999);
        let much = PaidSubscription { discount_minor: Some(5_000), ..full };
        assert_eq!(much.next_payment().minor, 0);
    }
}
