//! What Stripe tells by itself: whether it was Stripe, which events are asked for, and the endpoint
//! that they go to.

use std::sync::Arc;

use stripe_client_core::VERSION;
use stripe_core::balance::RetrieveForMyAccountBalance;
use stripe_core::event::ListEvent;
use stripe_misc::webhook_endpoint::{
    CreateWebhookEndpoint, CreateWebhookEndpointEnabledEvents, DeleteWebhookEndpoint, ListWebhookEndpoint,
    UpdateWebhookEndpoint, UpdateWebhookEndpointEnabledEvents,
};
use stripe_types::{RangeBoundsTs, RangeQueryTs};
use stripe_webhook::{Webhook, WebhookError};
use tracing::subscriber::{NoSubscriber, with_default};

use super::objects::{Event, HasId, WebhookEndpoint};
use super::{PAGE, Stripe, StripeResult};
use crate::clock::Timestamp;

/// The events that say what to look at. Whatever else arrives is kept and passed over.
pub const EVENTS: [&str; 20] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "customer.updated",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
    "payment_method.automatically_updated",
];

/// Whether a body came from Stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// With this one of our secrets, counted from 0.
    With(usize),
    /// The header is not a signature.
    Unsigned,
    /// Signed by somebody else, or too long ago, or too far ahead.
    Wrong,
}

/// Checks the `Stripe-Signature` of a raw body (`reliability.md` P1): HMAC-SHA256 in any of its `v1`
/// values, within 300 seconds, with any of the secrets.
///
/// The library parses the whole event after it has found the signature right; an event of a shape
/// that it does not know is signed all the same.
pub fn verify(body: &str, header: &str, secrets: &[Arc<str>], now: Timestamp) -> Signed {
    let mut unsigned = false;
    for (number, secret) in secrets.iter().enumerate() {
        // The library would log every event of a shape unknown to it as an error.
        let checked = with_default(NoSubscriber::new(), || {
            Webhook::construct_event_with_timestamp(body, header, secret, now.seconds())
        });
        match checked {
            Ok(_) | Err(WebhookError::BadParse(_)) => return Signed::With(number),
            Err(WebhookError::BadHeader(_)) => unsigned = true,
            Err(_) => {}
        }
    }
    if unsigned || !header.contains("v1=") { Signed::Unsigned } else { Signed::Wrong }
}

fn enabled() -> Vec<CreateWebhookEndpointEnabledEvents> {
    // Parsing never fails.
    EVENTS.iter().filter_map(|event| event.parse().ok()).collect()
}

fn still_enabled() -> Vec<UpdateWebhookEndpointEnabledEvents> {
    EVENTS.iter().filter_map(|event| event.parse().ok()).collect()
}

impl Stripe {
    pub async fn webhook_endpoints(&self) -> StripeResult<Vec<WebhookEndpoint>> {
        self.pages(
            |one: &WebhookEndpoint| one.id.clone(),
            |after| {
                let list = ListWebhookEndpoint::new().limit(PAGE);
                match after {
                    Some(id) => list.starting_after(id),
                    None => list,
                }
            },
        )
        .await
    }

    /// Makes an endpoint; the answer holds its signing secret, this once.
    pub async fn create_webhook_endpoint(&self, url: &str) -> StripeResult<WebhookEndpoint> {
        let request = CreateWebhookEndpoint::new(enabled(), url).api_version(VERSION).description("Readership");
        self.change(&request, &format!("webhook-{}", crate::ids::uuid())).await
    }

    /// Asks for the events of today at an endpoint that is there.
    pub async fn update_webhook_endpoint(&self, id: &str) -> StripeResult<()> {
        let request = UpdateWebhookEndpoint::new(id).enabled_events(still_enabled()).disabled(false);
        let _: HasId = self.change(&request, &format!("webhook-{}", crate::ids::uuid())).await?;
        Ok(())
    }

    pub async fn delete_webhook_endpoint(&self, id: &str) -> StripeResult<()> {
        let _: HasId = self.read(&DeleteWebhookEndpoint::new(id)).await?;
        Ok(())
    }

    /// What happened since `from`, a page at a time, newest first. Stripe keeps events for 30 days.
    pub async fn events_since(&self, from: Timestamp) -> StripeResult<Vec<serde_json::Value>> {
        let range = RangeQueryTs::Bounds(RangeBoundsTs { gte: Some(from.seconds()), ..RangeBoundsTs::default() });
        self.pages(
            |one: &serde_json::Value| one["id"].as_str().unwrap_or_default().to_owned(),
            |after| {
                let types: Vec<String> = EVENTS.iter().map(|event| (*event).to_owned()).collect();
                let list = ListEvent::new().created(range).types(types).limit(PAGE);
                match after {
                    Some(id) => list.starting_after(id),
                    None => list,
                }
            },
        )
        .await
    }

    /// The newest event of the account.
    pub async fn newest_event(&self) -> StripeResult<Option<Event>> {
        let page: super::Page<Event> = self.read(&ListEvent::new().limit(1)).await?;
        Ok(page.data.into_iter().next())
    }

    /// Whether the key works at all.
    pub async fn check_key(&self) -> StripeResult<()> {
        let _: serde_json::Value = self.read(&RetrieveForMyAccountBalance::new()).await?;
        Ok(())
    }
}
