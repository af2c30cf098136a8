//! The secrets that events are signed with: those of the settings, and those of endpoints that this
//! program made itself, encrypted under the key file.

use std::sync::Arc;

use data_encoding::BASE64;

use super::stripe::{self, EVENTS};
use super::{Billing, BillingResult};
use crate::db::{Conn, DbResult};
use crate::secrets::SecretKey;
use crate::site_facts;

const KEPT: &str = "stripe_webhook_secrets";
const CONTEXT: &str = "stripe webhook secret";
/// The one of today and the one before it, while deliveries signed with that are still on their way.
const MOST: usize = 2;

/// The secrets of endpoints that were made here, the newest first.
pub fn kept(conn: &mut Conn, key: &SecretKey) -> DbResult<Vec<Arc<str>>> {
    let sealed = site_facts::read(conn, KEPT)?.unwrap_or_default();
    Ok(sealed
        .split_whitespace()
        .filter_map(|one| key.open(CONTEXT, &BASE64.decode(one.as_bytes()).ok()?))
        .filter_map(|plain| String::from_utf8(plain).ok())
        .map(Arc::from)
        .collect())
}

fn keep(conn: &mut Conn, key: &SecretKey, secret: &str) -> DbResult<()> {
    let newest = BASE64.encode(&key.seal(CONTEXT, secret.as_bytes()));
    let before = site_facts::read(conn, KEPT)?.unwrap_or_default();
    let all: Vec<&str> = std::iter::once(newest.as_str()).chain(before.split_whitespace()).take(MOST).collect();
    site_facts::write(conn, KEPT, &all.join(" "))
}

/// What became of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    Made(String),
    /// It was there; it now asks for the events of today.
    Updated(String),
    /// It was there for another version of the interface, or its secret is not known here: another took
    /// its place.
    Replaced(String),
}

impl Billing {
    /// Where Stripe is to send its events.
    pub fn webhook_url(&self) -> String {
        self.settings.link("members/webhooks/stripe/").to_string()
    }

    /// Sees to it that Stripe sends its events here.
    pub async fn register_webhook(&self) -> BillingResult<Registered> {
        let url = self.webhook_url();
        let ours = self.stripe.webhook_endpoints().await?.into_iter().find(|endpoint| endpoint.url == url);
        let key = self.policy.key.clone();
        let knows_secret = !self.db.read(move |conn| kept(conn, &key)).await?.is_empty()
            || self.settings.stripe.as_ref().is_some_and(|account| !account.webhook_secrets.is_empty());
        if let Some(endpoint) = &ours
            && endpoint.api_version.as_deref() == Some(stripe::api_version())
            && knows_secret
        {
            self.stripe.update_webhook_endpoint(&endpoint.id).await?;
            return Ok(Registered::Updated(endpoint.id.clone()));
        }
        let made = self.stripe.create_webhook_endpoint(&url).await?;
        if let Some(secret) = made.secret {
            let key = self.policy.key.clone();
            self.db.write(move |conn| keep(conn, &key, &secret)).await?;
        }
        match ours {
            Some(old) => {
                self.stripe.delete_webhook_endpoint(&old.id).await?;
                Ok(Registered::Replaced(made.id))
            }
            None => Ok(Registered::Made(made.id)),
        }
    }

    /// What is wrong with how Stripe sends its events, in words.
    pub async fn check_webhook(&self) -> BillingResult<Result<String, String>> {
        let url = self.webhook_url();
        let ours: Vec<_> =
            self.stripe.webhook_endpoints().await?.into_iter().filter(|endpoint| endpoint.url == url).collect();
        let Some(endpoint) = ours.first() else {
            return Ok(Err(format!(
                "Stripe sends no events to {url}: `readership billing webhook` makes the endpoint"
            )));
        };
        if ours.len() > 1 {
            return Ok(Err(format!("Stripe sends its events to {url} {} times: delete the others", ours.len())));
        }
        if endpoint.status != "enabled" {
            return Ok(Err(format!("the endpoint {} is {}: enable it at Stripe", endpoint.id, endpoint.status)));
        }
        let version = endpoint.api_version.as_deref().unwrap_or("the account's own version");
        if version != stripe::api_version() {
            return Ok(Err(format!(
                "the endpoint {} sends version {version}, this program speaks {}: `readership billing webhook` mends it",
                endpoint.id,
                stripe::api_version()
            )));
        }
        let asks_all = endpoint.enabled_events.iter().any(|event| event == "*");
        let missing: Vec<&str> = EVENTS
            .into_iter()
            .filter(|event| !asks_all && !endpoint.enabled_events.iter().any(|asked| asked == event))
            .collect();
        if !missing.is_empty() {
            return Ok(Err(format!(
                "the endpoint {} is not sent {}: `readership billing webhook` mends it",
                endpoint.id,
                missing.join(", ")
            )));
        }
        Ok(Ok(format!("Stripe sends its events to {url} in version {version}")))
    }
}
