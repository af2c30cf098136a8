//! Telling: events go out signed, and again until they are taken.

use std::time::Duration;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{sleep, timeout};

use super::StandIn;
use crate::secrets;

/// An event on its way to an endpoint.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub event: String,
    pub url: String,
    pub body: String,
    secret: String,
    /// The header `stripe-signature`, of the moment it was taken.
    pub signature: String,
}

/// `t=…,v1=…` of a body (Stripe, "Verify webhook signatures manually").
pub fn sign(body: &str, secret: &str, at: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", HEXLOWER.encode(tag.as_ref()))
}

/// How often a delivery is tried, with a pause that doubles from a tenth of a second.
const TRIES: u32 = 8;

impl StandIn {
    /// Takes what is to go out, signed now.
    pub fn take_events(&self) -> Vec<Delivery> {
        let mut state = self.lock();
        let outbound = std::mem::take(&mut state.outbound);
        let now = self.clock.now().seconds();
        outbound
            .into_iter()
            .filter_map(|(event, endpoint)| {
                let (event, endpoint) = (state.find(&event)?, state.find(&endpoint)?);
                let body = serde_json::to_string_pretty(event).ok()?;
                let signature = sign(&body, endpoint["secret"].as_str()?, now);
                Some(Delivery {
                    secret: endpoint["secret"].as_str()?.to_owned(),
                    event: event["id"].as_str()?.to_owned(),
                    url: endpoint["url"].as_str()?.to_owned(),
                    body,
                    signature,
                })
            })
            .collect()
    }

    /// Sends events as they come, for ever. Dropping the future ends it.
    pub async fn tell_everybody(self) {
        let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        loop {
            self.catch_up();
            let wishes = self.orders.wishes();
            if !wishes.hold_events {
                let mut events = self.take_events();
                events.retain(|_| secrets::random_below(100) >= wishes.lost_events);
                let doubled: Vec<Delivery> =
                    events.iter().filter(|_| secrets::random_below(100) < wishes.doubled_events).cloned().collect();
                events.extend(doubled);
                if wishes.shuffled_events {
                    for at in (1..events.len()).rev() {
                        let other = usize::try_from(secrets::random_below(at as u64 + 1)).unwrap_or(0);
                        events.swap(at, other);
                    }
                }
                for event in events {
                    tokio::spawn(self.clone().deliver(client.clone(), event));
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tries until it is taken. Each try is signed anew, as Stripe's are.
    async fn deliver(self, client: Client<HttpConnector, Full<Bytes>>, event: Delivery) {
        for attempt in 0..TRIES {
            let signature = sign(&event.body, &event.secret, self.clock.now().seconds());
            let request = Request::post(&event.url)
                .header("content-type", "application/json; charset=utf-8")
                .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
                .header("stripe-signature", signature)
                .body(Full::new(Bytes::from(event.body.clone())));
            let Ok(request) = request else { return };
            match timeout(Duration::from_secs(20), client.request(request)).await {
                Ok(Ok(answer)) if answer.status().is_success() => return,
                other => {
                    tracing::debug!(event = event.event, ?other, "an event was not taken");
                    sleep(Duration::from_millis(100 << attempt)).await;
                }
            }
        }
    }
}
