//! `/members/?token=…`: the page of a link.
//!
//! Looking changes nothing, so that scanners of mail use nothing up (`reliability.md` T1). Only the
//! button's POST confirms, or a GET that carries the cookie of the very browser that asked, or the
//! proof that its code was typed there.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_own;
use super::pages::{self, Frame, about_a_token, with_cookie};
use crate::app::App;
use crate::db::DbResult;
use crate::members::address::EmailAddress;
use crate::secrets::Token;
use crate::signin::asking::{self, Resender};
use crate::signin::links::{self, LinkState, LinkView, Purpose, Via};
use crate::signin::redemption::{self, Done, Outcome, Redeemed};
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::signin::waiting::{self, Granted};
use crate::signin::{codes, present};
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::page_error::{PageError, PageResult};

#[derive(Template)]
#[template(path = "site/link.html")]
struct LinkPage<'a> {
    frame: Frame,
    link: &'a LinkView,
    texts: Texts,
    signed_in_as: Option<String>,
    token: &'a str,
    /// The number that was typed was another.
    wrong_number: bool,
}

/// The keys of a link's words, by what it is for.
struct Texts {
    title: &'static str,
    text: &'static str,
    button: &'static str,
}

impl Texts {
    const fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::SignIn => Self { title: "link-signin", text: "link-signin.text", button: "link-signin.button" },
            Purpose::SignUp => Self { title: "link-signup", text: "link-signup.text", button: "link-signup.button" },
            Purpose::Subscribe => {
                Self { title: "link-subscribe", text: "link-subscribe.text", button: "link-subscribe.button" }
            }
            Purpose::UpdateEmail => {
                Self { title: "link-new-address", text: "link-new-address.text", button: "link-new-address.button" }
            }
            Purpose::ApproveEmailUpdate => Self {
                title: "link-approve-address",
                text: "link-approve-address.text",
                button: "link-approve-address.button",
            },
        }
    }
}

impl LinkPage<'_> {
    fn asked(&self) -> String {
        let language = self.frame.language;
        let moment = language.moment(self.link.asked_at);
        match self.link.agent.as_deref().map(|browser| language.browser(browser)) {
            Some(browser) => {
                language.fill("link-asked-with", &[("moment", (&moment).into()), ("browser", (&browser).into())])
            }
            None => language.fill("link-asked", &[("moment", (&moment).into())]),
        }
    }

    /// Signing in is what one may want to happen in the other browser.
    fn offers_to_grant(&self) -> bool {
        self.link.may_be_granted && self.link.purpose.is_for_anybody()
    }
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

/// `GET /members/?token=…&action=…[&r=…][&otc_verification=…]`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let Some(given) = query.get("token") else {
        return Err(PageError::not_found());
    };
    let Some(token) = Token::parse(given) else {
        return dead_link(&app, None);
    };

    let (link, here) = look(&app, &token, &client).await?;
    if let Some(proof) = query.get("otc_verification") {
        return by_code(&app, &client, &token, link, proof, query.get("r")).await;
    }
    let Some(link) = link else {
        return dead_link(&app, None);
    };
    if link.state != LinkState::Live {
        return dead_link(&app, Some((&link, &token)));
    }
    let somebody_else = here.filter(|email| *email != link.email.key() && link.purpose.is_for_anybody());
    if somebody_else.is_none() && link.was_asked_by(client.asked.as_ref()) {
        return redeem(&app, &client, &token, StatusCode::FOUND).await;
    }
    let signed_in_as = somebody_else.and_then(|email| EmailAddress::parse(&email).ok()).map(|email| email.masked());
    link_page(&app, StatusCode::OK, &link, &token, signed_in_as, false)
}

/// The link, and the key of the address that is signed in here.
async fn look(app: &App, token: &Token, client: &Client) -> DbResult<(Option<LinkView>, Option<String>)> {
    let (token, session, now) = (token.clone(), client.session(), app.now());
    let policy = app.policy.clone();
    app.db
        .read(move |conn| {
            let link = links::look(conn, &policy, &token, now)?;
            let who = match session {
                Some(session) => present::who(conn, &policy.lifetimes, &session, now)?,
                None => None,
            };
            let email = who.and_then(|who| EmailAddress::parse(&who.member.email).ok()).map(|email| email.key());
            Ok((link, email))
        })
        .await
}

/// A client of the API typed the code and was sent here with its proof (protocol B.6). What goes
/// wrong is told to the site, whose widget shows it.
async fn by_code(
    app: &App,
    client: &Client,
    token: &Token,
    link: Option<LinkView>,
    proof: &str,
    back: Option<&str>,
) -> PageResult<HttpResponse> {
    let proven = link
        .as_ref()
        .is_some_and(|link| link.state == LinkState::Live && codes::is_proven(&app.policy, link.id, proof, app.now()));
    if proven {
        return redeem(app, client, token, StatusCode::FOUND).await;
    }
    let error_code = match link.map(|link| link.state) {
        Some(LinkState::Used) => "OTC_EXPIRED",
        Some(LinkState::Expired) => "TOKEN_EXPIRED",
        _ => "INVALID_OTC_VERIFICATION_HASH",
    };
    let note = Note {
        state: State::Failed,
        action: Some(Purpose::SignIn.as_str()),
        stripe: None,
        error_code: Some(error_code),
        in_fragment: false,
    };
    Ok(about_a_token(pages::redirect(StatusCode::FOUND, &home_or(app, back).with_note(&note))))
}

fn link_page(
    app: &App,
    status: StatusCode,
    link: &LinkView,
    token: &Token,
    signed_in_as: Option<String>,
    wrong_number: bool,
) -> PageResult<HttpResponse> {
    let page = LinkPage {
        frame: Frame::new(&app.settings).in_language(Some(link.language)),
        link,
        texts: Texts::of(link.purpose),
        signed_in_as,
        token: token.reveal(),
        wrong_number,
    };
    pages::page(status, &page.frame, &page).map(about_a_token)
}

/// One page for links that do not work. Of one that is known it offers a new mail to the same
/// address, without showing the address.
fn dead_link(app: &App, known: Option<(&LinkView, &Token)>) -> PageResult<HttpResponse> {
    let (title, text) = match known.map(|(link, _)| link.state) {
        Some(LinkState::Used) => ("link-used", "link-used.text"),
        Some(LinkState::Expired) => ("link-expired", "link-expired.text"),
        Some(LinkState::Voided | LinkState::Live) => ("link-voided", "link-voided.text"),
        None => ("link-unknown", "link-unknown.text"),
    };
    let frame = Frame::new(&app.settings).in_language(known.map(|(link, _)| link.language));
    // What a member asked for while signed in is asked for there again.
    let again = known.filter(|(link, _)| link.purpose.is_for_anybody());
    let page = DeadLinkPage { frame, title, text, token: again.map(|(_, token)| token.reveal()) };
    pages::page(StatusCode::GONE, &page.frame, &page).map(about_a_token)
}

/// `POST /members/` with `token`: the button. With `where` = `asked` it lets in the browser that
/// asked, if `number` is what that one shows.
pub async fn confirm(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(token) = form.get("token").and_then(Token::parse) else {
        return dead_link(&app, None);
    };
    if form.get("where") == Some("asked") {
        return grant(&app, &token, form.get("number").unwrap_or_default().to_owned()).await;
    }
    redeem(&app, &client, &token, StatusCode::SEE_OTHER).await
}

#[derive(Template)]
#[template(path = "site/granted.html")]
struct GrantedPage {
    frame: Frame,
}

async fn grant(app: &App, token: &Token, number: String) -> PageResult<HttpResponse> {
    let (policy, given, now) = (app.policy.clone(), token.clone(), app.now());
    match app.db.write(move |conn| waiting::grant(conn, &policy, &given, &number, now)).await? {
        Granted::Done(link) => {
            let page = GrantedPage { frame: Frame::new(&app.settings).in_language(Some(link.language)) };
            pages::page(StatusCode::OK, &page.frame, &page).map(about_a_token)
        }
        Granted::WrongNumber(link) => link_page(app, StatusCode::UNPROCESSABLE_ENTITY, &link, token, None, true),
        Granted::Refused(link) => link_page(app, StatusCode::OK, &link, token, None, false),
        Granted::Dead(link) => dead_link(app, Some((&link, token))),
        Granted::Unknown => dead_link(app, None),
    }
}

async fn redeem(app: &App, client: &Client, token: &Token, status: StatusCode) -> PageResult<HttpResponse> {
    let (policy, given, browser, now) = (app.policy.clone(), token.clone(), client.browser(), app.now());
    let redeemed = app.db.write(move |conn| redemption::redeem(conn, &policy, &given, &browser, now)).await?;
    match redeemed {
        Redeemed::Unknown => dead_link(app, None),
        Redeemed::Dead(link) => dead_link(app, Some((&link, token))),
        Redeemed::Done(done) => {
            app.mailroom.wake();
            Ok(arrived(app, &done, status))
        }
    }
}

/// Sends a browser home, signed in, with the note of what its link did.
pub fn arrived(app: &App, done: &Done, status: StatusCode) -> HttpResponse {
    let target = home_or(app, done.return_to.as_deref()).with_note(&note_of(done));
    let response = pages::redirect(status, &target);
    about_a_token(with_cookie(response, &CookieKind::Session.give(&app.settings, &done.session)))
}

fn note_of(done: &Done) -> Note {
    let (state, action) = match done.outcome {
        Outcome::SignedUp => (State::SignedUp, Purpose::SignUp),
        Outcome::SignedIn => (State::SignedIn, Purpose::SignIn),
        Outcome::Subscribed => (State::Subscribed, done.purpose),
        Outcome::AlreadySubscribed => (State::AlreadySubscribed, done.purpose),
        Outcome::EmailChanged => (State::EmailChanged, Purpose::UpdateEmail),
        Outcome::EmailApproved => (State::Pending, Purpose::ApproveEmailUpdate),
    };
    Note { state, action: Some(action.as_str()), stripe: None, error_code: None, in_fragment: done.via == Via::Form }
}

/// The stored address, checked once more: the settings may have changed since.
pub fn home_or(app: &App, return_to: Option<&str>) -> ReturnTo {
    return_to.and_then(|text| ReturnTo::parse(text, &app.settings)).unwrap_or_else(|| ReturnTo::home(&app.settings))
}

/// `POST /members/resend/` with the token of a dead link: a new mail to the same address.
pub async fn resend(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(token) = form.get("token").and_then(Token::parse) else {
        return dead_link(&app, None);
    };
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    let by = Resender { client: client.network, asked_by: Some(asked.hash()), agent: client.agent.clone() };
    let (policy, now) = (app.policy.clone(), app.now());
    let link = app.db.write(move |conn| asking::resend(conn, &policy, &token, &by, now)).await?;
    let Some(link) = link else {
        return dead_link(&app, None);
    };
    app.mailroom.wake();

    let note = Note {
        state: State::Expired,
        action: Some(link.purpose.as_str()),
        stripe: None,
        error_code: Some(link.state.error_code()),
        in_fragment: link.via == Via::Form,
    };
    let response = pages::see_other(&home_or(&app, link.return_to.as_deref()).with_note(&note));
    let cookie = CookieKind::Asked.give(&app.settings, &asked);
    Ok(about_a_token(with_cookie(response, &cookie)))
}
