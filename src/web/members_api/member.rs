use actix_web::http::header::{CONTENT_TYPE, SET_COOKIE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::Value;

use super::send_magic_link::consent_text;
use super::{admit_own, read_own};
use crate::app::App;
use crate::mail::suppression;
use crate::members::address::EmailAddress;
use crate::members::name::{self, NotAName};
use crate::members::preferences::{self, Changes, Place};
use crate::members::record;
use crate::signin::present::{self, Present};
use crate::web::answer::JSON;
use crate::web::client::{Client, SessionOf};
use crate::web::cookies::CookieKind;
use crate::web::error::{ApiError, ApiResult};

/// `GET /members/api/member/` (protocol B.8): the own record, 204 when nobody is signed in.
///
/// The hottest path there is: at most two prepared statements stand between cookie and JSON.
pub async fn read(app: web::Data<App>, SessionOf(session): SessionOf) -> ApiResult<HttpResponse> {
    let Some(session) = session else {
        return Ok(HttpResponse::NoContent().finish());
    };
    let Some(present) = app.presence.of(session, app.now()).await? else {
        return Ok(signed_out(&app));
    };
    Ok(record_of(&app, &present))
}

fn record_of(app: &App, present: &Present) -> HttpResponse {
    let now = app.now();
    let billing = present.shown(app.policy.grace, now);
    let json = record::to_json(&present.member, &present.newsletters, billing, &app.settings.url, &app.policy.key, now);
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(json)
}

/// Nobody is signed in, and the cookie that says so is of no use any more.
pub fn signed_out(app: &App) -> HttpResponse {
    HttpResponse::NoContent().insert_header((SET_COOKIE, CookieKind::Session.take_away(&app.settings))).finish()
}

/// What a member may change (B.8). Whatever else is sent plays no part (`reliability.md` T18).
#[derive(Deserialize)]
pub struct Edit {
    name: Option<Value>,
    expertise: Option<Value>,
    subscribed: Option<bool>,
    newsletters: Option<Value>,
    enable_comment_notifications: Option<bool>,
    enable_updates_and_announcements: Option<bool>,
}

/// `PUT /members/api/member/` (B.8): changes what is given, answers the fresh record.
pub async fn edit(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let session = client.session().ok_or_else(ApiError::signed_out)?;
    let edit: Edit = read_own(&app, &request, payload).await?;
    let changes = Changes {
        name: edit.name.as_ref().map(|given| line(given, "name")).transpose()?,
        expertise: edit.expertise.as_ref().map(|given| line(given, "expertise")).transpose()?,
        newsletters: edit.newsletters.as_ref().map(newsletter_ids).transpose()?,
        subscribed: edit.subscribed,
        enable_comment_notifications: edit.enable_comment_notifications,
        enable_updates: edit.enable_updates_and_announcements,
        language: None,
        paused_until: None,
    };
    let consent = consent_text(&app.settings.site_title);
    let (lifetimes, page, network, now) =
        (app.policy.lifetimes.clone(), client.referer.clone(), client.network.truncated(), app.now());
    let fresh = app
        .db
        .write(move |conn| {
            let who = present::who(conn, &lifetimes, &session, now)?.filter(|who| !who.is_of_staff);
            let Some(who) = who else { return Ok(None) };
            let place =
                Place { method: "api, by the member", page: page.as_deref(), client: &network, consent_text: &consent };
            preferences::apply(conn, who.id, &changes, &place, now)?;
            present::who(conn, &lifetimes, &session, now)
        })
        .await?;
    Ok(record_of(&app, &fresh.ok_or_else(ApiError::signed_out)?))
}

/// A name or an expertise: one line, trimmed; `null` or nothing takes it away.
fn line(given: &Value, column: &'static str) -> ApiResult<Option<String>> {
    name::parse(text(given, column)?).map_err(|error| {
        let message = match error {
            NotAName::TooLong => {
                format!("Value in [members.{column}] exceeds maximum length of {} characters.", name::LONGEST)
            }
            NotAName::NotVisible => error.to_string(),
        };
        ApiError::invalid(message, column)
    })
}

fn text<'a>(given: &'a Value, property: &'static str) -> ApiResult<&'a str> {
    match given {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        _ => Err(ApiError::invalid(format!("Validation failed for {property}."), property)),
    }
}

/// `[{id}]`. Ids that are no list's are left out later; what is no id at all is said.
pub fn newsletter_ids(given: &Value) -> ApiResult<Vec<crate::ids::NewsletterId>> {
    let wrong = || ApiError::invalid("Validation failed for newsletters.", "newsletters");
    let entries = given.as_array().filter(|entries| entries.len() <= MOST_NEWSLETTERS).ok_or_else(wrong)?;
    entries
        .iter()
        .map(|entry| entry.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()).ok_or_else(wrong))
        .collect()
}

/// More lists than any site has.
const MOST_NEWSLETTERS: usize = 1_000;

/// `DELETE /members/api/member/suppression/` (B.8): mails may come again.
pub async fn lift_suppression(app: web::Data<App>, client: Client, request: HttpRequest) -> ApiResult<HttpResponse> {
    let session = client.session().ok_or_else(ApiError::signed_out)?;
    admit_own(&app, &request)?;
    let (lifetimes, now) = (app.policy.lifetimes.clone(), app.now());
    let lifted = app
        .db
        .write(move |conn| {
            let who = present::who(conn, &lifetimes, &session, now)?.filter(|who| !who.is_of_staff);
            let Some(who) = who else { return Ok(false) };
            if let Ok(email) = EmailAddress::parse(&who.member.email) {
                suppression::lift_by_owner(conn, &email)?;
            }
            Ok(true)
        })
        .await?;
    if lifted { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::signed_out()) }
}
