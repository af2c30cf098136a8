use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, act, done};
use crate::app::App;
use crate::config::seconds;
use crate::members::{email_change, leaving};
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const PATH: &str = "members/account/delete/";

#[derive(Template)]
#[template(path = "site/account/delete.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    grace: String,
}

/// `GET /members/account/delete/`: what will happen, and until when it can be undone.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => {
            let grace = visit.frame.language.length(seconds(app.policy.lifetimes.leaving_s));
            let page = Page { frame: &visit.frame, visit: &visit, grace };
            pages::page(StatusCode::OK, page.frame, &page)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// `POST /members/account/delete/`; with `stay` it is undone.
pub async fn leave(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let now = app.now();
    if form.get("stay").is_some() {
        act(&app, &client, move |conn, who| leaving::stay(conn, who.id, now)).await?;
        return done(&app, &client, PATH, "stayed").await;
    }
    let policy = app.policy.clone();
    let is_fresh = act(&app, &client, move |conn, who| {
        let is_fresh = email_change::is_fresh(&policy, who.signed_in_at, now);
        if is_fresh {
            leaving::ask(conn, &policy, who.id, now)?;
        }
        Ok(is_fresh)
    })
    .await?;
    if is_fresh { done(&app, &client, PATH, "leaving").await } else { Err(PageError::not_fresh()) }
}
