//! The way to Stripe's pages (protocol B.12, B.13).

use std::fmt::Display;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::send_magic_link::consent_text;
use super::{identity, text};
use crate::app::App;
use crate::billing::Billing;
use crate::billing::checkout::{Back, Buyer, CheckoutError, Opened, Order, Wish};
use crate::billing::prices::Cadence;
use crate::ids::MemberId;
use crate::members::address::EmailAddress;
use crate::members::name;
use crate::signin::links::Via;
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::web::answer::{self, plain};
use crate::web::body;
use crate::web::client::Client;
use crate::web::error::{ApiError, ApiResult};
use crate::web::language;

const NOT_ACCEPTING: &str = "This site is not accepting payments at the moment.";
const CANNOT: &str = "Unable to initiate checkout session";

/// `POST /members/api/create-stripe-checkout-session/`. Price, trial and discount are looked up: of the
/// body only the wish counts (`reliability.md` P13).
pub async fn create(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let kind = text(&body, "type");
    match kind {
        "" | "subscription" | "donation" => {}
        "gift" => return Err(ApiError::disabled(NOT_ACCEPTING)),
        _ => return Err(ApiError::bad_request("Invalid checkout type.")),
    }
    let is_donation = kind == "donation";
    if is_donation && (app.billing.is_none() || app.settings.donations.is_none()) {
        return Err(ApiError::disabled(NOT_ACCEPTING));
    }
    let buyer = buyer(&app, &body).await?;
    let wish = if is_donation { Wish::Donation } else { wish(&body)? };
    let Some(billing) = &app.billing else { return Err(without_stripe(&wish, &body)) };
    let metadata = body.get("metadata").cloned().unwrap_or_default();
    let is_member = matches!(buyer, Buyer::Member(_));
    let order = Order {
        buyer,
        wish,
        back: back(&app, &body, "success", "cancel"),
        language: language::preferred(&request).unwrap_or(app.settings.language),
        client: client.network,
        name: name::parse(text(&metadata, "name")).ok().flatten(),
        newsletters: newsletters(&metadata),
        consent_text: consent_text(&app.settings.site_title),
        note: note(&body),
    };
    match billing.check_out(order).await {
        Ok(opened) => Ok(answer::json(&opened_json(&opened, is_member && !is_donation))),
        Err(error) => {
            app.mailroom.wake();
            Err(refused(error, &body))
        }
    }
}

async fn buyer(app: &App, body: &Value) -> ApiResult<Buyer> {
    let token = text(body, "identity");
    if !token.is_empty() {
        let member = identity::proven(app, token).await?;
        return member
            .map(Buyer::Member)
            .ok_or_else(|| ApiError::unauthorized("You are not authorised to make this request."));
    }
    match text(body, "customerEmail") {
        "" => Ok(Buyer::Unknown),
        typed => {
            EmailAddress::parse(typed).map(Buyer::Address).map_err(|_| ApiError::bad_request("Email is not valid"))
        }
    }
}

fn wish(body: &Value) -> ApiResult<Wish> {
    let wrong = |context: String| ApiError::bad_request("Bad Request.").with_context(context);
    match (text(body, "tierId"), text(body, "offerId")) {
        ("", "") => Err(wrong("Expected offerId or tierId, received none".to_owned())),
        ("", offer) => offer.parse().map(Wish::Offer).map_err(|_| ApiError::bad_request("This offer does not exist.")),
        (tier, "") => {
            let given = text(body, "cadence");
            let cadence = Cadence::parse(given)
                .ok_or_else(|| wrong(format!("Expected cadence to be \"month\" or \"year\", received {given}")))?;
            let tier_id = tier.parse().map_err(|_| no_such_tier(tier))?;
            Ok(Wish::Tier { tier: tier_id, cadence })
        }
        _ => Err(wrong("Expected offerId or tierId, received both".to_owned())),
    }
}

fn no_such_tier(named: impl Display) -> ApiError {
    ApiError::bad_request("This tier does not exist.").with_context(format!("Tier with id \"{named}\" not found"))
}

/// While Stripe is not set up no paid tier is offered.
fn without_stripe(wish: &Wish, body: &Value) -> ApiError {
    match wish {
        Wish::Offer(_) => ApiError::bad_request("This offer does not exist."),
        _ => no_such_tier(text(body, "tierId")),
    }
}

fn refused(error: CheckoutError, body: &Value) -> ApiError {
    match error {
        CheckoutError::NoSuchTier => no_such_tier(text(body, "tierId")),
        CheckoutError::TierArchived => ApiError::forbidden("This tier is archived."),
        CheckoutError::NoSuchOffer => ApiError::bad_request("This offer does not exist."),
        CheckoutError::OfferOver => ApiError::bad_request("This offer is archived."),
        CheckoutError::NoPrice => ApiError::bad_request(CANNOT),
        CheckoutError::DonationsOff => ApiError::disabled(NOT_ACCEPTING),
        CheckoutError::AlreadyThere => ApiError::forbidden("A subscription exists for this Member.")
            .with_code("CANNOT_CHECKOUT_WITH_EXISTING_SUBSCRIPTION"),
        CheckoutError::TooOften { retry_after } => {
            let minutes = retry_after.as_secs().div_ceil(60).max(1);
            ApiError::too_many(format!("Too many attempts try again in {minutes} minutes."), retry_after)
        }
        CheckoutError::Failed(error) => {
            tracing::warn!(%error, "a visit to Checkout could not be opened");
            let away = error.is_away().then_some("Stripe cannot be reached at the moment; please try again later.");
            let refusal = ApiError::bad_request(CANNOT);
            match away {
                Some(context) => refusal.with_context(context),
                None => refusal,
            }
        }
    }
}

fn opened_json(opened: &Opened, is_member: bool) -> Value {
    let mut json = json!({"url": opened.url, "sessionId": opened.session_id});
    if let Some(page) = opened.welcome_page_url.as_ref().filter(|_| is_member) {
        json["welcomePageUrl"] = json!(page);
    }
    json
}

/// `successUrl` and `cancelUrl`, where they are the site's; else its home with the query that says what
/// happened.
fn back(app: &App, body: &Value, success: &'static str, cancel: &'static str) -> Back {
    let address = |key: &str, stripe: &'static str| {
        ReturnTo::parse(text(body, key), &app.settings).map_or_else(
            || {
                let note = Note { in_fragment: false, ..Note::of_stripe(State::Pending, stripe) };
                ReturnTo::home(&app.settings).with_note(&note)
            },
            |to| to.as_str().to_owned(),
        )
    };
    Back { via: Via::Api, success: address("successUrl", success), cancel: address("cancelUrl", cancel) }
}

/// `metadata.newsletters`: a text of JSON with `[{name}]` (B.12).
fn newsletters(metadata: &Value) -> Option<Vec<String>> {
    let entries: Vec<Value> = serde_json::from_str(text(metadata, "newsletters")).ok()?;
    entries.iter().map(|entry| entry.get("name").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// The words above the field for a message: at most fifty characters, without markup.
fn note(body: &Value) -> String {
    let given: String =
        text(body, "personalNote").chars().filter(|c| !matches!(c, '<' | '>') && !c.is_control()).take(50).collect();
    if given.trim().is_empty() { "Add a personal note".to_owned() } else { given }
}

/// A member whose identity a body proves, or the answer (B.13).
async fn payer(app: &App, body: &Value) -> ApiResult<Result<(MemberId, Billing), HttpResponse>> {
    let token = text(body, "identity");
    if token.is_empty() {
        return Ok(Err(HttpResponse::BadRequest().finish()));
    }
    let Some(member) = identity::proven(app, token).await? else {
        return Ok(Err(plain(StatusCode::UNAUTHORIZED, "Unauthorized")));
    };
    match &app.billing {
        Some(billing) => Ok(Ok((member, billing.clone()))),
        None => Err(ApiError::unexpected().with_context("Stripe is not set up.")),
    }
}

/// `POST /members/api/create-stripe-update-session/`: `sessionId` and `publicKey` for those who use
/// Stripe's script, `url` for everybody else.
pub async fn update_card(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let (member, billing) = match payer(&app, &body).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let subscription = Some(text(&body, "subscription_id")).filter(|id| !id.is_empty());
    let back = back(&app, &body, "billing-update-success", "billing-update-cancel");
    let language = language::preferred(&request).unwrap_or(app.settings.language);
    let opened = billing.change_card(member, subscription, back, language).await.map_err(ApiError::from)?;
    let Some(opened) = opened else { return Ok(no_such_subscription(subscription)) };
    let key = app.settings.stripe.as_ref().map(|account| &account.publishable_key);
    Ok(answer::json(&json!({"sessionId": opened.session_id, "publicKey": key, "url": opened.url})))
}

/// `POST /members/api/create-stripe-billing-portal-session/`.
pub async fn portal(app: web::Data<App>, request: HttpRequest, payload: Payload) -> ApiResult<HttpResponse> {
    let body: Value = body::json(&request, payload, &app.settings.http).await?;
    let (member, billing) = match payer(&app, &body).await? {
        Ok(found) => found,
        Err(answer) => return Ok(answer),
    };
    let subscription = Some(text(&body, "subscription_id")).filter(|id| !id.is_empty());
    let home = ReturnTo::home(&app.settings);
    let back = ReturnTo::parse(text(&body, "returnUrl"), &app.settings).unwrap_or(home);
    match billing.open_portal(member, subscription, back.as_str()).await.map_err(ApiError::from)? {
        Some(url) => Ok(answer::json(&json!({"url": url}))),
        None => Ok(no_such_subscription(subscription)),
    }
}

fn no_such_subscription(id: Option<&str>) -> HttpResponse {
    let known: String =
        id.unwrap_or_default().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    plain(StatusCode::NOT_FOUND, format!("Could not find subscription {known}"))
}
