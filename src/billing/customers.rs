//! Customers: who a member is at Stripe. One that somebody became before they proved their address
//! belongs to nobody here until the address is proved (`reliability.md` P14).

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Billing, BillingResult, SITE, notices, standing, subscriptions};
use crate::clock::Timestamp;
use crate::db::schema::{checkouts, paid_subscriptions, payments, stripe_customers, stripe_events};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::MemberId;
use crate::members::address::EmailAddress;
use crate::signin::Policy;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = stripe_customers)]
pub struct Customer {
    pub id: String,
    pub member_id: Option<MemberId>,
    email_key: String,
    pub is_deleted: bool,
    pub read_at: Option<Timestamp>,
    pub card_id: Option<String>,
    pub card_last4: Option<String>,
    pub card_exp_year: Option<i32>,
    pub card_exp_month: Option<i32>,
    pub created_at: Timestamp,
}

impl Customer {
    /// Whoever it was has left, and nothing that names them is to be written down again.
    pub fn is_erased(&self) -> bool {
        self.member_id.is_none() && self.email_key.is_empty()
    }
}

pub fn find(conn: &mut Conn, id: &str) -> DbResult<Option<Customer>> {
    Ok(stripe_customers::table.find(id).select(Customer::as_select()).get_result(conn).optional()?)
}

/// How many Stripe still has.
pub fn count(conn: &mut Conn) -> DbResult<i64> {
    Ok(stripe_customers::table.filter(stripe_customers::is_deleted.eq(false)).count().get_result(conn)?)
}

/// A member's customers that Stripe still has, the newest first.
pub fn of_member(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Customer>> {
    let mut theirs = ever_of_member(conn, member)?;
    theirs.retain(|customer| !customer.is_deleted);
    Ok(theirs)
}

/// All customers a member ever was, the newest first. One statement, and so one moment: of two, the second
/// could count a customer that the first did not see yet, and another would be made.
fn ever_of_member(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Customer>> {
    Ok(stripe_customers::table
        .filter(stripe_customers::member_id.eq(member))
        .order((stripe_customers::created_at.desc(), stripe_customers::id))
        .select(Customer::as_select())
        .load(conn)?)
}

/// Whether somebody pays under this address who has not proved it yet.
pub(super) fn is_paid_unproved(conn: &mut Conn, email: &EmailAddress) -> DbResult<bool> {
    let theirs: Vec<String> = stripe_customers::table
        .filter(stripe_customers::member_id.is_null().and(stripe_customers::email_key.eq(email.key())))
        .select(stripe_customers::id)
        .load(conn)?;
    for customer in theirs {
        if subscriptions::of_customer(conn, &customer)?.iter().any(subscriptions::PaidSubscription::is_live) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes down a customer that is new here. One that is known stays whose it is.
pub(super) fn adopt(
    conn: &mut Conn,
    id: &str,
    member: Option<MemberId>,
    email_key: &str,
    now: Timestamp,
) -> DbResult<()> {
    let row = (
        stripe_customers::id.eq(id),
        stripe_customers::member_id.eq(member),
        stripe_customers::email_key.eq(email_key),
        stripe_customers::created_at.eq(now),
    );
    on_either!(conn, conn => diesel::insert_into(stripe_customers::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// Gives a member what was paid for under their address before they proved it. Part of the transaction
/// that proves it.
pub fn claim(conn: &mut Conn, policy: &Policy, member: MemberId, email: &EmailAddress, now: Timestamp) -> DbResult<()> {
    let theirs: Vec<String> = stripe_customers::table
        .filter(stripe_customers::member_id.is_null())
        .filter(stripe_customers::email_key.eq(email.key()))
        .select(stripe_customers::id)
        .load(conn)?;
    if theirs.is_empty() {
        return Ok(());
    }
    diesel::update(stripe_customers::table.filter(stripe_customers::id.eq_any(&theirs)))
        .set(stripe_customers::member_id.eq(member))
        .execute(conn)?;
    for customer in &theirs {
        for subscription in subscriptions::of_customer(conn, customer)? {
            notices::of_subscription(conn, policy, member, None, &subscription, now)?;
        }
        notices::of_payments(conn, member, customer, now)?;
    }
    standing::refresh(conn, policy, member, now)
}

/// Takes away what names somebody. What was paid stays, as the law wants it, and names nobody: Stripe's
/// own ids of customer and charge, amount and day.
pub fn erase(conn: &mut Conn, member: MemberId, email_keys: &[String]) -> DbResult<()> {
    let of_member = stripe_customers::member_id.eq(member);
    let of_address = stripe_customers::member_id.is_null().and(stripe_customers::email_key.eq_any(email_keys));
    let theirs: Vec<String> =
        stripe_customers::table.filter(of_member.or(of_address.nullable())).select(stripe_customers::id).load(conn)?;
    let nothing = None::<String>;
    diesel::update(stripe_customers::table.filter(stripe_customers::id.eq_any(&theirs)))
        .set((
            stripe_customers::member_id.eq(None::<MemberId>),
            stripe_customers::email_key.eq(""),
            stripe_customers::card_last4.eq(&nothing),
        ))
        .execute(conn)?;
    diesel::update(paid_subscriptions::table.filter(paid_subscriptions::customer_id.eq_any(&theirs)))
        .set((paid_subscriptions::cancellation_reason.eq(&nothing), paid_subscriptions::card_last4.eq(&nothing)))
        .execute(conn)?;
    diesel::update(payments::table.filter(payments::customer_id.eq_any(&theirs)))
        .set(payments::receipt_url.eq(&nothing))
        .execute(conn)?;
    diesel::delete(checkouts::table.filter(checkouts::email_key.eq_any(email_keys))).execute(conn)?;
    // Stripe's own words about them hold addresses.
    for customer in &theirs {
        let about = stripe_events::body.like(format!("%{customer}%"));
        diesel::delete(stripe_events::table.filter(about)).execute(conn)?;
    }
    Ok(())
}

impl Billing {
    /// A member's customer at Stripe, made there if there is none.
    pub async fn ensure_customer(
        &self,
        member: MemberId,
        email: &EmailAddress,
        name: Option<&str>,
    ) -> BillingResult<String> {
        let ever = self.db.read(move |conn| ever_of_member(conn, member)).await?;
        if let Some(customer) = ever.iter().find(|customer| !customer.is_deleted) {
            return Ok(customer.id.clone());
        }
        // The same key for everybody who asks at once, another after a customer was deleted at Stripe.
        let key = format!("customer-{}-{member}-{}", self.site_uuid, ever.len());
        let metadata = HashMap::from([
            (SITE.to_owned(), self.site_uuid.to_string()),
            ("readership_member".to_owned(), member.to_string()),
        ]);
        let made = self.stripe.create_customer(&email.as_given(), name, metadata, &key).await?;
        let (id, email_key, now) = (made.id.clone(), email.key(), self.now());
        self.db.write(move |conn| adopt(conn, &id, Some(member), &email_key, now)).await?;
        Ok(made.id)
    }
}
