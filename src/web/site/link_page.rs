//! `/members/?token=…`: the page of a link.
//!
//! Looking changes nothing, so that scanners of mail use nothing up (`reliability.md` T1). Only the
//! button's POST confirms, or a GET that carries the cookie of the very browser that asked.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_urlencoded;
use super::pages::{self, Frame, about_a_token};
use crate::app::App;
use crate::config::seconds;
use crate::db::DbResult;
use crate::members::address::EmailAddress;
use crate::secrets::Token;
use crate::signin::links::{self, LinkState, LinkView, Outcome, Purpose, Redeemed, Resender, Via};
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::signin::{present, sessions};
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{PageError, PageResult};
use crate::web::origin;

#[derive(Template)]
#[template(path = "site/link.html")]
struct LinkPage<'a> {
    frame: Frame,
    title: String,
    text: String,
    button: &'static str,
    email: String,
    agent: Option<&'a str>,
    asked_at: String,
    signed_in_as: Option<String>,
    token: &'a str,
}

#[derive(Template)]
#[template(path = "site/dead_link.html")]
struct DeadLinkPage<'a> {
    frame: Frame,
    title: &'static str,
    text: &'static str,
    token: Option<&'a str>,
}

/// `HEAD /members/`: alike for every token, and without effect.
pub async fn peek() -> HttpResponse {
    about_a_token(HttpResponse::Ok().content_type("text/html; charset=utf-8").finish())
}

/// `GET /members/?token=…&action=…[&r=…]`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let Some(given) = query.get("token") else {
        return Err(PageError::not_found());
    };
    let Some(token) = Token::parse(given) else {
        return dead_link(&app, None);
    };

    let (link, here) = look(&app, &token, &client).await?;
    let Some(link) = link else {
        return dead_link(&app, None);
    };
    if link.state != LinkState::Live {
        return dead_link(&app, Some((&link, &token)));
    }
    let somebody_else = here.filter(|email| *email != link.email.key());
    if somebody_else.is_none() && link.was_asked_by(client.asked.as_ref()) {
        return redeem(&app, &client, &token, StatusCode::FOUND).await;
    }
    let signed_in_as = somebody_else.and_then(|email| EmailAddress::parse(&email).ok()).map(|email| email.masked());
    link_page(&app, &link, &token, signed_in_as)
}

/// The link, and the key of the address that is signed in here.
async fn look(app: &App, token: &Token, client: &Client) -> DbResult<(Option<LinkView>, Option<String>)> {
    let (token, session, now) = (token.clone(), client.session(), app.now());
    let lifetimes = app.policy.lifetimes.clone();
    app.db
        .read(move |conn| {
            let link = links::look(conn, &token, now)?;
            let who = match session {
                Some(session) => present::who(conn, &lifetimes, &session, now)?,
                None => None,
            };
            let email = who.and_then(|who| EmailAddress::parse(&who.member.email).ok()).map(|email| email.key());
            Ok((link, email))
        })
        .await
}

fn link_page(app: &App, link: &LinkView, token: &Token, signed_in_as: Option<String>) -> PageResult<HttpResponse> {
    let site = &app.settings.site_title;
    let (title, text, button) = match link.purpose {
        Purpose::SignIn => {
            (format!("Sign in to {site}"), format!("Press the button to sign in to {site} as"), "Sign in")
        }
        Purpose::SignUp => (format!("Join {site}"), format!("Press the button to join {site} as"), "Confirm sign-up"),
        Purpose::Subscribe => {
            (format!("Subscribe to {site}"), format!("Press the button to receive {site} at"), "Confirm subscription")
        }
    };
    let page = LinkPage {
        frame: Frame::new(&app.settings),
        title,
        text,
        button,
        email: link.email.masked(),
        agent: link.agent.as_deref(),
        asked_at: link.asked_at.for_people(),
        signed_in_as,
        token: token.reveal(),
    };
    pages::page(StatusCode::OK, &page.frame, &page).map(about_a_token)
}

/// One page for links that do not work. Of one that is known it offers a new mail to the same
/// address, without showing the address.
fn dead_link(app: &App, known: Option<(&LinkView, &Token)>) -> PageResult<HttpResponse> {
    let (title, text) = match known.map(|(link, _)| link.state) {
        Some(LinkState::Used) => {
            ("This link was used already", "A link works once. If you are signed in, there is nothing to do.")
        }
        Some(LinkState::Expired) => ("This link has expired", "Links end after a while, to keep your account safe."),
        Some(LinkState::Voided | LinkState::Live) => {
            ("This link works no more", "A newer one took its place, or the account has changed.")
        }
        None => (
            "This link does not work",
            "It may be incomplete: copy the whole address from the mail, or ask for a new one.",
        ),
    };
    let page =
        DeadLinkPage { frame: Frame::new(&app.settings), title, text, token: known.map(|(_, token)| token.reveal()) };
    pages::page(StatusCode::GONE, &page.frame, &page).map(about_a_token)
}

/// `POST /members/` with `token`: the button.
pub async fn confirm(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    match token_of_own_page(&app, &request, payload).await? {
        Some(token) => redeem(&app, &client, &token, StatusCode::SEE_OTHER).await,
        None => dead_link(&app, None),
    }
}

/// The token in the form of one of these pages; a form on another site is refused.
async fn token_of_own_page(app: &App, request: &HttpRequest, payload: Payload) -> PageResult<Option<Token>> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(PageError::foreign_form());
    }
    let form = read_urlencoded(app, request, payload).await?;
    Ok(form.get("token").and_then(Token::parse))
}

async fn redeem(app: &App, client: &Client, token: &Token, status: StatusCode) -> PageResult<HttpResponse> {
    let now = app.now();
    let (for_write, agent, replaced) = (token.clone(), client.agent.clone(), client.session());
    let redeemed = app
        .db
        .write(move |conn| {
            let redeemed = links::redeem(conn, &for_write, agent.as_deref(), now)?;
            if let (Redeemed::Done { .. }, Some(replaced)) = (&redeemed, replaced) {
                // The session this browser had, whoever's it was, ends with the new one.
                sessions::close(conn, &replaced, now)?;
            }
            Ok(redeemed)
        })
        .await?;
    match redeemed {
        Redeemed::Unknown => dead_link(app, None),
        Redeemed::Dead(link) => dead_link(app, Some((&link, token))),
        Redeemed::Done { outcome, purpose, session, via, return_to } => {
            let note = note_of(outcome, purpose, via);
            let target = home_or(app, return_to.as_deref()).with_note(&note);
            let life = seconds(app.policy.lifetimes.session_absolute_s);
            let mut response = pages::redirect(status, &target);
            if let Ok(cookie) = CookieKind::Session.give(&app.settings, &session, life).parse() {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            Ok(about_a_token(response))
        }
    }
}

fn note_of(outcome: Outcome, purpose: Purpose, via: Via) -> Note {
    let (state, action) = match outcome {
        Outcome::SignedUp => (State::SignedUp, Purpose::SignUp),
        Outcome::SignedIn => (State::SignedIn, Purpose::SignIn),
        Outcome::Subscribed => (State::Subscribed, purpose),
        Outcome::AlreadySubscribed => (State::AlreadySubscribed, purpose),
    };
    Note { state, action: Some(action.as_str()), error_code: None, in_fragment: via == Via::Form }
}

/// The stored address, checked once more: the settings may have changed since.
fn home_or(app: &App, return_to: Option<&str>) -> ReturnTo {
    return_to.and_then(|text| ReturnTo::parse(text, &app.settings)).unwrap_or_else(|| ReturnTo::home(&app.settings))
}

/// `POST /members/resend/` with the token of a dead link: a new mail to the same address.
pub async fn resend(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let Some(token) = token_of_own_page(&app, &request, payload).await? else {
        return dead_link(&app, None);
    };
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    let by = Resender { client: client.network, asked_by: Some(asked.hash()), agent: client.agent.clone() };
    let (policy, now) = (app.policy.clone(), app.now());
    let link = app.db.write(move |conn| links::resend(conn, &policy, &token, &by, now)).await?;
    let Some(link) = link else {
        return dead_link(&app, None);
    };
    app.mailroom.wake();

    let note = Note {
        state: State::Expired,
        action: Some(link.purpose.as_str()),
        error_code: Some(link.state.error_code()),
        in_fragment: link.via == Via::Form,
    };
    let mut response = pages::see_other(&home_or(&app, link.return_to.as_deref()).with_note(&note));
    let cookie = CookieKind::Asked.give(&app.settings, &asked, seconds(app.policy.lifetimes.signup_link_s));
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(about_a_token(response))
}
