//! Keys of programs: the one that stands in web pages, and those of administration, each with what it may do.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::{Posted, change, id_of};
use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::ApiKeyId;
use crate::members::name;
use crate::staff::api_keys::{self, Kind, Program, Scope};
use crate::staff::audit::Deed;
use crate::staff::once::is_repeated;

#[derive(Template)]
#[template(path = "admin/settings/keys.html")]
struct Page<'a> {
    frame: &'a Frame,
    content: String,
    programs: Vec<Program>,
    /// A key that was made a moment ago, with its name: it is shown this once.
    made: Option<(String, String)>,
    typed: &'a Typed,
    now: Timestamp,
}

/// `GET /admin/settings/keys/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    page(&app, &staff, &request, StatusCode::OK, &Typed::default(), None).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
    made: Option<(String, String)>,
) -> AdminResult<HttpResponse> {
    let key = app.policy.key.clone();
    let (content, programs) = app
        .db
        .read(move |conn| Ok((api_keys::show(conn, &key, Kind::Content)?.shown, api_keys::programs(conn)?)))
        .await?;
    let frame = Frame::of(app, staff, request);
    frame::page(status, &frame, &Page { frame: &frame, content, programs, made, typed, now: app.now() })
}

/// `POST /admin/settings/keys/`: puts a new content key in the place of the old one.
pub async fn rotate(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    change(&app, &staff, move |conn, scribe, now| {
        api_keys::rotate(conn, scribe.key, Kind::Content, now)?;
        scribe.record(conn, &Deed::to("keys.rotate", "key", "content"))
    })
    .await?;
    Ok(done(&app, "settings/keys/", "key"))
}

/// `POST /admin/settings/keys/make/`: a key for a program, shown on the page that answers and never again.
pub async fn make(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &["name", "scope", "until"]);
    let name = match name::parse(typed.get("name")) {
        Ok(Some(name)) => name,
        _ => {
            typed.complain("name", "Say which program it is for, in one line.");
            String::new()
        }
    };
    let scope = Scope::parse(typed.get("scope"));
    if scope.is_none() {
        typed.complain("scope", "Choose what the program may do.");
    }
    let until = typed.text("until").map(Timestamp::of_day);
    if until.is_some_and(|until| until.is_none_or(|until| until <= app.now())) {
        typed.complain("until", "A day to come, as 2030-12-31, or nothing.");
    }
    let (false, Some(scope)) = (typed.is_wrong(), scope) else {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed, None).await;
    };
    let (once, kept, until) = (form.get("once").unwrap_or_default().to_owned(), name.clone(), until.flatten());
    let made = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(None);
        }
        let key = api_keys::make(conn, scribe.key, &kept, scope, until, now)?;
        let facts = json!({"name": kept, "scope": scope.as_str(), "until": until.map(Timestamp::iso8601)});
        scribe.record(conn, &Deed::to("keys.make", "key", key.id).with(facts))?;
        Ok(Some(key.shown))
    })
    .await?;
    match made {
        Some(key) => page(&app, &staff, &request, StatusCode::OK, &Typed::default(), Some((name, key))).await,
        None => Ok(done(&app, "settings/keys/", "saved")),
    }
}

/// `POST /admin/settings/keys/{id}/revoke/`: whoever uses it is refused from the next call on.
pub async fn revoke(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id: ApiKeyId = id_of(&path)?;
    let name = change(&app, &staff, move |conn, scribe, _| {
        let name = api_keys::revoke(conn, id)?;
        if let Some(name) = &name {
            scribe.record(conn, &Deed::to("keys.revoke", "key", id).from(json!({"name": name})))?;
        }
        Ok(name)
    })
    .await?;
    if name.is_none() {
        return Err(AdminError::NotFound);
    }
    Ok(done(&app, "settings/keys/", "revoked"))
}
