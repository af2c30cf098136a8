//! The paid parts while Stripe is not set up: every one says so, in the form its clients know.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::identity;
use crate::app::App;
use crate::web::answer::{self, plain};
use crate::web::body;
use crate::web::error::{ApiError, ApiResult};

async fn read_body(app: &App, request: &HttpRequest, payload: Payload) -> ApiResult<Value> {
    body::json(request, payload, &app.settings.http).await
}

fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// `POST /members/api/create-stripe-checkout-session/` (protocol B.12).
pub async fn checkout(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body = read_body(&app, &request, payload).await?;
    match text(&body, "type") {
        "" | "subscription" => {}
        "donation" | "gift" => {
            return Err(ApiError::disabled("This site is not accepting payments at the moment."));
        }
        _ => return Err(ApiError::bad_request("Invalid checkout type.")),
    }
    let token = text(&body, "identity");
    if !token.is_empty() && identity::proven(&app, token).await?.is_none() {
        return Err(ApiError::unauthorized("You are not authorised to make this request."));
    }
    let (tier, offer) = (text(&body, "tierId"), text(&body, "offerId"));
    let wrong = |context: String| Err(ApiError::bad_request("Bad Request.").with_context(context));
    match (tier, offer) {
        ("", "") => wrong("Expected offerId or tierId, received none".to_owned()),
        ("", _) => Err(ApiError::bad_request("This offer does not exist.")),
        (tier, "") => {
            let cadence = text(&body, "cadence");
            if !["month", "year"].contains(&cadence) {
                return wrong(format!("Expected cadence to be \"month\" or \"year\", received {cadence}"));
            }
            let context = format!("Tier with id \"{tier}\" not found");
            Err(ApiError::bad_request("This tier does not exist.").with_context(context))
        }
        _ => wrong("Expected offerId or tierId, received both".to_owned()),
    }
}

/// `POST /members/api/create-stripe-update-session/` and `…/create-stripe-billing-portal-session/`
/// (B.13).
pub async fn card_or_portal(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body = read_body(&app, &request, payload).await?;
    let token = text(&body, "identity");
    if token.is_empty() {
        return Ok(HttpResponse::BadRequest().finish());
    }
    if identity::proven(&app, token).await?.is_none() {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    Err(ApiError { status: StatusCode::INTERNAL_SERVER_ERROR, ..ApiError::unexpected() }
        .with_context("Stripe is not set up."))
}

/// `PUT /members/api/subscriptions/{id}/` (B.10).
pub async fn change_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body = read_body(&app, &request, payload).await?;
    let changes = ["priceId", "cancel_at_period_end", "smart_cancel"].iter().any(|key| body.get(*key).is_some())
        || (body.get("tierId").is_some() && body.get("cadence").is_some());
    let cancels = body.get("cancel_at_period_end") == Some(&Value::Bool(true)) || body.get("smart_cancel").is_some();
    let reason_fits = match body.get("cancellation_reason") {
        None => true,
        Some(Value::String(reason)) => cancels && reason.chars().count() <= 500,
        Some(_) => false,
    };
    if !changes || !reason_fits {
        return Ok(plain(StatusCode::BAD_REQUEST, "Updating subscription failed!"));
    }
    if identity::proven(&app, text(&body, "identity")).await?.is_none() {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    Ok(plain(StatusCode::BAD_REQUEST, "Cannot update Stripe Subscription without a Stripe Connection"))
}

/// `POST /members/api/subscriptions/{id}/apply-offer/` (B.11).
pub async fn apply_offer(
    app: web::Data<App>,
    path: web::Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body = read_body(&app, &request, payload).await?;
    if identity::proven(&app, text(&body, "identity")).await?.is_none() {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    if text(&body, "offer_id").is_empty() {
        return Ok(plain(StatusCode::BAD_REQUEST, "Missing offer_id"));
    }
    let known: String = path.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    Ok(plain(StatusCode::NOT_FOUND, format!("Could not find Subscription {known}")))
}

/// `POST /members/api/member/offers/` (B.11): there are none.
pub async fn offers(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body = read_body(&app, &request, payload).await?;
    if identity::proven(&app, text(&body, "identity")).await?.is_none() {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    if !matches!(text(&body, "redemption_type"), "" | "retention" | "signup") {
        return Ok(plain(StatusCode::BAD_REQUEST, "Invalid redemption_type"));
    }
    Ok(answer::json(&json!({"offers": []})))
}
