//! What is read of Stripe's answers: the few fields that matter here.
//!
//! The library's own types know every field and refuse an answer in which one is missing or new;
//! these pass over whatever they do not know (`reliability.md` P12). Times are Unix seconds, amounts
//! whole numbers of the minor unit.

use std::collections::HashMap;

use serde::Deserialize;

use crate::clock::Timestamp;

/// An object, or only its id where it was not asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Ref<T> {
    Id(String),
    Object(T),
}

impl<T> Ref<T> {
    pub fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// Whatever has an id.
#[derive(Debug, Clone, Deserialize)]
pub struct HasId {
    pub id: String,
}

impl Ref<HasId> {
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }
}

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub i64);

impl From<Seconds> for Timestamp {
    fn from(at: Seconds) -> Self {
        Self::from_millis(at.0.saturating_mul(1_000))
    }
}

#[derive(Debug, Deserialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Customer {
    pub id: String,
    #[serde(default)]
    pub deleted: bool,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    #[serde(default)]
    pub invoice_settings: InvoiceSettings,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct InvoiceSettings {
    #[serde(default)]
    pub default_payment_method: Option<Ref<PaymentMethod>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PaymentMethod {
    pub id: String,
    #[serde(default)]
    pub card: Option<Card>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Card {
    pub last4: String,
    pub exp_month: i32,
    pub exp_year: i32,
    #[serde(default)]
    pub fingerprint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub customer: Ref<HasId>,
    pub status: String,
    #[serde(default)]
    pub cancel_at_period_end: bool,
    #[serde(default)]
    pub canceled_at: Option<Seconds>,
    #[serde(default)]
    pub cancellation_details: Option<CancellationDetails>,
    pub start_date: Seconds,
    pub created: Seconds,
    #[serde(default)]
    pub ended_at: Option<Seconds>,
    #[serde(default)]
    pub trial_start: Option<Seconds>,
    #[serde(default)]
    pub trial_end: Option<Seconds>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    pub items: Page<Item>,
    #[serde(default)]
    pub discounts: Vec<Ref<Discount>>,
    #[serde(default)]
    pub default_payment_method: Option<Ref<PaymentMethod>>,
    #[serde(default)]
    pub latest_invoice: Option<Ref<Invoice>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CancellationDetails {
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Periods stand on the items since version 2025-03-31.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    pub id: String,
    pub price: Price,
    pub current_period_start: Seconds,
    pub current_period_end: Seconds,
}

impl Clone for Page<Item> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), has_more: self.has_more }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Price {
    pub id: String,
    pub product: Ref<HasId>,
    #[serde(default)]
    pub active: bool,
    pub currency: String,
    #[serde(default)]
    pub unit_amount: Option<i64>,
    #[serde(default)]
    pub recurring: Option<Recurring>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Recurring {
    pub interval: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Discount {
    pub start: Seconds,
    #[serde(default)]
    pub end: Option<Seconds>,
    pub source: DiscountSource,
}

#[derive(Debug, Clone, Deserialize)]
pub struct DiscountSource {
    #[serde(default)]
    pub coupon: Option<Ref<Coupon>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Coupon {
    pub id: String,
    #[serde(default)]
    pub percent_off: Option<f64>,
    #[serde(default)]
    pub amount_off: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Invoice {
    pub id: Option<String>,
    #[serde(default)]
    pub number: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    pub currency: String,
    pub created: Seconds,
    #[serde(default)]
    pub amount_due: i64,
    #[serde(default)]
    pub amount_paid: i64,
    #[serde(default)]
    pub amount_remaining: i64,
    #[serde(default)]
    pub attempt_count: i64,
    #[serde(default)]
    pub next_payment_attempt: Option<Seconds>,
    #[serde(default)]
    pub total: i64,
    #[serde(default)]
    pub hosted_invoice_url: Option<String>,
    #[serde(default)]
    pub invoice_pdf: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub created: Seconds,
    #[serde(default)]
    pub paid: bool,
    #[serde(default)]
    pub amount_refunded: i64,
    #[serde(default)]
    pub disputed: bool,
    #[serde(default)]
    pub receipt_url: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    pub id: String,
    pub mode: String,
    /// `open`, `complete` or `expired`.
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub payment_status: String,
    #[serde(default)]
    pub customer: Option<Ref<HasId>>,
    #[serde(default)]
    pub customer_details: Option<CustomerDetails>,
    #[serde(default)]
    pub subscription: Option<Ref<HasId>>,
    #[serde(default)]
    pub setup_intent: Option<Ref<SetupIntent>>,
    #[serde(default)]
    pub payment_intent: Option<Ref<HasId>>,
    #[serde(default)]
    pub client_reference_id: Option<String>,
    #[serde(default)]
    pub metadata: HashMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CustomerDetails {
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct SetupIntent {
    pub id: String,
    pub status: String,
    #[serde(default)]
    pub payment_method: Option<Ref<HasId>>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PortalSession {
    pub url: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct WebhookEndpoint {
    pub id: String,
    pub url: String,
    pub status: String,
    #[serde(default)]
    pub api_version: Option<String>,
    #[serde(default)]
    pub enabled_events: Vec<String>,
    /// Told once, when it is made.
    #[serde(default)]
    pub secret: Option<String>,
}

/// What is read of an event: what to look at, never how it is (`reliability.md` P4).
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created: Seconds,
    pub livemode: bool,
    #[serde(default)]
    pub api_version: Option<String>,
    pub data: EventData,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EventData {
    pub object: EventObject,
}

#[derive(Debug, Clone, Deserialize)]
pub struct EventObject {
    #[serde(default)]
    pub id: Option<String>,
    #[serde(default)]
    pub object: String,
    #[serde(default)]
    pub customer: Option<Ref<HasId>>,
    /// Of a dispute: the payment that is disputed.
    #[serde(default)]
    pub charge: Option<Ref<HasId>>,
}
