use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::member::newsletter_ids;
use super::send_magic_link::consent_text;
use crate::app::App;
use crate::members::address;
use crate::members::preferences::{self, Changes, Place};
use crate::members::record::NewsletterInRecord;
use crate::newsletters::unsubscribing::{self, Reach};
use crate::web::answer::{self, plain};
use crate::web::body::{self, Form};
use crate::web::client::Client;
use crate::web::error::{ApiError, ApiResult};

/// Who holds a link of a mail may see and change which newsletters it brings, and nothing else: the
/// mail may have been passed on (`reliability.md` M11). The link's key that opens every list is
/// asked for; one of a single list is not enough.
fn bearer(app: &App, request: &HttpRequest) -> ApiResult<Uuid> {
    let query = Form::parse(request.query_string().as_bytes());
    let uuid =
        query.get("uuid").filter(|uuid| !uuid.is_empty()).ok_or_else(|| ApiError::unauthorized("Missing uuid."))?;
    let invalid = || ApiError::unauthorized("Invalid key.");
    let key = query.get("key").ok_or_else(invalid)?;
    let uuid: Uuid = uuid.parse().map_err(|_| invalid())?;
    match unsubscribing::check(&app.policy.key, uuid, key, None) {
        Some(Reach::Everything) => Ok(uuid),
        _ => Err(invalid()),
    }
}

/// `GET /members/api/member/newsletters/?uuid=&key=` (protocol B.8).
pub async fn read(app: web::Data<App>, request: HttpRequest) -> ApiResult<HttpResponse> {
    let uuid = bearer(&app, &request)?;
    let holder = app.db.read(move |conn| unsubscribing::holder(conn, uuid)).await?;
    holder.map(|holder| preferences_of(uuid, &holder)).ok_or_else(|| ApiError::unauthorized("Invalid uuid."))
}

fn preferences_of(uuid: Uuid, holder: &unsubscribing::Holder) -> HttpResponse {
    let newsletters: Vec<_> = holder.newsletters.iter().map(NewsletterInRecord::from).collect();
    answer::json(&json!({
        "uuid": uuid,
        "email": address::masked(&holder.email),
        "name": null,
        "newsletters": newsletters,
        "enable_comment_notifications": holder.enable_comment_notifications,
        "enable_updates_and_announcements": holder.enable_updates,
        "status": "free",
    }))
}

#[derive(Deserialize)]
struct Edit {
    newsletters: Option<Value>,
    enable_comment_notifications: Option<bool>,
    enable_updates_and_announcements: Option<bool>,
}

/// `PUT /members/api/member/newsletters/?uuid=&key=` (B.8). Whatever is wrong with what was sent is
/// answered with the protocol's one text.
pub async fn edit(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let uuid = bearer(&app, &request)?;
    let edit: Edit = match body::json(&request, payload, &app.settings.http).await {
        Ok(edit) => edit,
        Err(error) if error.status == StatusCode::BAD_REQUEST => return Ok(failed()),
        Err(error) => return Err(error),
    };
    let Ok(newsletters) = edit.newsletters.as_ref().map(newsletter_ids).transpose() else {
        return Ok(failed());
    };
    let changes = Changes {
        newsletters,
        enable_comment_notifications: edit.enable_comment_notifications,
        enable_updates: edit.enable_updates_and_announcements,
        ..Changes::default()
    };
    let consent = consent_text(&app.settings.site_title);
    let (page, network, now) = (client.referer.clone(), client.network.truncated(), app.now());
    let holder = app
        .db
        .write(move |conn| {
            let Some(member) = unsubscribing::member(conn, uuid)? else { return Ok(None) };
            let place = Place {
                method: "api, by the link of a mail",
                page: page.as_deref(),
                client: &network,
                consent_text: &consent,
            };
            preferences::apply(conn, member, &changes, &place, now)?;
            unsubscribing::holder(conn, uuid)
        })
        .await?;
    holder.map(|holder| preferences_of(uuid, &holder)).ok_or_else(|| ApiError::unauthorized("Invalid uuid."))
}

fn failed() -> HttpResponse {
    plain(StatusCode::BAD_REQUEST, "Failed to update newsletters")
}
