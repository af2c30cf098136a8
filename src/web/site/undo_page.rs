//! `/members/undo/`: the old address takes back that a member moved to another one.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_own;
use super::pages::{self, Frame, about_a_token};
use crate::app::App;
use crate::ids::EmailChangeId;
use crate::members::address;
use crate::members::email_change::{self, Change};
use crate::members::language_of;
use crate::secrets::{self, Token};
use crate::texts::Language;
use crate::web::body::Form;
use crate::web::page_error::PageResult;

#[derive(Template)]
#[template(path = "site/undo.html")]
struct UndoPage<'a> {
    frame: Frame,
    old: String,
    change: String,
    key: &'a str,
}

#[derive(Template)]
#[template(path = "site/undone.html")]
struct UndonePage {
    frame: Frame,
    title: &'static str,
    text: &'static str,
}

/// The change that a link names, if its key is right, and what its member reads.
async fn find(app: &App, form: &Form) -> PageResult<Option<(Change, Option<Language>)>> {
    let id = form.get("change").and_then(|id| id.parse::<EmailChangeId>().ok());
    let key = form.get("key").and_then(Token::parse);
    let (Some(id), Some(key)) = (id, key) else { return Ok(None) };
    if !secrets::equal(key.reveal().as_bytes(), email_change::undo_token(&app.policy, id).reveal().as_bytes()) {
        return Ok(None);
    }
    let found = app
        .db
        .read(move |conn| {
            let Some(change) = email_change::find(conn, id)? else { return Ok(None) };
            let language = language_of(conn, change.member_id)?;
            Ok(Some((change, language)))
        })
        .await?;
    Ok(found)
}

fn over(
    app: &App,
    status: StatusCode,
    language: Option<Language>,
    title: &'static str,
    text: &'static str,
) -> PageResult<HttpResponse> {
    let page = UndonePage { frame: Frame::new(&app.settings).in_language(language), title, text };
    pages::page(status, &page.frame, &page).map(about_a_token)
}

/// `GET /members/undo/?change=…&key=…`: says what will happen; changes nothing.
pub async fn show(app: web::Data<App>, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let Some((change, language)) = find(&app, &query).await? else {
        return over(&app, StatusCode::NOT_FOUND, None, "undo-unknown", "undo-unknown.text");
    };
    if change.undone_at.is_some() || app.now() >= change.undo_until {
        return over(&app, StatusCode::GONE, language, "undo-over", "undo-over.text");
    }
    let page = UndoPage {
        frame: Frame::new(&app.settings).in_language(language),
        old: address::masked(&change.from_email),
        change: change.id.to_string(),
        key: query.get("key").unwrap_or_default(),
    };
    pages::page(StatusCode::OK, &page.frame, &page).map(about_a_token)
}

/// `POST /members/undo/`.
pub async fn undo(app: web::Data<App>, request: HttpRequest, payload: Payload) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some((change, language)) = find(&app, &form).await? else {
        return over(&app, StatusCode::NOT_FOUND, None, "undo-unknown", "undo-unknown.text");
    };
    let now = app.now();
    if app.db.write(move |conn| email_change::undo(conn, change.id, now)).await? {
        over(&app, StatusCode::OK, language, "undo-done", "undo-done.text")
    } else {
        over(&app, StatusCode::GONE, language, "undo-over", "undo-over.text")
    }
}
