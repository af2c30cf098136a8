//! Changing what is paid for (protocol B.10, B.11).

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{identity, text};
use crate::app::App;
use crate::billing::changes::ChangeError;
use crate::billing::prices::Cadence;
use crate::billing::shown::offer_json;
use crate::billing::{BillingError, offers, standing};
use crate::ids::{OfferId, TierId};
use crate::web::answer::{self, plain};
use crate::web::body;
use crate::web::error::{ApiError, ApiResult};

const FAILED: &str = "Updating subscription failed!";

/// What a body wants of a subscription; the first that is there counts (B.10).
enum Change {
    Plan { tier: String, cadence: Cadence },
    End { reason: Option<String>, smart: bool },
    GoOn,
}

fn change(body: &Value) -> Option<Change> {
    let flag = |key: &str| body.get(key).and_then(Value::as_bool);
    let ends = flag("cancel_at_period_end") == Some(true) || body.get("smart_cancel").is_some();
    let reason = match body.get("cancellation_reason") {
        None => None,
        Some(Value::String(reason)) if ends && reason.chars().count() <= 500 => Some(reason.clone()),
        Some(_) => return None,
    };
    if let (Some(tier), Some(cadence)) = (body.get("tierId"), body.get("cadence")) {
        let cadence = Cadence::parse(cadence.as_str()?)?;
        return Some(Change::Plan { tier: tier.as_str()?.to_owned(), cadence });
    }
    match (flag("cancel_at_period_end"), flag("smart_cancel")) {
        (Some(true), _) => Some(Change::End { reason, smart: false }),
        (Some(false), _) => Some(Change::GoOn),
        (None, Some(true)) => Some(Change::End { reason, smart: true }),
        _ => None,
    }
}

/// `PUT /members/api/subscriptions/{id}/`. When it answers, Stripe has done it and said so.
pub async fn edit(
    app: web::Data<App>,
    path: web::Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let Some(change) = change(&body) else { return Ok(plain(StatusCode::BAD_REQUEST, FAILED)) };
    let Some(member) = identity::proven(&app, text(&body, "identity")).await? else {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    };
    let Some(billing) = &app.billing else {
        let why = "Cannot update Stripe Subscription without a Stripe Connection";
        return Ok(plain(StatusCode::BAD_REQUEST, why));
    };
    let changed = match change {
        Change::Plan { tier, cadence } => match tier.parse::<TierId>() {
            Ok(tier) => billing.change_plan(member, &path, tier, cadence, None).await,
            Err(_) => Err(ChangeError::NoSuchTier),
        },
        Change::End { reason, smart } => billing.cancel(member, &path, reason.as_deref(), smart).await,
        Change::GoOn => billing.resume(member, &path).await,
    };
    app.mailroom.wake();
    match changed {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => refused(error, &path, ""),
    }
}

fn refused(error: ChangeError, subscription: &str, offer: &str) -> ApiResult<HttpResponse> {
    let known = |id: &str| id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect::<String>();
    Ok(match error {
        ChangeError::NoSuchSubscription | ChangeError::NoSuchPayment | ChangeError::NotSoMuch(_) => {
            plain(StatusCode::NOT_FOUND, format!("Could not find Subscription {}", known(subscription)))
        }
        ChangeError::NoSuchTier => plain(StatusCode::NOT_FOUND, "Not Found."),
        ChangeError::TierArchived => plain(StatusCode::FORBIDDEN, "Tier is archived."),
        ChangeError::NoSuchOffer => plain(StatusCode::NOT_FOUND, format!("Could not find Offer {}", known(offer))),
        ChangeError::OfferDoesNotFit(why) => plain(StatusCode::BAD_REQUEST, why),
        ChangeError::Over | ChangeError::NoPrice => plain(StatusCode::BAD_REQUEST, FAILED),
        ChangeError::CardDeclined => plain(StatusCode::PAYMENT_REQUIRED, "Your card was declined."),
        ChangeError::Failed(error) => return Err(error.into()),
    })
}

/// `POST /members/api/subscriptions/{id}/apply-offer/`.
pub async fn apply_offer(
    app: web::Data<App>,
    path: web::Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let Some(member) = identity::proven(&app, text(&body, "identity")).await? else {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    };
    let offer = text(&body, "offer_id");
    if offer.is_empty() {
        return Ok(plain(StatusCode::BAD_REQUEST, "Missing offer_id"));
    }
    let Some(billing) = &app.billing else { return refused(ChangeError::NoSuchSubscription, &path, offer) };
    let applied = match offer.parse::<OfferId>() {
        Ok(id) => billing.take_offer(member, &path, id).await,
        Err(_) => Err(ChangeError::NoSuchOffer),
    };
    match applied {
        Ok(()) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => refused(error, &path, offer),
    }
}

/// `POST /members/api/member/offers/`: what may keep whoever wants to go.
pub async fn offers(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let Some(member) = identity::proven(&app, text(&body, "identity")).await? else {
        return Ok(plain(StatusCode::UNAUTHORIZED, "Unauthorized"));
    };
    let wants_retention = match text(&body, "redemption_type") {
        "" | "retention" => true,
        "signup" => false,
        _ => return Ok(plain(StatusCode::BAD_REQUEST, "Invalid redemption_type")),
    };
    if app.billing.is_none() || !wants_retention {
        return Ok(answer::json(&json!({"offers": []})));
    }
    let now = app.now();
    let keeping = app.db.read(move |conn| {
        let standing = standing::of_member(conn, member)?;
        let mut live = standing.subscriptions.iter().filter(|one| one.is_live());
        // Whoever has several is asked nothing (B.11).
        match (live.next(), live.next()) {
            (Some(only), None) => offers::keeping(conn, only, now),
            _ => Ok(Vec::new()),
        }
    });
    let keeping: Vec<Value> = keeping.await?.iter().map(offer_json).collect();
    Ok(answer::json(&json!({"offers": keeping})))
}

impl From<BillingError> for ApiError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Db(error) => error.into(),
            error if error.is_away() => Self::billing_away(),
            error => {
                tracing::error!(%error, "Stripe refused");
                Self::unexpected()
            }
        }
    }
}
