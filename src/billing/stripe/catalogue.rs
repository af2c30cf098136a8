//! Products, prices, coupons. Each is made under a name of ours (a product's id, a price's lookup
//! key, a coupon's id), so that it is never made twice, however long ago the first time was.

use stripe_product::coupon::CreateCoupon;
use stripe_product::price::{
    CreatePrice, CreatePriceRecurring, CreatePriceRecurringInterval, CustomUnitAmount, ListPrice, UpdatePrice,
};
use stripe_product::product::CreateProduct;
use stripe_shared::CouponDuration;
use stripe_types::Currency;

use super::objects::{HasId, Page, Price};
use super::{Stripe, StripeError, StripeResult};

/// A coupon about to be made.
pub struct NewCoupon<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub percent_off: Option<i64>,
    /// Minor units, in `currency`.
    pub amount_off: Option<i64>,
    pub currency: Option<&'a str>,
    /// `once`, `repeating` or `forever`.
    pub duration: &'a str,
    pub months: Option<i64>,
}

fn currency(code: &str) -> Currency {
    // Never fails: whatever is no currency of Stripe's is passed on, and refused there.
    code.parse().unwrap_or(Currency::USD)
}

impl Stripe {
    /// Sees to it that there is a product with this id.
    pub async fn ensure_product(&self, id: &str, name: &str) -> StripeResult<()> {
        let made: StripeResult<HasId> = self.change(&CreateProduct::new(name).id(id), &format!("product-{id}")).await;
        match made {
            Err(error) if !error.is_there_already() => Err(error),
            _ => Ok(()),
        }
    }

    /// Sees to it that there is a price with this lookup key; returns its id. `interval` is `month` or
    /// `year`.
    pub async fn ensure_price(
        &self,
        lookup_key: &str,
        product: &str,
        code: &str,
        amount_minor: i64,
        interval: &str,
    ) -> StripeResult<String> {
        let interval = match interval {
            "year" => CreatePriceRecurringInterval::Year,
            _ => CreatePriceRecurringInterval::Month,
        };
        let request = CreatePrice::new(currency(code))
            .product(product)
            .unit_amount(amount_minor)
            .nickname(match interval {
                CreatePriceRecurringInterval::Year => "Yearly",
                _ => "Monthly",
            })
            .lookup_key(lookup_key)
            .recurring(CreatePriceRecurring::new(interval));
        self.ensure_price_of(lookup_key, request).await
    }

    /// The same for a price whose amount the payer chooses.
    pub async fn ensure_chosen_price(
        &self,
        lookup_key: &str,
        product: &str,
        code: &str,
        suggested_minor: i64,
    ) -> StripeResult<String> {
        let mut amount = CustomUnitAmount::new(true);
        amount.preset = Some(suggested_minor);
        let request =
            CreatePrice::new(currency(code)).product(product).custom_unit_amount(amount).lookup_key(lookup_key);
        self.ensure_price_of(lookup_key, request).await
    }

    async fn ensure_price_of(&self, lookup_key: &str, request: CreatePrice) -> StripeResult<String> {
        let made: StripeResult<HasId> = self.change(&request, &format!("price-{lookup_key}")).await;
        match made {
            Ok(price) => Ok(price.id),
            Err(error) if error.is_there_already() => {
                let found: Page<Price> =
                    self.read(&ListPrice::new().lookup_keys(vec![lookup_key.to_owned()]).limit(1)).await?;
                found.data.into_iter().next().map(|price| price.id).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a price out of sale. Those who pay it go on paying it.
    pub async fn archive_price(&self, id: &str) -> StripeResult<()> {
        let _: HasId = self.change(&UpdatePrice::new(id).active(false), &format!("archive-{id}")).await?;
        Ok(())
    }

    /// Sees to it that there is a coupon with this id.
    pub async fn ensure_coupon(&self, new: &NewCoupon<'_>) -> StripeResult<()> {
        let duration = match new.duration {
            "forever" => CouponDuration::Forever,
            "repeating" => CouponDuration::Repeating,
            _ => CouponDuration::Once,
        };
        let mut request = CreateCoupon::new().id(new.id).name(new.name).duration(duration);
        if let Some(months) = new.months {
            request = request.duration_in_months(months);
        }
        if let Some(percent) = new.percent_off {
            request = request.percent_off(percent as f64);
        }
        if let (Some(amount), Some(code)) = (new.amount_off, new.currency) {
            request = request.amount_off(amount).currency(currency(code));
        }
        let made: StripeResult<HasId> = self.change(&request, &format!("coupon-{}", new.id)).await;
        match made {
            Err(StripeError::Refused(refusal)) if refusal.code.as_deref() != Some("resource_already_exists") => {
                Err(StripeError::Refused(refusal))
            }
            Err(error) if error.is_away() => Err(error),
            _ => Ok(()),
        }
    }
}
