use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::inbox_links::{self, InboxLinks};
use super::{integrity_token, read_own};
use crate::app::App;
use crate::ids;
use crate::members::address::EmailAddress;
use crate::members::attribution::{self, Attribution};
use crate::members::{labels, name};
use crate::secrets::Token;
use crate::signin::asking::{self, Asked, LinkRequest};
use crate::signin::links::{Purpose, Via};
use crate::signin::return_to::ReturnTo;
use crate::texts::Language;
use crate::web::answer::plain;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{ApiError, ApiResult};
use crate::web::language;

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
    #[serde(rename = "includeOTC")]
    include_otc: Option<Value>,
    lang: Option<Value>,
}

/// What a client that gives no words of its own is taken to have shown.
pub fn consent_text(site_title: &str) -> String {
    format!("I want to sign up for {site_title} and receive its mails.")
}

/// Asks for a sign-in, sign-up or subscribe mail. `POST /members/api/send-magic-link/` (B.3).
///
/// Answers 201 alike for known and unknown addresses; the mail goes out from the outbox.
pub async fn send(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Body = read_own(&app, &request, payload).await?;
    let now = app.now();
    let nonce = integrity_token::of_body(&app, &client, body.integrity_token.as_ref(), now)?;

    let Some(purpose) = purpose(body.email_type.as_ref()) else {
        return Ok(plain(StatusCode::BAD_REQUEST, "Bad Request."));
    };
    let email = email(body.email.as_ref())?;
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    let inbox = inbox_links::of(&email, app.settings.mail_from.as_ref());
    let with_code = purpose == Purpose::SignIn && body.include_otc.as_ref().is_some_and(is_yes);
    let answer = |code_ref: Option<Uuid>| accepted(&app, &asked, code_ref, inbox.as_ref());
    if body.honeypot.as_ref().is_some_and(is_truthy) {
        metrics::counter!("readership_honeypot_total").increment(1);
        return Ok(answer(with_code.then(ids::uuid)));
    }
    let attribution = body
        .url_history
        .as_ref()
        .filter(|_| app.settings.track_sources)
        .and_then(|history| attribution::read(history, &app.settings.site_url, now));
    let link_request = LinkRequest {
        purpose,
        email,
        name: parse_name(body.name.as_ref())?,
        newsletters: newsletters(body.newsletters.as_ref()),
        labels: labels::parse(words(body.labels.as_ref()).iter().map(String::as_str)),
        return_to: return_to(&app, &client, body.redirect.as_ref(), body.auto_redirect.as_ref())
            .map(|to| to.as_str().to_owned()),
        via: Via::Api,
        page: client.referer.clone(),
        referrer: attribution.as_ref().and_then(Attribution::referrer),
        attribution,
        consent_text: consent_text(&app.settings.site_title),
        language: language(&app, &body, &request),
        client: client.network,
        asked_by: Some(asked.hash()),
        agent: client.agent.clone(),
        nonce: Some(nonce),
        with_code,
    };
    let policy = app.policy.clone();
    match app.db.write(move |conn| asking::request(conn, &policy, &link_request, now)).await? {
        Asked::Accepted(code_ref) => {
            app.mailroom.wake();
            Ok(answer(code_ref))
        }
        Asked::NonceUsed => Err(integrity_token::not_understood()),
        Asked::ClientOverLimit { retry_after } => Err(ApiError::too_many_sign_ins(retry_after)),
        Asked::UnknownNewsletters(names) => {
            Err(ApiError::bad_request(format!("Cannot subscribe to invalid newsletters {}", names.join(", "))))
        }
    }
}

#[derive(Serialize)]
struct Accepted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    otc_ref: Option<Uuid>,
    #[serde(rename = "inboxLinks", skip_serializing_if = "Option::is_none")]
    inbox_links: Option<&'a InboxLinks>,
}

fn accepted(app: &App, asked: &Token, otc_ref: Option<Uuid>, inbox_links: Option<&InboxLinks>) -> HttpResponse {
    let cookie = CookieKind::Asked.give(&app.settings, asked);
    // Plain values with string keys always serialise.
    let body = serde_json::to_string(&Accepted { otc_ref, inbox_links }).unwrap_or_default();
    HttpResponse::Created()
        .insert_header(("content-type", "application/json"))
        .insert_header((SET_COOKIE, cookie))
        .body(body)
}

/// What the mail is written in: what the page says, else what the browser prefers, else the site's.
fn language(app: &App, body: &Body, request: &HttpRequest) -> Language {
    body.lang
        .as_ref()
        .and_then(Value::as_str)
        .and_then(Language::of_tag)
        .or_else(|| language::preferred(request))
        .unwrap_or(app.settings.language)
}

/// `true`, as a word or as such.
fn is_yes(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}

fn purpose(email_type: Option<&Value>) -> Option<Purpose> {
    match email_type {
        None | Some(Value::Null) => Some(Purpose::Subscribe),
        Some(Value::String(text)) if text.is_empty() => Some(Purpose::Subscribe),
        Some(Value::String(text)) => Purpose::asked_for(text),
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
pub fn return_to(
    app: &App,
    client: &Client,
    redirect: Option<&Value>,
    auto_redirect: Option<&Value>,
) -> Option<ReturnTo> {
    if auto_redirect == Some(&Value::Bool(false)) {
        return None;
    }
    redirect
        .and_then(Value::as_str)
        .and_then(|text| ReturnTo::parse(text, &app.settings))
        .or_else(|| ReturnTo::parse(client.referer.as_deref()?, &app.settings))
}
