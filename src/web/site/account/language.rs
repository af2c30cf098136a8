use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, change, done};
use crate::app::App;
use crate::members::preferences::Changes;
use crate::texts::Language;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/language/";

#[derive(Template)]
#[template(path = "site/account/language.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
}

/// `GET /members/account/language/`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => {
            let page = Page { frame: &visit.frame, visit: &visit };
            pages::page(StatusCode::OK, page.frame, &page)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// `POST /members/account/language/`: what pages and mails are written in.
pub async fn choose(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let language = form.get("language").and_then(Language::of_tag).ok_or(PageError::not_a_form())?;
    change(&app, &client, Changes { language: Some(language), ..Changes::default() }, String::new()).await?;
    done(&app, &client, PATH, "language").await
}
