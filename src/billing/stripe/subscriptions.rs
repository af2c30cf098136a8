//! Subscriptions, their invoices and payments.

use std::collections::HashMap;

use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails, CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior, CreatePreviewInvoiceSubscriptionDetailsTrialEnd,
    ListInvoice, PayInvoice, RetrieveInvoice,
};
use stripe_billing::subscription::{
    CancelSubscription, DeleteDiscountSubscription, DiscountsDataParam, ListSubscription, ListSubscriptionStatus,
    RetrieveSubscription, UpdateSubscription, UpdateSubscriptionCancellationDetails, UpdateSubscriptionItems,
    UpdateSubscriptionPaymentBehavior, UpdateSubscriptionProrationBehavior, UpdateSubscriptionTrialEnd,
};

use stripe_core::charge::{ListCharge, RetrieveCharge};
use stripe_core::refund::CreateRefund;

use super::objects::{Charge, HasId, Invoice, Subscription};
use super::{PAGE, Stripe, StripeResult, texts};
use crate::clock::Timestamp;

const SUBSCRIPTION: [&str; 4] = ["default_payment_method", "latest_invoice", "discounts", "discounts.source.coupon"];

fn in_a_list() -> Vec<String> {
    SUBSCRIPTION.iter().map(|field| format!("data.{field}")).collect()
}

impl Stripe {
    /// Every subscription of a customer, the ended ones too.
    pub async fn subscriptions_of(&self, customer: &str) -> StripeResult<Vec<Subscription>> {
        self.pages(
            |one: &Subscription| one.id.clone(),
            |after| {
                let list = ListSubscription::new()
                    .customer(customer)
                    .status(ListSubscriptionStatus::All)
                    .limit(PAGE)
                    .expand(in_a_list());
                match after {
                    Some(id) => list.starting_after(id),
                    None => list,
                }
            },
        )
        .await
    }

    /// A page of all subscriptions of the account, newest first.
    pub async fn subscriptions_after(&self, after: Option<String>) -> StripeResult<(Vec<Subscription>, bool)> {
        let mut list = ListSubscription::new().status(ListSubscriptionStatus::All).limit(PAGE);
        if let Some(id) = after {
            list = list.starting_after(id);
        }
        let page: super::Page<Subscription> = self.read(&list).await?;
        Ok((page.data, page.has_more))
    }

    pub async fn subscription(&self, id: &str) -> StripeResult<Subscription> {
        self.read(&RetrieveSubscription::new(id).expand(texts(&SUBSCRIPTION))).await
    }

    /// Money that a customer paid, newest first.
    pub async fn charges_of(&self, customer: &str) -> StripeResult<Vec<Charge>> {
        self.pages(
            |one: &Charge| one.id.clone(),
            |after| {
                let list = ListCharge::new().customer(customer).limit(PAGE);
                match after {
                    Some(id) => list.starting_after(id),
                    None => list,
                }
            },
        )
        .await
    }

    /// Gives money back: the whole of a charge that is left, or `amount` of it in the minor unit.
    pub async fn refund(&self, charge: &str, amount: Option<i64>, key: &str) -> StripeResult<()> {
        let mut request = CreateRefund::new().charge(charge);
        if let Some(amount) = amount {
            request = request.amount(amount);
        }
        let _: HasId = self.change(&request, key).await?;
        Ok(())
    }

    /// Whose money a charge was.
    pub async fn customer_of_charge(&self, charge: &str) -> StripeResult<Option<String>> {
        #[derive(serde::Deserialize)]
        struct Payer {
            #[serde(default)]
            customer: Option<super::objects::Ref<HasId>>,
        }
        let payer: Payer = self.read(&RetrieveCharge::new(charge)).await?;
        Ok(payer.customer.map(|customer| customer.id().to_owned()))
    }

    /// The newest invoices of a customer.
    pub async fn invoices_of(&self, customer: &str, most: i64) -> StripeResult<Vec<Invoice>> {
        let page: super::Page<Invoice> = self.read(&ListInvoice::new().customer(customer).limit(most)).await?;
        Ok(page.data)
    }

    pub async fn invoice(&self, id: &str) -> StripeResult<Invoice> {
        self.read(&RetrieveInvoice::new(id)).await
    }

    /// Pays an open invoice with a card. Refused when the bank says no.
    pub async fn pay_invoice(&self, invoice: &str, payment_method: &str, key: &str) -> StripeResult<Invoice> {
        self.change(&PayInvoice::new(invoice).payment_method(payment_method), key).await
    }

    pub async fn set_subscription_card(&self, id: &str, payment_method: &str, key: &str) -> StripeResult<()> {
        let _: HasId = self.change(&UpdateSubscription::new(id).default_payment_method(payment_method), key).await?;
        Ok(())
    }

    /// Lets a subscription end with its period, and says why.
    pub async fn cancel_at_period_end(&self, id: &str, reason: Option<&str>, key: &str) -> StripeResult<()> {
        let mut request = UpdateSubscription::new(id).cancel_at_period_end(true);
        if let Some(reason) = reason {
            let mut details = UpdateSubscriptionCancellationDetails::new();
            details.comment = Some(reason.to_owned());
            request = request.cancellation_details(details);
        }
        let _: HasId = self.change(&request, key).await?;
        Ok(())
    }

    /// Lets a subscription go on that was to end.
    pub async fn resume(&self, id: &str, key: &str) -> StripeResult<()> {
        let _: HasId = self.change(&UpdateSubscription::new(id).cancel_at_period_end(false), key).await?;
        Ok(())
    }

    /// Ends a subscription now.
    pub async fn cancel_now(&self, id: &str, key: &str) -> StripeResult<()> {
        let _: HasId = self.change(&CancelSubscription::new(id), key).await?;
        Ok(())
    }

    /// Another price for an item: what is due is charged at once, a trial ends, an end that was set is
    /// lifted. One call, so that nothing is half done (protocol H.2, 26). Refused when the bank says
    /// no; the price is then as it was.
    pub async fn change_price(
        &self,
        id: &str,
        item: &str,
        price: &str,
        ends_trial: bool,
        at: Timestamp,
        key: &str,
    ) -> StripeResult<()> {
        let mut line = UpdateSubscriptionItems::new();
        line.id = Some(item.to_owned());
        line.price = Some(price.to_owned());
        let mut request = UpdateSubscription::new(id)
            .items(vec![line])
            .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice)
            .payment_behavior(UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete)
            .cancel_at_period_end(false);
        request = if ends_trial {
            request.trial_end(UpdateSubscriptionTrialEnd::Now)
        } else {
            request.proration_date(at.seconds())
        };
        let _: HasId = self.change(&request, key).await?;
        Ok(())
    }

    /// Another price from the next payment on. Nothing is charged now, and nothing else changes.
    pub async fn move_to_price(&self, id: &str, item: &str, price: &str, key: &str) -> StripeResult<()> {
        let mut line = UpdateSubscriptionItems::new();
        line.id = Some(item.to_owned());
        line.price = Some(price.to_owned());
        let request =
            UpdateSubscription::new(id).items(vec![line]).proration_behavior(UpdateSubscriptionProrationBehavior::None);
        let _: HasId = self.change(&request, key).await?;
        Ok(())
    }

    /// What another price would cost at once and from then on.
    pub async fn preview_price(
        &self,
        id: &str,
        item: &str,
        price: &str,
        ends_trial: bool,
        at: Timestamp,
    ) -> StripeResult<Invoice> {
        let mut line = CreatePreviewInvoiceSubscriptionDetailsItems::new();
        line.id = Some(item.to_owned());
        line.price = Some(price.to_owned());
        let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
        details.items = Some(vec![line]);
        details.proration_behavior = Some(CreatePreviewInvoiceSubscriptionDetailsProrationBehavior::AlwaysInvoice);
        if ends_trial {
            details.trial_end = Some(CreatePreviewInvoiceSubscriptionDetailsTrialEnd::Now);
        } else {
            details.proration_date = Some(at.seconds());
        }
        // Changes nothing: it may be asked again without a key, but only POST is taken.
        let key = format!("preview-{}", crate::ids::uuid());
        self.change(&CreatePreviewInvoice::new().subscription(id).subscription_details(details), &key).await
    }

    pub async fn apply_coupon(&self, id: &str, coupon: &str, key: &str) -> StripeResult<()> {
        let mut discount = DiscountsDataParam::new();
        discount.coupon = Some(coupon.to_owned());
        let request = UpdateSubscription::new(id).discounts(vec![discount]);
        let _: HasId = self.change(&request, key).await?;
        Ok(())
    }

    pub async fn drop_discount(&self, id: &str) -> StripeResult<()> {
        let dropped: StripeResult<HashMap<String, serde_json::Value>> =
            self.read(&DeleteDiscountSubscription::new(id)).await;
        match dropped {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}
