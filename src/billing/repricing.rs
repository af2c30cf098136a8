//! Moving those who pay an old price of a tier to the price of today, from their next payment on.

use diesel::prelude::*;

use super::prices::{self, Cadence};
use super::subscriptions::PaidSubscription;
use super::{Billing, BillingResult, tiers};
use crate::db::schema::paid_subscriptions;
use crate::db::{Conn, DbResult};
use crate::ids::TierId;

/// How many subscriptions are live that pay for a tier.
pub fn payers(conn: &mut Conn, tier: TierId) -> DbResult<i64> {
    Ok(paid_subscriptions::table
        .filter(paid_subscriptions::tier_id.eq(tier))
        .filter(paid_subscriptions::status.eq_any(["active", "trialing", "past_due"]))
        .count()
        .get_result(conn)?)
}

/// Those who pay another amount than today's, after one of them. Amounts in the tier's currency only:
/// Stripe does not change the currency of a subscription.
fn some_behind(conn: &mut Conn, tier: TierId, after: &str, most: i64) -> DbResult<Vec<PaidSubscription>> {
    let mut rows = Vec::new();
    for cadence in Cadence::ALL {
        let Some(price) = prices::today(conn, tier, cadence)? else { continue };
        let some: Vec<PaidSubscription> = paid_subscriptions::table
            .filter(paid_subscriptions::tier_id.eq(tier))
            .filter(paid_subscriptions::cadence.eq(cadence.as_str()))
            .filter(paid_subscriptions::currency.eq(price.currency))
            .filter(paid_subscriptions::amount_minor.ne(price.amount_minor))
            .filter(paid_subscriptions::status.eq_any(["active", "trialing", "past_due"]))
            .filter(paid_subscriptions::id.gt(after))
            .order(paid_subscriptions::id)
            .limit(most)
            .select(PaidSubscription::as_select())
            .load(conn)?;
        rows.extend(some);
    }
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(rows)
}

/// How many pay another amount than today's.
pub fn behind(conn: &mut Conn, tier: TierId) -> DbResult<i64> {
    Ok(i64::try_from(some_behind(conn, tier, "", i64::MAX)?.len()).unwrap_or(i64::MAX))
}

impl Billing {
    /// Moves the next subscription after `after`; returns its id and whether Stripe did it. `None`: there is
    /// none any more.
    pub async fn reprice_next(&self, tier: TierId, after: &str) -> BillingResult<Option<(String, bool)>> {
        let from = after.to_owned();
        let (next, tier) =
            self.db.read(move |conn| Ok((some_behind(conn, tier, &from, 1)?.pop(), tiers::find(conn, tier)?))).await?;
        let (Some(next), Some(tier)) = (next, tier) else { return Ok(None) };
        let cadence = Cadence::parse(&next.cadence).unwrap_or(Cadence::Month);
        let (id, name) = (tier.id, tier.name);
        let Some(price) = self.db.read(move |conn| prices::today(conn, id, cadence)).await? else { return Ok(None) };
        let at_stripe = self.ensure_price(&price, &name).await?;
        let key = format!("reprice-{}-{}", next.id, price.id);
        let moved = match self.stripe.move_to_price(&next.id, &next.item_id, &at_stripe, &key).await {
            Ok(()) => true,
            Err(error) if error.is_away() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, subscription = next.id, "a subscription could not be moved to another price");
                false
            }
        };
        self.sync(&next.customer_id).await?;
        Ok(Some((next.id, moved)))
    }
}
