//! Who owes: payments that failed, and where each of them stands.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::money::Money;
use super::subscriptions::PaidSubscription;
use crate::clock::Timestamp;
use crate::db::schema::{members, paid_subscriptions, stripe_customers};
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;

/// A subscription that money is owed for.
#[derive(Clone, Debug)]
pub struct Owing {
    pub member: Option<(MemberId, String)>,
    pub subscription: String,
    pub status: String,
    pub since: Timestamp,
    pub due: Option<Money>,
    pub invoice_status: Option<String>,
    pub card_last4: Option<String>,
}

impl Owing {
    /// Where it stands, in words.
    pub fn standing(&self) -> &'static str {
        match (self.status.as_str(), self.invoice_status.as_deref()) {
            ("past_due", _) => "Stripe is trying again",
            ("unpaid", _) => "Stripe has given up; the subscription waits for another card",
            ("canceled", _) => "ended unpaid",
            (_, Some("paid")) => "paid meanwhile",
            _ => "owed",
        }
    }
}

/// The longest owing first.
pub fn all(conn: &mut Conn, most: i64) -> DbResult<Vec<Owing>> {
    let rows: Vec<(PaidSubscription, Option<MemberId>)> = paid_subscriptions::table
        .inner_join(stripe_customers::table)
        .filter(sql::<Bool>("past_due_since IS NOT NULL"))
        .filter(paid_subscriptions::status.eq_any(["past_due", "unpaid"]))
        .order(paid_subscriptions::past_due_since)
        .limit(most)
        .select((PaidSubscription::as_select(), stripe_customers::member_id))
        .load(conn)?;
    let ids: Vec<MemberId> = rows.iter().filter_map(|(_, member)| *member).collect();
    let emails: Vec<(MemberId, String)> =
        members::table.filter(members::id.eq_any(&ids)).select((members::id, members::email)).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(one, member)| Owing {
            member: emails.iter().find(|(id, _)| Some(*id) == member).cloned(),
            due: one.invoice_due_minor.map(|minor| Money::new(minor, &one.currency)),
            since: one.past_due_since.unwrap_or(one.period_end),
            subscription: one.id,
            status: one.status,
            invoice_status: one.invoice_status,
            card_last4: one.card_last4,
        })
        .collect())
}
