use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Visit;
use crate::app::App;
use crate::members::export;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/data/";

#[derive(Template)]
#[template(path = "site/account/data.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
}

/// `GET /members/account/data/`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => {
            let page = Page { frame: &visit.frame, visit: &visit };
            pages::page(StatusCode::OK, page.frame, &page)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// `GET /members/account/data/readership.json`: everything that is kept about me
/// (`reliability.md` V3), after a sign-in of a moment ago.
pub async fn download(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let visit = match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    super::in_person(Some(visit.present.clone()))?;
    if !visit.is_fresh {
        return Err(PageError::not_fresh());
    }
    let member = visit.present.id;
    let everything = app.db.read(move |conn| export::everything(conn, member)).await?.ok_or(PageError::signed_out())?;
    // Plain values with string keys always serialise.
    let text = serde_json::to_string_pretty(&everything).unwrap_or_default();
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", "application/json; charset=utf-8"))
        .insert_header(("content-disposition", "attachment; filename=\"readership.json\""))
        .body(text))
}
