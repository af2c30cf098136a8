//! Where Stripe tells what happened.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};

use super::body;
use crate::app::App;
use crate::billing::stripe::objects::Event;
use crate::billing::stripe::{self, Signed};
use crate::billing::{inbox, webhook_secrets};
use crate::db::DbError;

/// `POST /members/webhooks/stripe/` (`reliability.md` P1, P2): checks the signature over the raw bytes,
/// keeps the event in one durable commit, answers 200. Whatever follows from it follows later.
pub async fn receive(app: web::Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let Some(billing) = &app.billing else { return HttpResponse::NotFound().finish() };
    let refuse = |why: &'static str| {
        metrics::counter!("readership_stripe_events_refused_total", "why" => why).increment(1);
        HttpResponse::BadRequest().finish()
    };
    let Some(signature) = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok()) else {
        return refuse("unsigned");
    };
    let most = app.settings.billing.event_body_bytes;
    let bytes = match body::read_up_to(&request, payload, &app.settings.http, most).await {
        Ok(bytes) if bytes.is_empty() => return refuse("empty"),
        Ok(bytes) => bytes,
        Err(body::BodyError::TooLarge) => return HttpResponse::PayloadTooLarge().finish(),
        Err(_) => return refuse("broken off"),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return refuse("not text") };
    let mut secrets = app.settings.stripe.as_ref().map(|account| account.webhook_secrets.clone()).unwrap_or_default();
    let key = app.policy.key.clone();
    match app.db.read(move |conn| webhook_secrets::kept(conn, &key)).await {
        Ok(kept) => secrets.extend(kept),
        Err(error) => return later(&error),
    }
    let now = app.now();
    match stripe::verify(text, signature, &secrets, now) {
        Signed::With(_) => {}
        Signed::Unsigned => return refuse("unsigned"),
        Signed::Wrong => return refuse("wrong signature"),
    }
    // Signed by Stripe, and still not an event: told to nobody but the log.
    let Ok(event) = serde_json::from_str::<Event>(text) else { return refuse("no event") };
    if event.api_version.as_deref() != Some(stripe::api_version()) {
        metrics::counter!("readership_stripe_events_of_other_version_total").increment(1);
        tracing::warn!(
            event = event.id,
            version = event.api_version,
            "an event of another version of Stripe's interface"
        );
    }
    let text = text.to_owned();
    match app.db.write(move |conn| inbox::keep(conn, &event, &text, now)).await {
        Ok(_) => {
            billing.wake();
            HttpResponse::Ok().finish()
        }
        Err(error) => later(&error),
    }
}

/// Nothing was kept: Stripe comes again.
fn later(error: &DbError) -> HttpResponse {
    tracing::warn!(%error, "an event of Stripe could not be kept");
    HttpResponse::ServiceUnavailable().finish()
}
