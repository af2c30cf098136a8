//! `/members/waiting/`: "check your mail", in the browser that asked. It takes the code from the
//! mail, shows the number that lets it in from another device, and completes by itself once it was
//! let in: by a plain refresh without a script, by an event stream with one.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_own;
use super::link_page::{arrived, home_or};
use super::pages::{self, Frame};
use crate::app::App;
use crate::db::DbResult;
use crate::secrets::Sha256;
use crate::signin::codes::{self, Tried, Try, Whose};
use crate::signin::links;
use crate::signin::redemption::{self, Redeemed};
use crate::signin::waiting::{self, Arrived, Standing};
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::streams;

#[derive(Template)]
#[template(path = "site/waiting.html")]
struct WaitingPage {
    frame: Frame,
    number: String,
    /// The reader came to type the code; the page does not refresh under their hands.
    is_typing: bool,
    code: String,
    code_error: Option<String>,
}

#[derive(Template)]
#[template(path = "site/waited.html")]
struct WaitedPage {
    frame: Frame,
    title: &'static str,
    text: &'static str,
}

/// `GET /members/waiting/[?code]`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let Some(asked) = client.asked_by() else {
        return over(&app, "waiting-nothing", "waiting-nothing.text");
    };
    let (policy, browser, now) = (app.policy.clone(), client.browser(), app.now());
    let arrived_at = app.db.write(move |conn| waiting::arrive(conn, &policy, &asked, &browser, now)).await?;
    let is_typing = Form::parse(request.query_string().as_bytes()).get("code").is_some();
    match arrived_at {
        Arrived::Redeemed(Redeemed::Done(done)) => Ok(arrived(&app, &done, StatusCode::SEE_OTHER)),
        Arrived::SignedInAlready { return_to } => Ok(pages::see_other(home_or(&app, return_to.as_deref()).as_str())),
        Arrived::Redeemed(_) | Arrived::Standing(Standing::Over) => over(&app, "waiting-over", "waiting-over.text"),
        Arrived::Standing(Standing::UsedElsewhere) => over(&app, "waiting-elsewhere", "waiting-elsewhere.text"),
        Arrived::Standing(Standing::Waiting | Standing::Granted) => {
            page(&app, StatusCode::OK, &asked, is_typing, String::new(), None)
        }
    }
}

fn page(
    app: &App,
    status: StatusCode,
    asked: &Sha256,
    is_typing: bool,
    code: String,
    code_error: Option<String>,
) -> PageResult<HttpResponse> {
    let frame = Frame::new(&app.settings).with_script();
    let page = WaitingPage { frame, number: waiting::number(&app.policy, asked), is_typing, code, code_error };
    pages::page(status, &page.frame, &page)
}

fn over(app: &App, title: &'static str, text: &'static str) -> PageResult<HttpResponse> {
    let page = WaitedPage { frame: Frame::new(&app.settings), title, text };
    pages::page(StatusCode::OK, &page.frame, &page)
}

/// `GET /members/waiting/events/`: one event when the page has something else to show.
pub async fn events(app: web::Data<App>, client: Client) -> PageResult<HttpResponse> {
    let Some(asked) = client.asked_by() else {
        return Err(PageError::not_found());
    };
    streams::until(&app, move |app| has_changed(app, asked)).ok_or(PageError::busy())
}

async fn has_changed(app: App, asked: Sha256) -> bool {
    let now = app.now();
    let standing: DbResult<Standing> = app.db.read(move |conn| waiting::look(conn, &asked, now)).await;
    // A database that cannot be asked now is asked again.
    standing.is_ok_and(|standing| standing != Standing::Waiting)
}

/// `POST /members/code/`: the code from the mail, typed in the browser that asked.
pub async fn code(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(asked) = client.asked_by() else {
        return over(&app, "waiting-nothing", "waiting-nothing.text");
    };
    let typed: String = form.get("code").unwrap_or_default().chars().take(20).collect();
    let tried = Try { whose: Whose::Browser(asked), given: typed.clone(), client: client.network, nonce: None };
    let (policy, browser, now) = (app.policy.clone(), client.browser(), app.now());
    let answer = app
        .db
        .write(move |conn| match codes::try_code(conn, &policy, &tried, now)? {
            Tried::Right(link) => {
                let token = links::token(&policy, link.id);
                redemption::redeem(conn, &policy, &token, &browser, now).map(Answer::Redeemed)
            }
            tried => Ok(Answer::Not(tried)),
        })
        .await?;
    let frame = Frame::new(&app.settings);
    match answer {
        Answer::Redeemed(Redeemed::Done(done)) => Ok(arrived(&app, &done, StatusCode::SEE_OTHER)),
        Answer::Redeemed(_) => over(&app, "waiting-over", "waiting-over.text"),
        Answer::Not(Tried::TooOften) => over(&app, "waiting-too-often", "waiting-too-often.text"),
        Answer::Not(Tried::OverLimit { .. }) => Err(PageError::too_often()),
        Answer::Not(_) => {
            let error = frame.t("waiting-code.wrong");
            page(&app, StatusCode::UNPROCESSABLE_ENTITY, &asked, true, typed, Some(error))
        }
    }
}

enum Answer {
    Redeemed(Redeemed),
    Not(Tried),
}
