//! Stripe, as far as the rest of the program knows it. This is the only room that uses Stripe's own
//! types: requests are made with those of the library, so that a parameter which the pinned version
//! does not have does not compile, and answers are read into [`objects`].
//!
//! Every call that changes something takes an idempotency key made of the caller's own operation.
//! Nothing here decides anything, and nothing here is called inside a transaction.

mod catalogue;
pub mod objects;
mod sessions;
mod subscriptions;
mod transport;
mod webhooks;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use stripe_client_core::{StripeRequest, VERSION};
pub use transport::Refusal;
use transport::Transport;

pub use catalogue::NewCoupon;
pub use sessions::{NewSession, Wanted};
pub use webhooks::{EVENTS, Signed, verify};

use crate::config::{Billing, StripeSettings};
use objects::Page;

/// Why Stripe did not do it.
#[derive(Debug, Clone)]
pub enum StripeError {
    /// It cannot be reached, is too slow, or has a fault of its own: trying again later may help.
    Away(String),
    /// It said no, and will say no again.
    Refused(Box<Refusal>),
    /// It said something that cannot be read.
    Unreadable(String),
}

pub type StripeResult<T> = Result<T, StripeError>;

impl StripeError {
    /// There is no such object.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404 || refusal.code.as_deref() == Some("resource_missing"))
    }

    /// There is one already.
    fn is_there_already(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code.as_deref() == Some("resource_already_exists")
            || refusal.message.contains("already"))
    }

    /// The bank said no to a card.
    pub fn is_card_declined(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 402 || refusal.kind == "card_error")
    }

    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl fmt::Display for StripeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => write!(f, "Stripe cannot be reached: {why}"),
            Self::Refused(refusal) => {
                write!(f, "Stripe refused ({}", refusal.status)?;
                if let Some(code) = &refusal.code {
                    write!(f, ", {code}")?;
                }
                if let Some(param) = &refusal.param {
                    write!(f, ", {param}")?;
                }
                write!(f, "): {}", refusal.message)
            }
            Self::Unreadable(why) => write!(f, "Stripe's answer cannot be read: {why}"),
        }
    }
}

impl std::error::Error for StripeError {}

/// The version of Stripe's interface that is spoken, sent with every call (`reliability.md` P12).
pub fn api_version() -> &'static str {
    VERSION.as_str()
}

/// Whether a currency is one of Stripe's, in lower case.
pub fn is_currency(code: &str) -> bool {
    use stripe_types::Currency;
    // Those with three decimals are not in the library's list; Stripe takes them.
    ["bhd", "jod", "kwd", "omr", "tnd"].contains(&code)
        || !matches!(code.parse::<Currency>(), Ok(Currency::Unknown(_)) | Err(_))
}

/// An account at Stripe. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    transport: Arc<Transport>,
    is_live: bool,
}

impl Stripe {
    pub fn new(settings: &StripeSettings, numbers: &Billing) -> anyhow::Result<Self> {
        Ok(Self { transport: Arc::new(Transport::new(settings, numbers)?), is_live: settings.is_live() })
    }

    /// Whether real money moves. Events of the other kind are none of ours (`reliability.md` P16).
    pub const fn is_live(&self) -> bool {
        self.is_live
    }

    /// What time it is at Stripe, in seconds since 1970, to the second. Nothing if it does not say.
    pub async fn server_time(&self) -> StripeResult<Option<i64>> {
        self.transport.server_time().await
    }

    /// Reads something.
    async fn read<T: DeserializeOwned>(&self, request: &impl StripeRequest) -> StripeResult<T> {
        self.call(request, None).await
    }

    /// Changes something, once for each `key`.
    async fn change<T: DeserializeOwned>(&self, request: &impl StripeRequest, key: &str) -> StripeResult<T> {
        self.call(request, Some(key)).await
    }

    async fn call<T: DeserializeOwned>(&self, request: &impl StripeRequest, key: Option<&str>) -> StripeResult<T> {
        let body = self.transport.send(request.build(), key).await?;
        serde_json::from_slice(&body).map_err(|error| {
            tracing::error!(%error, "an answer of Stripe cannot be read");
            StripeError::Unreadable(error.to_string())
        })
    }

    /// All pages of a list. `ask` makes the request for what follows an id.
    async fn pages<T: DeserializeOwned, R: StripeRequest>(
        &self,
        id_of: impl Fn(&T) -> String,
        ask: impl Fn(Option<String>) -> R,
    ) -> StripeResult<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let page: Page<T> = self.read(&ask(all.last().map(&id_of))).await?;
            let is_last = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if is_last || all.len() >= MOST_IN_A_LIST {
                return Ok(all);
            }
        }
    }
}

/// One customer's subscriptions or payments. Nobody has more; a loop must end.
const MOST_IN_A_LIST: usize = 10_000;
/// Objects of one page, the most that Stripe gives.
const PAGE: i64 = 100;

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}
