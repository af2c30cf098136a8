//! Customers, and their visits to Stripe's pages: Checkout and the billing portal.

use std::collections::HashMap;

use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomFields, CreateCheckoutSessionCustomFieldsLabel,
    CreateCheckoutSessionCustomFieldsLabelType, CreateCheckoutSessionCustomFieldsType,
    CreateCheckoutSessionCustomerCreation, CreateCheckoutSessionDiscounts, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionSetupIntentData,
    CreateCheckoutSessionSubscriptionData, ExpireCheckoutSession, RetrieveCheckoutSession,
};
use stripe_core::customer::{CreateCustomer, RetrieveCustomer, UpdateCustomer, UpdateCustomerInvoiceSettings};
use stripe_shared::{CheckoutSessionLocale, CheckoutSessionMode, CheckoutSessionSubmitType};

use super::objects::{Customer, HasId, PortalSession, Session};
use super::{Stripe, StripeResult, texts};
use crate::clock::Timestamp;

/// What a visit is for.
pub enum Wanted<'a> {
    Subscription {
        price: &'a str,
        trial_days: Option<u32>,
        coupon: Option<&'a str>,
    },
    /// A one-time payment of an amount that the payer chooses there.
    Donation {
        price: &'a str,
        /// The words above the field for a message.
        note: &'a str,
    },
    /// Another card, for this subscription.
    Card {
        subscription: Option<&'a str>,
        currency: &'a str,
    },
}

/// A visit about to begin.
pub struct NewSession<'a> {
    pub wanted: Wanted<'a>,
    pub customer: Option<&'a str>,
    /// Where there is no customer yet: prefilled, and not to be changed there.
    pub email: Option<&'a str>,
    pub success_url: &'a str,
    pub cancel_url: &'a str,
    /// Our operation; comes back with the session.
    pub reference: &'a str,
    pub metadata: HashMap<String, String>,
    /// A language tag.
    pub language: &'a str,
    /// At least half an hour from now, as Stripe wants it.
    pub expires_at: Timestamp,
}

impl Stripe {
    pub async fn create_customer(
        &self,
        email: &str,
        name: Option<&str>,
        metadata: HashMap<String, String>,
        key: &str,
    ) -> StripeResult<Customer> {
        let mut request = CreateCustomer::new().email(email).metadata(metadata);
        if let Some(name) = name {
            request = request.name(name);
        }
        self.change(&request, key).await
    }

    pub async fn customer(&self, id: &str) -> StripeResult<Customer> {
        let request = RetrieveCustomer::new(id).expand(texts(&["invoice_settings.default_payment_method"]));
        self.read(&request).await
    }

    /// Says whose customer somebody is, who paid before they proved their address.
    pub async fn name_customer(&self, id: &str, metadata: HashMap<String, String>, key: &str) -> StripeResult<()> {
        let _: HasId = self.change(&UpdateCustomer::new(id).metadata(metadata), key).await?;
        Ok(())
    }

    /// The address that Stripe writes receipts to.
    pub async fn set_customer_email(&self, id: &str, email: &str, key: &str) -> StripeResult<()> {
        let _: HasId = self.change(&UpdateCustomer::new(id).email(email), key).await?;
        Ok(())
    }

    pub async fn set_default_card(&self, customer: &str, payment_method: &str, key: &str) -> StripeResult<()> {
        let settings = UpdateCustomerInvoiceSettings {
            default_payment_method: Some(payment_method.to_owned()),
            ..UpdateCustomerInvoiceSettings::new()
        };
        let _: HasId = self.change(&UpdateCustomer::new(customer).invoice_settings(settings), key).await?;
        Ok(())
    }

    /// Opens a visit to Checkout.
    pub async fn open_session(&self, new: NewSession<'_>, key: &str) -> StripeResult<Session> {
        let locale: CheckoutSessionLocale = new.language.parse().unwrap_or(CheckoutSessionLocale::Auto);
        let mut request = CreateCheckoutSession::new()
            .success_url(new.success_url)
            .cancel_url(new.cancel_url)
            .client_reference_id(new.reference)
            .locale(locale)
            .expires_at(new.expires_at.seconds())
            .metadata(new.metadata.clone());
        request = match (new.customer, new.email) {
            (Some(customer), _) => request.customer(customer),
            (None, Some(email)) => request.customer_email(email),
            (None, None) => request,
        };
        request = match new.wanted {
            Wanted::Subscription { price, trial_days, coupon } => {
                let mut data = CreateCheckoutSessionSubscriptionData::new();
                data.metadata = Some(new.metadata);
                data.trial_period_days = trial_days;
                let request =
                    request.mode(CheckoutSessionMode::Subscription).line_items(one(price)).subscription_data(data);
                match coupon {
                    Some(coupon) => {
                        let mut discount = CreateCheckoutSessionDiscounts::new();
                        discount.coupon = Some(coupon.to_owned());
                        request.discounts(vec![discount])
                    }
                    None => request,
                }
            }
            Wanted::Donation { price, note } => {
                let mut data = CreateCheckoutSessionPaymentIntentData::new();
                data.metadata = Some(new.metadata);
                let label = CreateCheckoutSessionCustomFieldsLabel::new(
                    note,
                    CreateCheckoutSessionCustomFieldsLabelType::Custom,
                );
                let mut message = CreateCheckoutSessionCustomFields::new(
                    "donation_message",
                    label,
                    CreateCheckoutSessionCustomFieldsType::Text,
                );
                message.optional = Some(true);
                let request = request
                    .mode(CheckoutSessionMode::Payment)
                    .submit_type(CheckoutSessionSubmitType::Donate)
                    .line_items(one(price))
                    .payment_intent_data(data)
                    .custom_fields(vec![message]);
                match new.customer {
                    Some(_) => request,
                    None => request.customer_creation(CreateCheckoutSessionCustomerCreation::Always),
                }
            }
            Wanted::Card { subscription, currency } => {
                let mut data = CreateCheckoutSessionSetupIntentData::new();
                data.metadata = subscription.map(|id| HashMap::from([("subscription_id".to_owned(), id.to_owned())]));
                request
                    .mode(CheckoutSessionMode::Setup)
                    .currency(currency.parse().unwrap_or(stripe_types::Currency::USD))
                    .setup_intent_data(data)
            }
        };
        self.change(&request, key).await
    }

    pub async fn session(&self, id: &str) -> StripeResult<Session> {
        self.read(&RetrieveCheckoutSession::new(id).expand(texts(&["setup_intent"]))).await
    }

    /// Ends a visit that nobody has finished.
    pub async fn expire_session(&self, id: &str) -> StripeResult<()> {
        let _: HasId = self.change(&ExpireCheckoutSession::new(id), &format!("expire-{id}")).await?;
        Ok(())
    }

    /// Opens a visit to the billing portal, which comes back to `return_url`.
    pub async fn open_portal(&self, customer: &str, return_url: &str, key: &str) -> StripeResult<PortalSession> {
        self.change(&CreateBillingPortalSession::new().customer(customer).return_url(return_url), key).await
    }
}

fn one(price: &str) -> Vec<CreateCheckoutSessionLineItems> {
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price = Some(price.to_owned());
    item.quantity = Some(1);
    vec![item]
}
