//! What was paid, as Stripe last told it.

use diesel::prelude::*;

use super::money::Money;
use crate::clock::Timestamp;
use crate::db::schema::{members, payments, stripe_customers};
use crate::db::{Conn, DbResult};
use crate::ids::MemberId;

/// A payment. Amounts are in the currency's minor unit.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct Payment {
    pub id: String,
    pub customer_id: String,
    pub kind: String,
    pub amount_minor: i64,
    pub currency: String,
    pub refunded_minor: i64,
    pub is_disputed: bool,
    pub receipt_url: Option<String>,
    pub paid_at: Timestamp,
}

impl Payment {
    pub fn paid(&self) -> Money {
        Money::new(self.amount_minor, &self.currency)
    }

    pub fn refunded(&self) -> Money {
        Money::new(self.refunded_minor, &self.currency)
    }

    /// What could still be given back.
    pub fn left(&self) -> Money {
        Money::new(self.amount_minor - self.refunded_minor, &self.currency)
    }
}

/// The newest payments of a member.
pub fn newest_of(conn: &mut Conn, member: MemberId, most: i64) -> DbResult<Vec<Payment>> {
    Ok(payments::table
        .inner_join(stripe_customers::table)
        .filter(stripe_customers::member_id.eq(member))
        .order((payments::paid_at.desc(), payments::id.desc()))
        .limit(most)
        .select(Payment::as_select())
        .load(conn)?)
}

/// A member's payment.
pub fn of_member(conn: &mut Conn, member: MemberId, charge: &str) -> DbResult<Option<Payment>> {
    Ok(payments::table
        .inner_join(stripe_customers::table)
        .filter(payments::id.eq(charge))
        .filter(stripe_customers::member_id.eq(member))
        .select(Payment::as_select())
        .get_result(conn)
        .optional()?)
}

/// A payment, and whose it is.
pub type PaymentOf = (Payment, Option<(MemberId, String)>);

/// Payments before a moment, the newest first, each with whose it is if that is known.
pub fn before(conn: &mut Conn, moment: Option<(Timestamp, String)>, most: i64) -> DbResult<Vec<PaymentOf>> {
    let mut query = payments::table
        .inner_join(stripe_customers::table)
        .order((payments::paid_at.desc(), payments::id.desc()))
        .limit(most)
        .select((Payment::as_select(), stripe_customers::member_id))
        .into_boxed();
    if let Some((at, id)) = moment {
        query = query.filter(payments::paid_at.le(at)).filter(payments::paid_at.lt(at).or(payments::id.lt(id)));
    }
    let rows: Vec<(Payment, Option<MemberId>)> = query.load(conn)?;
    let ids: Vec<MemberId> = rows.iter().filter_map(|(_, member)| *member).collect();
    let emails: Vec<(MemberId, String)> =
        members::table.filter(members::id.eq_any(&ids)).select((members::id, members::email)).load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(payment, member)| {
            let whose = emails.iter().find(|(id, _)| Some(*id) == member).cloned();
            (payment, whose)
        })
        .collect())
}
