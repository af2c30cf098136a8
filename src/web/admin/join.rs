//! Links of staff: making an account, and another password.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed};
use super::gate;
use super::{Posted, query};
use crate::app::App;
use crate::members::address::EmailAddress;
use crate::members::name;
use crate::secrets::Token;
use crate::staff::audit::Actor;
use crate::staff::links::{self, Given, Link, Purpose, Used};
use crate::staff::{accounts, passwords, signin};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::site::pages::{see_other, with_cookie};

#[derive(Template)]
#[template(path = "admin/join.html")]
struct JoinPage<'a> {
    frame: &'a Frame,
    link: &'a Link,
    token: &'a str,
    typed: &'a Typed,
    shortest: u64,
}

#[derive(Template)]
#[template(path = "admin/reset.html")]
struct ResetPage<'a> {
    frame: &'a Frame,
    token: &'a str,
    typed: &'a Typed,
    shortest: u64,
}

#[derive(Template)]
#[template(path = "admin/dead_link.html")]
struct DeadPage<'a> {
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "admin/forgotten.html")]
struct ForgottenPage<'a> {
    frame: &'a Frame,
    typed: &'a Typed,
    is_sent: bool,
}

/// The link of a token, or the page that says it is dead.
async fn link_of(app: &App, text: Option<&str>) -> AdminResult<Result<(Link, Token), HttpResponse>> {
    let now = app.now();
    if let Some(token) = text.and_then(Token::parse) {
        let asked = token.clone();
        if let Some(link) = app.db.read(move |conn| links::look(conn, &asked, now)).await? {
            return Ok(Ok((link, token)));
        }
    }
    let frame = Frame::bare(&app.settings);
    Ok(Err(frame::page(StatusCode::GONE, &frame, &DeadPage { frame: &frame })?))
}

/// `GET /admin/join/?token=…`: changes nothing.
pub async fn show(app: web::Data<App>, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let (link, token) = match link_of(&app, query.get("token")).await? {
        Ok(found) => found,
        Err(dead) => return Ok(dead),
    };
    if link.purpose == Purpose::Reset {
        return Err(AdminError::NotFound);
    }
    join_page(&app, StatusCode::OK, &link, &token, &Typed::default())
}

fn join_page(app: &App, status: StatusCode, link: &Link, token: &Token, typed: &Typed) -> AdminResult<HttpResponse> {
    let frame = Frame::bare(&app.settings);
    let shortest = app.settings.staff.password_chars;
    frame::page(status, &frame, &JoinPage { frame: &frame, link, token: token.reveal(), typed, shortest })
}

/// What somebody typed as their new password, twice.
fn new_password(form: &crate::web::body::Form, typed: &mut Typed, shortest: u64, words: &[&str]) -> String {
    let password: String = form.get("password").unwrap_or_default().chars().take(300).collect();
    if let Err(why) = passwords::check(&password, shortest, words) {
        typed.complain("password", why);
    } else if form.get("again") != Some(&password) {
        typed.complain("again", "The two are not alike.");
    }
    password
}

/// `POST /admin/join/`: makes the account and signs in.
pub async fn join(app: web::Data<App>, client: Client, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let (link, token) = match link_of(&app, form.get("token")).await? {
        Ok(found) => found,
        Err(dead) => return Ok(dead),
    };
    if link.purpose == Purpose::Reset {
        return Err(AdminError::NotFound);
    }
    let mut typed = Typed::of(&form, &["email", "name"]);
    let email = match &link.email {
        Some(_) => None,
        None => match EmailAddress::parse(typed.get("email")) {
            Ok(email) => Some(email),
            Err(_) => {
                typed.complain("email", "That is no e-mail address.");
                None
            }
        },
    };
    let name = match name::parse(typed.get("name")) {
        Ok(Some(name)) => name,
        Ok(None) | Err(_) => {
            typed.complain("name", "Your name, as others here shall see it.");
            String::new()
        }
    };
    let own = link.email.clone().unwrap_or_else(|| typed.get("email").to_owned());
    let words = [own.as_str(), name.as_str(), app.settings.site_title.as_str()];
    let password = new_password(&form, &mut typed, app.settings.staff.password_chars, &words);
    if typed.is_wrong() {
        return join_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &link, &token, &typed);
    }
    let hashed = app.hashers.hash(password).await?;
    let (rules, place, now) = (app.rules.clone(), gate::place(&client), app.now());
    let used = app
        .db
        .write(move |conn| {
            let actor = Actor::nobody(place.network.truncated(), place.request_id.clone());
            let given = Given { email: email.as_ref(), name: &name, password: &hashed };
            let used = links::redeem(conn, &rules.key, &token, &given, &actor, now)?;
            let Used::Made(id) = used else { return Ok(Err(used)) };
            let Some(account) = accounts::find(conn, id)? else { return Ok(Err(Used::Dead)) };
            signin::enter(conn, &rules, &account, &place, false, now).map(Ok)
        })
        .await?;
    match used {
        Ok(session) => {
            let home = format!("{}admin/", app.settings.url.path());
            Ok(with_cookie(see_other(&home), &CookieKind::Staff.give(&app.settings, &session)))
        }
        Err(Used::Taken) => Err(AdminError::refused("This address has an account already. Sign in with it.")),
        Err(_) => {
            let frame = Frame::bare(&app.settings);
            frame::page(StatusCode::GONE, &frame, &DeadPage { frame: &frame })
        }
    }
}

/// `GET /admin/reset/?token=…`.
pub async fn show_reset(app: web::Data<App>, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    match link_of(&app, query.get("token")).await? {
        Ok((link, token)) if link.purpose == Purpose::Reset => {
            reset_page(&app, StatusCode::OK, &token, &Typed::default())
        }
        Ok(_) => Err(AdminError::NotFound),
        Err(dead) => Ok(dead),
    }
}

fn reset_page(app: &App, status: StatusCode, token: &Token, typed: &Typed) -> AdminResult<HttpResponse> {
    let frame = Frame::bare(&app.settings);
    let shortest = app.settings.staff.password_chars;
    frame::page(status, &frame, &ResetPage { frame: &frame, token: token.reveal(), typed, shortest })
}

/// `POST /admin/reset/`: the second factor is not passed by with it.
pub async fn reset(app: web::Data<App>, client: Client, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let (link, token) = match link_of(&app, form.get("token")).await? {
        Ok(found) => found,
        Err(dead) => return Ok(dead),
    };
    let Some(id) = link.account else { return Err(AdminError::NotFound) };
    let account = app.db.read(move |conn| accounts::find(conn, id)).await?.ok_or(AdminError::NotFound)?;
    let mut typed = Typed::default();
    let shortest = if account.has_second_factor {
        app.settings.staff.password_chars_with_factor
    } else {
        app.settings.staff.password_chars
    };
    let words = [account.email.as_str(), account.name.as_str(), app.settings.site_title.as_str()];
    let password = new_password(&form, &mut typed, shortest, &words);
    if typed.is_wrong() {
        return reset_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &token, &typed);
    }
    let hashed = app.hashers.hash(password).await?;
    let (rules, place, now) = (app.rules.clone(), gate::place(&client), app.now());
    let used = app
        .db
        .write(move |conn| {
            let actor = Actor::nobody(place.network.truncated(), place.request_id);
            let given = Given { email: None, name: "", password: &hashed };
            links::redeem(conn, &rules.key, &token, &given, &actor, now)
        })
        .await?;
    app.mailroom.wake();
    match used {
        Used::Reset(_) => Ok(see_other(&format!("{}admin/signin/?done=password", app.settings.url.path()))),
        _ => {
            let frame = Frame::bare(&app.settings);
            frame::page(StatusCode::GONE, &frame, &DeadPage { frame: &frame })
        }
    }
}

/// `GET /admin/forgotten/`.
pub async fn forgotten(app: web::Data<App>) -> AdminResult<HttpResponse> {
    forgotten_page(&app, StatusCode::OK, &Typed::default(), false)
}

fn forgotten_page(app: &App, status: StatusCode, typed: &Typed, is_sent: bool) -> AdminResult<HttpResponse> {
    let frame = Frame::bare(&app.settings);
    frame::page(status, &frame, &ForgottenPage { frame: &frame, typed, is_sent })
}

/// `POST /admin/forgotten/`: answers alike whether or not the address has an account.
pub async fn ask_reset(app: web::Data<App>, client: Client, Posted(form): Posted) -> AdminResult<HttpResponse> {
    use crate::limits::{self, Verdict, Window};
    let mut typed = Typed::of(&form, &["email"]);
    let Ok(email) = EmailAddress::parse(typed.get("email")) else {
        typed.complain("email", "That is no e-mail address.");
        return forgotten_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &typed, false);
    };
    let (rules, network, now) = (app.rules.clone(), client.network, app.now());
    let refused = app
        .db
        .write(move |conn| {
            let bucket = limits::bucket("staff reset from", &network.to_string());
            if let Verdict::Refused { retry_after } = limits::admit(conn, &bucket, &[Window::new(3_600, 20)], now)? {
                return Ok(Some(retry_after));
            }
            links::ask_reset(conn, &rules.key, &rules.settings, &email, now)?;
            Ok(None)
        })
        .await?;
    app.mailroom.wake();
    match refused {
        Some(wait) => Err(AdminError::TooMany(wait)),
        None => forgotten_page(&app, StatusCode::OK, &typed, true),
    }
}
