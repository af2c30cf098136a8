//! Changes that a member asks for: another plan, an end, no end after all, an offer that keeps them.
//! Stripe does it, and what it says afterwards is written down before the answer goes out.

use std::time::Duration;

use super::money::Money;
use super::offers::{self, Offer};
use super::payments;
use super::prices::{self, Cadence, TierPrice};
use super::stripe::StripeError;
use super::subscriptions::{self, PaidSubscription};
use super::tiers::{self, Kind, Tier};
use super::{Billing, BillingError, BillingResult};
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::ids::{MemberId, OfferId, TierId, uuid};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no such subscription")]
    NoSuchSubscription,
    #[error("the subscription has ended")]
    Over,
    #[error("there is no such tier")]
    NoSuchTier,
    #[error("the tier is archived")]
    TierArchived,
    #[error("the tier has no such price, or one in another currency")]
    NoPrice,
    #[error("there is no such offer")]
    NoSuchOffer,
    #[error("the offer does not fit: {0}")]
    OfferDoesNotFit(&'static str),
    #[error("there is no such payment")]
    NoSuchPayment,
    #[error("{0} of it can be given back, and no more")]
    NotSoMuch(Money),
    /// The bank refused to pay for it. Everything is as it was.
    #[error("the card was declined")]
    CardDeclined,
    #[error(transparent)]
    Failed(#[from] BillingError),
}

impl From<DbError> for ChangeError {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StripeError> for ChangeError {
    fn from(error: StripeError) -> Self {
        if error.is_card_declined() { Self::CardDeclined } else { Self::Failed(error.into()) }
    }
}

/// What another plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub tier: String,
    pub cadence: Cadence,
    /// Charged at once. What was paid and not used is taken off.
    pub now: Money,
    /// Charged from then on.
    pub then: Money,
    /// The moment it was counted for; the change is made for the same one.
    pub at: Timestamp,
}

/// How long a preview holds.
const PREVIEW: Duration = Duration::from_secs(1_800);

impl Billing {
    async fn subscription_of(&self, member: MemberId, id: &str) -> Result<PaidSubscription, ChangeError> {
        let id = id.to_owned();
        let all = self.db.read(move |conn| subscriptions::of_member(conn, member)).await?;
        let found = all.into_iter().find(|one| one.id == id && !one.is_hidden());
        found.ok_or(ChangeError::NoSuchSubscription)
    }

    async fn plan(&self, tier: TierId, cadence: Cadence) -> Result<(Tier, Option<TierPrice>), ChangeError> {
        let found =
            self.db.read(move |conn| Ok((tiers::find(conn, tier)?, prices::today(conn, tier, cadence)?))).await?;
        match found {
            (Some(tier), _) if !tier.is_active => Err(ChangeError::TierArchived),
            (Some(tier), price) if tier.kind == Kind::Paid => Ok((tier, price)),
            (Some(_), _) => Err(ChangeError::NoPrice),
            (None, _) => Err(ChangeError::NoSuchTier),
        }
    }

    /// The subscription, the plan and its price at Stripe, if the one can become the other.
    async fn prepare(
        &self,
        member: MemberId,
        id: &str,
        tier: TierId,
        cadence: Cadence,
    ) -> Result<(PaidSubscription, Tier, TierPrice, String), ChangeError> {
        let subscription = self.subscription_of(member, id).await?;
        if !subscription.is_live() {
            return Err(ChangeError::Over);
        }
        let (tier, price) = self.plan(tier, cadence).await?;
        // Stripe does not change the currency of a subscription.
        let price = price.filter(|price| price.currency == subscription.currency).ok_or(ChangeError::NoPrice)?;
        let at_stripe = self.ensure_price(&price, &tier.name).await?;
        Ok((subscription, tier, price, at_stripe))
    }

    /// What another plan would cost. Changes nothing.
    pub async fn preview_plan(
        &self,
        member: MemberId,
        id: &str,
        tier: TierId,
        cadence: Cadence,
    ) -> Result<Preview, ChangeError> {
        let (subscription, tier, price, at_stripe) = self.prepare(member, id, tier, cadence).await?;
        let at = self.now();
        let ends_trial = subscription.status == "trialing";
        let invoice =
            self.stripe.preview_price(&subscription.id, &subscription.item_id, &at_stripe, ends_trial, at).await?;
        Ok(Preview {
            tier: tier.name,
            cadence,
            now: Money::new(invoice.amount_due, &invoice.currency),
            then: Money::new(price.amount_minor, &price.currency),
            at,
        })
    }

    /// Changes the plan: what is due is charged at once, a trial and an end that was set are over, a
    /// discount is dropped (protocol B.10). `at`: the moment of the preview, if there was one.
    pub async fn change_plan(
        &self,
        member: MemberId,
        id: &str,
        tier: TierId,
        cadence: Cadence,
        at: Option<Timestamp>,
    ) -> Result<(), ChangeError> {
        let (subscription, _, _, at_stripe) = self.prepare(member, id, tier, cadence).await?;
        let now = self.now();
        let at = at.filter(|at| *at <= now && now < at.plus(PREVIEW)).unwrap_or(now);
        let ends_trial = subscription.status == "trialing";
        if at_stripe != subscription.price_id {
            let key = format!("plan-{}", uuid());
            let item = &subscription.item_id;
            self.stripe.change_price(&subscription.id, item, &at_stripe, ends_trial, at, &key).await?;
            if subscription.discount_percent.is_some() || subscription.discount_minor.is_some() {
                self.stripe.drop_discount(&subscription.id).await?;
            }
        } else if subscription.cancel_at_period_end {
            self.stripe.resume(&subscription.id, &format!("resume-{}", uuid())).await?;
        }
        self.sync(&subscription.customer_id).await?;
        Ok(())
    }

    /// Ends a subscription with its period. `smart`: one that owes ends at once (protocol B.10).
    pub async fn cancel(
        &self,
        member: MemberId,
        id: &str,
        reason: Option<&str>,
        smart: bool,
    ) -> Result<(), ChangeError> {
        let subscription = self.subscription_of(member, id).await?;
        if !subscription.is_live() {
            return Err(ChangeError::Over);
        }
        let owes = matches!(subscription.status.as_str(), "past_due" | "unpaid");
        let key = format!("cancel-{}", uuid());
        if smart && owes {
            self.stripe.cancel_now(&subscription.id, &key).await?;
        } else {
            self.stripe.cancel_at_period_end(&subscription.id, reason, &key).await?;
        }
        self.sync(&subscription.customer_id).await?;
        Ok(())
    }

    /// Ends a subscription at once. What was paid is not given back by it.
    pub async fn cancel_now(&self, member: MemberId, id: &str) -> Result<(), ChangeError> {
        let subscription = self.subscription_of(member, id).await?;
        if !subscription.is_live() {
            return Err(ChangeError::Over);
        }
        self.stripe.cancel_now(&subscription.id, &format!("cancel-now-{}", subscription.id)).await?;
        self.sync(&subscription.customer_id).await?;
        Ok(())
    }

    /// Gives back the rest of a payment, or `amount_minor` of it. `once` names the operation: the same
    /// one twice gives back once.
    pub async fn refund(
        &self,
        member: MemberId,
        charge: &str,
        amount_minor: Option<i64>,
        once: &str,
    ) -> Result<Money, ChangeError> {
        let id = charge.to_owned();
        let paid = self.db.read(move |conn| payments::of_member(conn, member, &id)).await?;
        let paid = paid.ok_or(ChangeError::NoSuchPayment)?;
        let left = paid.amount_minor - paid.refunded_minor;
        let amount = amount_minor.unwrap_or(left);
        if amount <= 0 || amount > left {
            return Err(ChangeError::NotSoMuch(Money::new(left, &paid.currency)));
        }
        self.stripe.refund(charge, Some(amount), &format!("refund-{charge}-{once}")).await?;
        self.sync(&paid.customer_id).await?;
        Ok(Money::new(amount, &paid.currency))
    }

    /// Lets a subscription go on that was to end.
    pub async fn resume(&self, member: MemberId, id: &str) -> Result<(), ChangeError> {
        let subscription = self.subscription_of(member, id).await?;
        if !subscription.is_live() {
            return Err(ChangeError::Over);
        }
        self.stripe.resume(&subscription.id, &format!("resume-{}", uuid())).await?;
        self.sync(&subscription.customer_id).await?;
        Ok(())
    }

    /// Takes up an offer that keeps a subscriber (protocol B.11).
    pub async fn take_offer(&self, member: MemberId, id: &str, offer: OfferId) -> Result<(), ChangeError> {
        let subscription = self.subscription_of(member, id).await?;
        let (one, now) = (subscription.clone(), self.now());
        let offer = self
            .db
            .read(move |conn| {
                let Some(offer) = offers::find(conn, offer)? else { return Ok(None) };
                let why_not = why_not(&offer, &one, now);
                let taken = offers::was_redeemed(conn, offer.id, &one.id)?;
                let is_open = offer.is_open(offers::redemptions(conn, offer.id)?, now);
                Ok(Some((offer, why_not, taken, is_open)))
            })
            .await?;
        let (offer, why_not, taken, is_open) = offer.ok_or(ChangeError::NoSuchOffer)?;
        if let Some(why_not) = why_not {
            return Err(ChangeError::OfferDoesNotFit(why_not));
        }
        if taken {
            return Err(ChangeError::OfferDoesNotFit("This offer has already been redeemed on this subscription"));
        }
        if !is_open {
            return Err(ChangeError::OfferDoesNotFit("Offer is not active"));
        }
        let coupon = self.ensure_coupon(&offer).await?;
        let coupon = coupon.ok_or(ChangeError::OfferDoesNotFit("Offer does not have a valid coupon"))?;
        let key = format!("offer-{}-{}", subscription.id, offer.id);
        self.stripe.apply_coupon(&subscription.id, &coupon, &key).await?;
        self.sync(&subscription.customer_id).await?;
        Ok(())
    }

    /// The newest invoices of whoever pays for a subscription, as Stripe has them now.
    pub async fn invoices(&self, customer: &str) -> BillingResult<Vec<super::stripe::objects::Invoice>> {
        Ok(self.stripe.invoices_of(customer, 24).await?)
    }
}

/// Why an offer does not fit a subscription, in the protocol's words (B.11).
fn why_not(offer: &Offer, subscription: &PaidSubscription, now: Timestamp) -> Option<&'static str> {
    let has_discount = (subscription.discount_percent.is_some() || subscription.discount_minor.is_some())
        && subscription.discount_end.is_none_or(|end| end > now);
    if !subscription.is_live() {
        Some("Cannot apply offer to an inactive subscription")
    } else if has_discount {
        Some("Subscription already has an offer applied")
    } else if !offer.is_active {
        Some("Offer is not active")
    } else if offer.is_trial() {
        Some("Trial offers cannot be applied to existing subscriptions")
    } else if offer.is_for_signup() {
        Some("Signup offers cannot be applied to existing subscriptions")
    } else if subscription.cancel_at_period_end {
        Some("Cannot apply retention offer to a subscription that is already cancelling")
    } else if offer.tier_id.is_some_and(|tier| Some(tier) != subscription.tier_id) {
        Some("Offer is not valid for this subscription tier")
    } else if offer.cadence != subscription.cadence {
        Some("Offer is not valid for this subscription cadence")
    } else {
        None
    }
}
