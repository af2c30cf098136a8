//! Offers: something off, or a trial; for new subscribers, or to keep one who wants to go.

use diesel::prelude::*;

use super::money::{self, Money};
use super::prices::Cadence;
use super::stripe::NewCoupon;
use super::subscriptions::PaidSubscription;
use super::tiers;
use super::{Billing, BillingResult};
use crate::clock::Timestamp;
use crate::db::schema::{offer_redemptions, offers, paid_subscriptions};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::{OfferId, TierId};

/// An offer. What it takes off is never taken from a browser.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = offers)]
pub struct Offer {
    pub id: OfferId,
    pub code: String,
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    /// `percent`, `fixed` or `trial`.
    pub kind: String,
    /// `signup` or `retention`.
    pub redemption: String,
    /// `None`, for retention only: whatever tier one has.
    pub tier_id: Option<TierId>,
    pub cadence: String,
    /// Percent, minor units or days, as the kind says.
    pub amount: i64,
    pub currency: Option<String>,
    /// `once`, `repeating`, `forever` or `trial`.
    pub duration: String,
    pub months: Option<i32>,
    pub is_active: bool,
    pub expires_at: Option<Timestamp>,
    pub most_redemptions: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Offer {
    pub fn is_trial(&self) -> bool {
        self.kind == "trial"
    }

    pub fn is_for_signup(&self) -> bool {
        self.redemption == "signup"
    }

    pub fn cadence(&self) -> Cadence {
        Cadence::parse(&self.cadence).unwrap_or(Cadence::Month)
    }

    /// The coupon's id at Stripe: ours, so that it is never made twice.
    pub fn coupon_id(&self) -> String {
        format!("readership_{}", self.id)
    }

    /// Whether it may be taken up now.
    pub fn is_open(&self, redemptions: i64, now: Timestamp) -> bool {
        self.is_active
            && self.expires_at.is_none_or(|end| now < end)
            && self.most_redemptions.is_none_or(|most| redemptions < most)
    }

    /// Whether it may keep this subscriber, who pays and has not been offered anything that still counts
    /// (protocol B.11).
    pub fn keeps(&self, subscription: &PaidSubscription, now: Timestamp) -> bool {
        let has_trial = subscription.trial_end.is_some_and(|end| end > now);
        let has_discount = (subscription.discount_percent.is_some() || subscription.discount_minor.is_some())
            && subscription.discount_end.is_none_or(|end| end > now);
        !self.is_for_signup()
            && !self.is_trial()
            && subscription.is_live()
            && !subscription.cancel_at_period_end
            && !has_trial
            && !has_discount
            && self.cadence == subscription.cadence
            && self.currency.as_ref().is_none_or(|currency| *currency == subscription.currency)
            && self.tier_id.is_none_or(|tier| Some(tier) == subscription.tier_id)
    }
}

pub fn all(conn: &mut Conn) -> DbResult<Vec<Offer>> {
    Ok(offers::table.order(offers::id).select(Offer::as_select()).load(conn)?)
}

pub fn find(conn: &mut Conn, id: OfferId) -> DbResult<Option<Offer>> {
    Ok(offers::table.find(id).select(Offer::as_select()).get_result(conn).optional()?)
}

/// By its id or its code.
pub fn find_named(conn: &mut Conn, name: &str) -> DbResult<Option<Offer>> {
    Ok(all(conn)?.into_iter().find(|offer| offer.code == name || offer.id.to_string() == name))
}

/// Which offer a coupon of Stripe's is, if it is one of ours.
pub fn of_coupon(conn: &mut Conn, coupon: &str) -> DbResult<Option<OfferId>> {
    let Some(id) = coupon.strip_prefix("readership_").and_then(|id| id.parse::<OfferId>().ok()) else {
        return Ok(None);
    };
    Ok(find(conn, id)?.map(|offer| offer.id))
}

pub fn redemptions(conn: &mut Conn, offer: OfferId) -> DbResult<i64> {
    Ok(offer_redemptions::table.filter(offer_redemptions::offer_id.eq(offer)).count().get_result(conn)?)
}

/// The subscriptions that an offer began or kept and that are live, and what they pay a month without
/// any discount.
pub fn worth(conn: &mut Conn, offer: OfferId) -> DbResult<(i64, Vec<Money>)> {
    let rows: Vec<(String, i64, String)> = offer_redemptions::table
        .inner_join(paid_subscriptions::table.on(paid_subscriptions::id.eq(offer_redemptions::subscription_id)))
        .filter(offer_redemptions::offer_id.eq(offer))
        .filter(paid_subscriptions::status.eq_any(["active", "trialing", "past_due"]))
        .select((paid_subscriptions::currency, paid_subscriptions::amount_minor, paid_subscriptions::cadence))
        .load(conn)?;
    let live = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let mut sums: Vec<Money> = Vec::new();
    for (currency, amount, cadence) in rows {
        let monthly = if cadence == "year" { amount / 12 } else { amount };
        match sums.iter_mut().find(|sum| sum.currency == currency) {
            Some(sum) => sum.minor += monthly,
            None => sums.push(Money::new(monthly, &currency)),
        }
    }
    Ok((live, sums))
}

pub fn was_redeemed(conn: &mut Conn, offer: OfferId, subscription: &str) -> DbResult<bool> {
    let found: i64 = offer_redemptions::table.find((offer, subscription)).count().get_result(conn)?;
    Ok(found > 0)
}

/// Writes down that an offer was taken up; once for each subscription.
pub(super) fn redeemed(conn: &mut Conn, offer: OfferId, subscription: &str, now: Timestamp) -> DbResult<()> {
    let row = (
        offer_redemptions::offer_id.eq(offer),
        offer_redemptions::subscription_id.eq(subscription),
        offer_redemptions::created_at.eq(now),
    );
    on_either!(conn, conn => diesel::insert_into(offer_redemptions::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

/// The offers that may keep a subscriber, and were not taken up on this subscription before.
pub fn keeping(conn: &mut Conn, subscription: &PaidSubscription, now: Timestamp) -> DbResult<Vec<Offer>> {
    let mut kept = Vec::new();
    for offer in all(conn)? {
        if offer.keeps(subscription, now)
            && offer.is_open(redemptions(conn, offer.id)?, now)
            && !was_redeemed(conn, offer.id, &subscription.id)?
        {
            kept.push(offer);
        }
    }
    Ok(kept)
}

/// What staff say about a new offer.
#[derive(Clone, Debug)]
pub struct NewOffer {
    pub name: String,
    pub code: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub kind: String,
    pub redemption: String,
    pub tier: Option<TierId>,
    pub cadence: Cadence,
    pub amount: i64,
    pub currency: Option<String>,
    pub duration: String,
    pub months: Option<i32>,
    pub expires_at: Option<Timestamp>,
    pub most_redemptions: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotAnOffer {
    #[error("a name has 1 to 40 characters, the most that Stripe takes")]
    Name,
    #[error("a code has 1 to 100 letters, digits and hyphens: it stands in an address")]
    Code,
    #[error("there is an offer with this name or code already")]
    Taken,
    #[error("an offer takes off percent (1 to 100), or a fixed amount, or is a trial of 1 to 365 days")]
    Amount,
    #[error("a fixed amount is in the currency of the tier")]
    Currency,
    #[error("a discount counts once, for some months (with --months), or forever; a yearly one not for months")]
    Duration,
    #[error("an offer for new subscribers is for one tier; there is no such paid tier, or it has no such price")]
    Tier,
    #[error("a trial cannot keep somebody who subscribes already")]
    RetentionTrial,
    #[error(transparent)]
    Db(#[from] DbError),
}

pub fn add(conn: &mut Conn, new: &NewOffer, now: Timestamp) -> Result<OfferId, NotAnOffer> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(NotAnOffer::Name);
    }
    let fits = |code: &str| code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if new.code.is_empty() || new.code.len() > 100 || !fits(&new.code) {
        return Err(NotAnOffer::Code);
    }
    if all(conn)?.iter().any(|offer| offer.code == new.code || offer.name == name) {
        return Err(NotAnOffer::Taken);
    }
    let tier = new.tier.map(|id| tiers::find(conn, id)).transpose()?.flatten();
    if new.tier.is_some() != tier.is_some() || (new.redemption == "signup" && tier.is_none()) {
        return Err(NotAnOffer::Tier);
    }
    if tier.as_ref().is_some_and(|tier| tier.amount(new.cadence).is_none()) {
        return Err(NotAnOffer::Tier);
    }
    match new.kind.as_str() {
        "percent" if (1..=100).contains(&new.amount) => {}
        "fixed" => {
            let currency = new.currency.as_deref().ok_or(NotAnOffer::Currency)?;
            if tier.as_ref().is_some_and(|tier| tier.currency.as_deref() != Some(currency)) {
                return Err(NotAnOffer::Currency);
            }
            money::check(new.amount, currency).map_err(|_| NotAnOffer::Amount)?;
        }
        "trial" if new.redemption != "signup" => return Err(NotAnOffer::RetentionTrial),
        "trial" if (1..=365).contains(&new.amount) => {}
        _ => return Err(NotAnOffer::Amount),
    }
    let fits = match new.duration.as_str() {
        "trial" => new.kind == "trial" && new.months.is_none(),
        "repeating" => {
            new.kind != "trial"
                && new.cadence == Cadence::Month
                && new.months.is_some_and(|months| (1..=36).contains(&months))
        }
        "once" | "forever" => new.kind != "trial" && new.months.is_none(),
        _ => false,
    };
    if !fits {
        return Err(NotAnOffer::Duration);
    }
    let offer = Offer {
        id: OfferId::new(now),
        code: new.code.clone(),
        name: name.to_owned(),
        title: new.title.clone(),
        description: new.description.clone(),
        kind: new.kind.clone(),
        redemption: new.redemption.clone(),
        tier_id: new.tier,
        cadence: new.cadence.as_str().to_owned(),
        amount: new.amount,
        currency: new.currency.clone().filter(|_| new.kind == "fixed"),
        duration: new.duration.clone(),
        months: new.months,
        is_active: true,
        expires_at: new.expires_at,
        most_redemptions: new.most_redemptions,
        created_at: now,
        updated_at: now,
    };
    diesel::insert_into(offers::table).values(&offer).execute(conn).map_err(DbError::from)?;
    Ok(offer.id)
}

/// Ends an offer, or opens it again. Those who took it up keep it.
pub fn set_active(conn: &mut Conn, id: OfferId, is_active: bool, now: Timestamp) -> DbResult<()> {
    diesel::update(offers::table.find(id))
        .set((offers::is_active.eq(is_active), offers::updated_at.eq(now)))
        .execute(conn)?;
    Ok(())
}

impl Billing {
    /// The coupon of an offer at Stripe, made there if it is not yet. Trials have none.
    pub async fn ensure_coupon(&self, offer: &Offer) -> BillingResult<Option<String>> {
        if offer.is_trial() {
            return Ok(None);
        }
        let id = offer.coupon_id();
        let is_percent = offer.kind == "percent";
        let new = NewCoupon {
            id: &id,
            name: &offer.name,
            percent_off: is_percent.then_some(offer.amount),
            amount_off: (!is_percent).then_some(offer.amount),
            currency: offer.currency.as_deref(),
            duration: &offer.duration,
            months: offer.months.map(i64::from),
        };
        self.stripe.ensure_coupon(&new).await?;
        Ok(Some(id))
    }
}
