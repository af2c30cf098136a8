use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, act, done};
use crate::app::App;
use crate::config::seconds;
use crate::members::{email_change, leaving};
use crate::signin::present::Present;
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
    /// A plan goes on being paid: it is to be ended first.
    pays: bool,
}

/// Whether money is still to be charged.
fn pays(present: &Present) -> bool {
    let current = present.billing.as_ref().and_then(|billing| billing.current());
    current.is_some_and(|one| !one.cancel_at_period_end)
}

/// `GET /members/account/delete/`: what will happen, and until when it can be undone.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => {
            let grace = visit.frame.language.length(seconds(app.policy.lifetimes.leaving_s));
            let page = Page { frame: &visit.frame, visit: &visit, grace, pays: pays(&visit.present) };
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
    let (is_fresh, pays) = act(&app, &client, move |conn, who| {
        let is_fresh = email_change::is_fresh(&policy, who.signed_in_at, now);
        if is_fresh && !pays(who) {
            leaving::ask(conn, &policy, who.id, now)?;
        }
        Ok((is_fresh, pays(who)))
    })
    .await?;
    if pays {
        return Ok(pages::see_other(app.settings.link(PATH).as_str()));
    }
    if is_fresh { done(&app, &client, PATH, "leaving").await } else { Err(PageError::not_fresh()) }
}
