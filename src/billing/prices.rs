//! What a tier costs, a month or a year: one row a price that was ever asked for. Products and prices
//! are made at Stripe when they are first needed.

use std::fmt;

use diesel::prelude::*;

use super::{Billing, BillingResult, tiers};
use crate::clock::Timestamp;
use crate::db::schema::tier_prices;
use crate::db::{Conn, DbResult};
use crate::ids::{TierId, TierPriceId};

/// How often one pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cadence {
    Month,
    Year,
}

impl Cadence {
    pub const ALL: [Self; 2] = [Self::Month, Self::Year];

    /// As the protocol and Stripe write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cadence| cadence.as_str() == text)
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A price of a tier.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = tier_prices)]
pub struct TierPrice {
    pub id: TierPriceId,
    pub tier_id: TierId,
    cadence: String,
    pub currency: String,
    pub amount_minor: i64,
    pub stripe_price_id: Option<String>,
}

/// The price of today.
pub fn today(conn: &mut Conn, tier: TierId, cadence: Cadence) -> DbResult<Option<TierPrice>> {
    Ok(tier_prices::table
        .filter(tier_prices::tier_id.eq(tier))
        .filter(tier_prices::cadence.eq(cadence.as_str()))
        .filter(tier_prices::is_current.eq(true))
        .select(TierPrice::as_select())
        .get_result(conn)
        .optional()?)
}

/// Makes an amount the price of today; one that was it before is taken out of sale.
pub fn set_today(
    conn: &mut Conn,
    tier: TierId,
    cadence: Cadence,
    amount: Option<(i64, &str)>,
    now: Timestamp,
) -> DbResult<()> {
    let before = today(conn, tier, cadence)?;
    let is_same = before.as_ref().map(|price| (price.amount_minor, price.currency.as_str())) == amount;
    if is_same {
        return Ok(());
    }
    if let Some(before) = before {
        diesel::update(tier_prices::table.find(before.id)).set(tier_prices::is_current.eq(false)).execute(conn)?;
    }
    let Some((amount_minor, currency)) = amount else { return Ok(()) };
    diesel::insert_into(tier_prices::table)
        .values((
            tier_prices::id.eq(TierPriceId::new(now)),
            tier_prices::tier_id.eq(tier),
            tier_prices::cadence.eq(cadence.as_str()),
            tier_prices::currency.eq(currency),
            tier_prices::amount_minor.eq(amount_minor),
            tier_prices::is_current.eq(true),
            tier_prices::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

impl Billing {
    /// The id of a price at Stripe; product and price are made there if they are not yet.
    pub async fn ensure_price(&self, price: &TierPrice, name: &str) -> BillingResult<String> {
        if let Some(id) = &price.stripe_price_id {
            return Ok(id.clone());
        }
        let product = tiers::product_id(price.tier_id);
        self.stripe.ensure_product(&product, name).await?;
        let lookup_key = format!("readership_{}", price.id);
        let made = self
            .stripe
            .ensure_price(&lookup_key, &product, &price.currency, price.amount_minor, &price.cadence)
            .await?;
        let (row, id) = (price.id, made.clone());
        self.db
            .write(move |conn| {
                diesel::update(tier_prices::table.find(row)).set(tier_prices::stripe_price_id.eq(id)).execute(conn)?;
                Ok(())
            })
            .await?;
        Ok(made)
    }

    /// Takes the prices of yesterday out of sale at Stripe; returns how many.
    pub async fn archive_old_prices(&self) -> BillingResult<usize> {
        let old: Vec<(TierPriceId, Option<String>)> = self
            .db
            .read(|conn| {
                Ok(tier_prices::table
                    .filter(tier_prices::is_current.eq(false).and(tier_prices::is_archived.eq(false)))
                    .filter(tier_prices::stripe_price_id.is_not_null())
                    .limit(100)
                    .select((tier_prices::id, tier_prices::stripe_price_id))
                    .load(conn)?)
            })
            .await?;
        for (row, price) in &old {
            if let Some(price) = price {
                self.stripe.archive_price(price).await?;
            }
            let row = *row;
            self.db
                .write(move |conn| {
                    diesel::update(tier_prices::table.find(row))
                        .set(tier_prices::is_archived.eq(true))
                        .execute(conn)?;
                    Ok(())
                })
                .await?;
        }
        Ok(old.len())
    }
}
