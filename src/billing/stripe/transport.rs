//! The conversation with Stripe: one HTTPS client with deadlines, tries and a breaker.
//!
//! The library's own client opens a connection for each call and drops the headers that say when to
//! try again, so that the calls go through this one; what is said in them is still the library's
//! (`docs/libraries.md`).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod, VERSION};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use url::Url;

use super::StripeError;
use crate::config::{Billing, StripeSettings, millis, seconds};
use crate::secrets;

/// The largest answer that is read: a page of a hundred subscriptions is far below.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// The longest that one wait between two tries takes, whatever Stripe says.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: Url,
    authorization: HeaderValue,
    numbers: Billing,
    at_once: Semaphore,
    breaker: Mutex<Breaker>,
}

/// Counts failures in a row. While it is open nothing is sent, so that whoever waits for Stripe is
/// told at once (`reliability.md` P8).
#[derive(Default)]
struct Breaker {
    failures: u64,
    open_until: Option<Instant>,
}

/// How one try ended.
enum Tried {
    Answered(Bytes),
    Refused(StripeError),
    /// May be tried again, after the time that Stripe named, if it did.
    Failed {
        why: String,
        wait: Option<Duration>,
    },
}

impl Transport {
    pub(super) fn new(settings: &StripeSettings, numbers: &Billing) -> anyhow::Result<Self> {
        let mut http = HttpConnector::new();
        http.set_connect_timeout(Some(millis(numbers.connect_ms)));
        http.set_nodelay(true);
        http.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.secret_key))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).pool_idle_timeout(seconds(30)).build(https),
            base: settings.api_base.clone(),
            authorization,
            at_once: Semaphore::new(usize::try_from(numbers.calls_at_once).unwrap_or(8)),
            numbers: numbers.clone(),
            breaker: Mutex::default(),
        })
    }

    /// Sends a call and returns the body of its answer. A call that changes something has a key,
    /// the same for every try at it, however late: Stripe does it once (`reliability.md` P6).
    pub(super) async fn send(&self, call: RequestBuilder, key: Option<&str>) -> Result<Bytes, StripeError> {
        let may_repeat = key.is_some() || !matches!(call.method, StripeMethod::Post);
        let end = Instant::now() + millis(self.numbers.total_ms);
        let _turn = self.at_once.acquire().await.map_err(|_| StripeError::Away("stopping".to_owned()))?;
        let mut tries = 0;
        loop {
            self.check_breaker()?;
            let time = millis(self.numbers.call_ms).min(end.saturating_duration_since(Instant::now()));
            let tried = match timeout(time, self.try_once(&call, key)).await {
                Ok(tried) => tried,
                Err(_) => Tried::Failed { why: "no answer in time".to_owned(), wait: None },
            };
            let (why, wait) = match tried {
                Tried::Answered(body) => {
                    self.note(true);
                    return Ok(body);
                }
                Tried::Refused(error) => {
                    self.note(true);
                    return Err(error);
                }
                Tried::Failed { why, wait } => (why, wait),
            };
            self.note(false);
            metrics::counter!("readership_stripe_tries_failed_total").increment(1);
            let wait = wait.unwrap_or_else(|| backoff(tries)).min(LONGEST_WAIT);
            tries += 1;
            if !may_repeat || tries > self.numbers.retries || Instant::now() + wait >= end {
                tracing::warn!(%why, path = call.path, tries, "Stripe did not answer a call");
                return Err(StripeError::Away(why));
            }
            sleep(wait).await;
        }
    }

    /// The `Date` of an answer.
    pub(super) async fn server_time(&self) -> Result<Option<i64>, StripeError> {
        let call = RequestBuilder::new(StripeMethod::Get, "/balance");
        let request = self.request(&call, None).map_err(|error| StripeError::Unreadable(error.to_string()))?;
        let answer = timeout(millis(self.numbers.call_ms), self.client.request(request)).await;
        let answer = answer.map_err(|_| StripeError::Away("no answer in time".to_owned()))?;
        let answer = answer.map_err(|error| StripeError::Away(error.to_string()))?;
        let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
        let date: Option<SystemTime> = date.and_then(|text| httpdate::parse_http_date(text).ok());
        let since = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
        Ok(since.and_then(|since| i64::try_from(since.as_secs()).ok()))
    }

    async fn try_once(&self, call: &RequestBuilder, key: Option<&str>) -> Tried {
        let failed = |why: String| Tried::Failed { why, wait: None };
        let request = match self.request(call, key) {
            Ok(request) => request,
            Err(error) => return Tried::Refused(StripeError::Unreadable(error.to_string())),
        };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return failed(error.to_string()),
        };
        let (head, body) = answer.into_parts();
        match Limited::new(body, LARGEST_ANSWER).collect().await {
            Ok(body) => judge(head.status, &head.headers, body.to_bytes()),
            Err(error) => failed(error.to_string()),
        }
    }

    fn request(&self, call: &RequestBuilder, key: Option<&str>) -> anyhow::Result<Request<Full<Bytes>>> {
        let query = call.query.as_deref().filter(|query| !query.is_empty());
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let uri = format!("{}v1{}{query}", self.base, call.path);
        let method = match call.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, self.authorization.clone())
            .header("stripe-version", VERSION.as_str())
            .header(USER_AGENT, concat!("readership/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                Bytes::from(in_order(body))
            }
            None => Bytes::new(),
        };
        Ok(request.body(Full::new(body))?)
    }

    fn check_breaker(&self) -> Result<(), StripeError> {
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match breaker.open_until {
            Some(until) if Instant::now() < until => Err(StripeError::Away("left alone for a while".to_owned())),
            _ => Ok(()),
        }
    }

    fn note(&self, answered: bool) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures += 1;
        if breaker.failures >= self.numbers.breaker_failures {
            // One call is let through when the time is over; if it fails, the time begins anew.
            breaker.open_until = Some(Instant::now() + seconds(self.numbers.breaker_s));
            metrics::counter!("readership_stripe_breaker_opened_total").increment(1);
            tracing::warn!(failures = breaker.failures, "Stripe counts as away");
        }
    }
}

/// The fields of a form in one order. The library keeps metadata in maps, which have none; a call that
/// is sent again must be the very same.
fn in_order(form: &str) -> String {
    let mut fields: Vec<&str> = form.split('&').collect();
    fields.sort_unstable();
    fields.join("&")
}

/// A quarter of a second, a half, one …, spread by up to a half so that calls do not come together.
fn backoff(tries: u64) -> Duration {
    let wait = Duration::from_millis(250 << tries.min(6));
    wait + wait.mul_f64(secrets::random_below(500) as f64 / 1_000.0)
}

/// What an answer means. Conflicts with a call under way, limits and Stripe's own faults pass by
/// themselves, unless Stripe says that they do not.
fn judge(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Tried {
    if status.is_success() {
        return Tried::Answered(body);
    }
    let error = read_error(status, &body);
    let named = headers.get("stripe-should-retry").and_then(|value| value.to_str().ok());
    let passes = match named {
        Some("true") => true,
        Some("false") => false,
        _ => matches!(status.as_u16(), 409 | 429) || status.is_server_error(),
    };
    if !passes {
        return match error {
            // Whatever Stripe's own fault is, it is none of the request's.
            StripeError::Refused(refusal) if status.is_server_error() => {
                Tried::Refused(StripeError::Away(refusal.message))
            }
            error => Tried::Refused(error),
        };
    }
    let wait = headers.get("retry-after").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    Tried::Failed { why: format!("{status}: {error}"), wait: wait.map(Duration::from_secs) }
}

/// Stripe's form of an error (API reference, "Errors").
#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

/// Why Stripe refused a call.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Refusal {
    #[serde(skip)]
    pub status: u16,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub decline_code: Option<String>,
    #[serde(default)]
    pub param: Option<String>,
    #[serde(default)]
    pub message: String,
}

fn read_error(status: StatusCode, body: &[u8]) -> StripeError {
    match serde_json::from_slice::<Envelope>(body) {
        Ok(Envelope { error }) => StripeError::Refused(Box::new(Refusal { status: status.as_u16(), ..error })),
        Err(_) => {
            let message = "an answer that is not Stripe's".to_owned();
            StripeError::Refused(Box::new(Refusal { status: status.as_u16(), message, ..Refusal::default() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(status: u16, said: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(said) = said {
            headers.insert("stripe-should-retry", said.parse().unwrap());
        }
        let body = Bytes::from_static(br#"{"error":{"type":"api_error","message":"m"}}"#);
        matches!(judge(StatusCode::from_u16(status).unwrap(), &headers, body), Tried::Failed { .. })
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        assert!(passes(429, None) && passes(409, None) && passes(500, None) && passes(503, None));
        assert!(!passes(400, None) && !passes(402, None) && !passes(404, None));
        assert!(!passes(500, Some("false")) && passes(402, Some("true")));
    }

    #[test]
    fn a_call_is_the_same_each_time() {
        assert_eq!(in_order("m[b]=2&a=1&m[a]=3"), "a=1&m[a]=3&m[b]=2");
        assert_eq!(in_order(""), "");
    }

    #[test]
    fn waits_grow() {
        assert!(backoff(0) >= Duration::from_millis(250) && backoff(0) < Duration::from_millis(376));
        assert!(backoff(2) >= Duration::from_secs(1));
        assert!(backoff(40) <= Duration::from_secs(24));
    }
}
