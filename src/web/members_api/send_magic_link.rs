use actix_web::http::header::SET_COOKIE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;

use crate::app::App;
use crate::config::seconds;
use crate::members::address::EmailAddress;
use crate::members::{labels, name};
use crate::secrets::Token;
use crate::signin::integrity;
use crate::signin::links::{self, Asked, LinkRequest, Purpose, Via};
use crate::signin::return_to::ReturnTo;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{ApiError, ApiResult};
use crate::web::{body, origin};

/// The body of protocol B.3. Everything is optional here: what is missing or of another type has
/// its own answer below. `oldEmail`, `status`, `id` and whatever else is sent plays no part (T18).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    email: Option<Value>,
    email_type: Option<Value>,
    integrity_token: Option<Value>,
    honeypot: Option<Value>,
    name: Option<Value>,
    labels: Option<Value>,
    newsletters: Option<Value>,
    redirect: Option<Value>,
    auto_redirect: Option<Value>,
    url_history: Option<Value>,
}

/// What a client that gives no words of its own is taken to have shown.
pub fn consent_text(site_title: &str) -> String {
    format!("I want to sign up for {site_title} and receive its mails.")
}

/// Asks for a sign-in, sign-up or subscribe mail. `POST /members/api/send-magic-link/` (B.3).
///
/// Answers 201 `{}` alike for known and unknown addresses; the mail goes out from the outbox.
pub async fn send(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(ApiError::forbidden("This request does not come from the site."));
    }
    let body: Body = body::json(&request, payload, &app.settings.http).await?;
    let now = app.now();
    let token = body.integrity_token.as_ref().and_then(Value::as_str).unwrap_or_default();
    let nonce = integrity::check(&app.policy, token, client.network, now).ok_or_else(not_understood)?;

    let Some(purpose) = purpose(body.email_type.as_ref()) else {
        return Ok(HttpResponse::BadRequest().content_type("text/plain; charset=utf-8").body("Bad Request."));
    };
    let email = email(body.email.as_ref())?;
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    let life = seconds(app.policy.lifetimes.signup_link_s);
    let accepted = || accepted(CookieKind::Asked.give(&app.settings, &asked, life));
    if body.honeypot.as_ref().is_some_and(is_truthy) {
        metrics::counter!("readership_honeypot_total").increment(1);
        return Ok(accepted());
    }
    let link_request = LinkRequest {
        purpose,
        email,
        name: parse_name(body.name.as_ref())?,
        newsletters: newsletters(body.newsletters.as_ref()),
        labels: labels::parse(words(body.labels.as_ref()).iter().map(String::as_str)),
        return_to: return_to(&app, &body, &client).map(|to| to.as_str().to_owned()),
        via: Via::Api,
        page: client.referer.clone(),
        referrer: referrer(body.url_history.as_ref()),
        consent_text: consent_text(&app.settings.site_title),
        client: client.network,
        asked_by: Some(asked.hash()),
        agent: client.agent.clone(),
        nonce: Some(nonce),
    };
    let policy = app.policy.clone();
    match app.db.write(move |conn| links::request(conn, &policy, &link_request, now)).await? {
        Asked::Accepted => {
            app.mailroom.wake();
            Ok(accepted())
        }
        Asked::NonceUsed => Err(not_understood()),
        Asked::ClientOverLimit { retry_after } => Err(ApiError::too_many(retry_after)),
        Asked::UnknownNewsletters(names) => {
            Err(ApiError::bad_request(format!("Cannot subscribe to invalid newsletters {}", names.join(", "))))
        }
    }
}

fn accepted(cookie: String) -> HttpResponse {
    HttpResponse::Created()
        .insert_header(("content-type", "application/json"))
        .insert_header((SET_COOKIE, cookie))
        .body("{}")
}

fn not_understood() -> ApiError {
    ApiError::bad_request("The request could not be understood.")
}

fn purpose(email_type: Option<&Value>) -> Option<Purpose> {
    match email_type {
        None | Some(Value::Null) => Some(Purpose::Subscribe),
        Some(Value::String(text)) if text.is_empty() => Some(Purpose::Subscribe),
        Some(Value::String(text)) => Purpose::parse(text),
        Some(_) => None,
    }
}

fn email(given: Option<&Value>) -> ApiResult<EmailAddress> {
    match given {
        None | Some(Value::Null) => Err(ApiError::bad_request("Email is required.")),
        Some(Value::String(text)) if text.is_empty() => Err(ApiError::bad_request("Email is required.")),
        Some(Value::String(text)) => EmailAddress::parse(text).map_err(|_| ApiError::bad_request("Email is not valid")),
        Some(_) => Err(ApiError::bad_request("Email is not valid")),
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn parse_name(given: Option<&Value>) -> ApiResult<Option<String>> {
    let text = given.and_then(Value::as_str).unwrap_or_default();
    name::parse(text).map_err(|error| ApiError::invalid(error.to_string(), "name"))
}

/// Lists by name: not an array, or an entry without a name, means the site's defaults; an empty
/// array means none (B.3).
fn newsletters(given: Option<&Value>) -> Option<Vec<String>> {
    let entries = given?.as_array()?;
    entries.iter().map(|entry| entry.get("name").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// Labels come as texts or as objects with a name.
fn words(given: Option<&Value>) -> Vec<String> {
    let entries = given.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| entry.as_str().or_else(|| entry.get("name")?.as_str()))
        .map(str::to_owned)
        .collect()
}

/// `redirect`, else the page that asks; nothing with `autoRedirect: false`.
fn return_to(app: &App, body: &Body, client: &Client) -> Option<ReturnTo> {
    if body.auto_redirect == Some(Value::Bool(false)) {
        return None;
    }
    let redirect = body.redirect.as_ref().and_then(Value::as_str);
    redirect
        .and_then(|text| ReturnTo::parse(text, &app.settings))
        .or_else(|| ReturnTo::parse(client.referer.as_deref()?, &app.settings))
}

/// Where the visitor came from, as the page's own history tells (B.14): the newest entry that
/// names a source.
fn referrer(history: Option<&Value>) -> Option<String> {
    let entries = history?.as_array()?;
    let source = entries.iter().rev().find_map(|entry| {
        ["referrerUrl", "referrerSource"].iter().find_map(|key| entry.get(*key).and_then(Value::as_str))
    })?;
    (source.len() <= 2_048 && !source.chars().any(char::is_control)).then(|| source.to_owned())
}
