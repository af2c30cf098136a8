use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, change, done};
use crate::app::App;
use crate::members::name;
use crate::members::preferences::Changes;
use crate::web::client::Client;
use crate::web::page_error::PageResult;
use crate::web::site::forms::{name_error, read_own};
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/";

#[derive(Template)]
#[template(path = "site/account/overview.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    since: String,
    name: String,
    name_error: Option<String>,
}

/// `GET /members/account/`: who I am here, and where everything else is.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => {
            let name = visit.present.member.name.clone().unwrap_or_default();
            page(StatusCode::OK, &visit, name, None)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

fn page(status: StatusCode, visit: &Visit, name: String, name_error: Option<String>) -> PageResult<HttpResponse> {
    let since = visit.frame.language.day(visit.present.member.created_at);
    let page = Page { frame: &visit.frame, visit, since, name, name_error };
    pages::page(status, page.frame, &page)
}

/// `POST /members/account/`: another name.
pub async fn rename(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let typed: String = form.get("name").unwrap_or_default().chars().take(name::LONGEST * 2).collect();
    match name::parse(&typed) {
        Ok(name) => {
            change(&app, &client, Changes { name: Some(name), ..Changes::default() }, String::new()).await?;
            done(&app, &client, PATH, "name").await
        }
        Err(error) => match Visit::begin(&app, &client, &request, PATH).await? {
            Ok(visit) => {
                let error = name_error(&visit.frame, error);
                page(StatusCode::UNPROCESSABLE_ENTITY, &visit, typed, Some(error))
            }
            Err(elsewhere) => Ok(elsewhere),
        },
    }
}
