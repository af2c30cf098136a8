use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed};
use super::gate::{self, Staff, wanted};
use super::{Posted, query};
use crate::app::App;
use crate::members::address::EmailAddress;
use crate::staff::sessions;
use crate::staff::signin::{self, Proof, Tried};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::site::pages::{see_other, with_cookie};

#[derive(Template)]
#[template(path = "admin/signin.html")]
struct Page<'a> {
    frame: &'a Frame,
    typed: &'a Typed,
    to: &'a str,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/code.html")]
struct CodePage<'a> {
    frame: &'a Frame,
    to: &'a str,
    half_way: &'a str,
    error: Option<String>,
}

/// `GET /admin/signin/`.
pub async fn show(app: web::Data<App>, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let note = (query.get("done") == Some("password")).then(|| "Your password is changed. Sign in with it.".to_owned());
    page(&app, StatusCode::OK, &Typed::default(), &wanted(&app, query.get("to")), note)
}

fn page(app: &App, status: StatusCode, typed: &Typed, to: &str, note: Option<String>) -> AdminResult<HttpResponse> {
    let frame = Frame::bare(&app.settings);
    frame::page(status, &frame, &Page { frame: &frame, typed, to, note })
}

fn code_page(
    app: &App,
    status: StatusCode,
    to: &str,
    half_way: &str,
    error: Option<String>,
) -> AdminResult<HttpResponse> {
    let frame = Frame::bare(&app.settings);
    frame::page(status, &frame, &CodePage { frame: &frame, to, half_way, error })
}

const WRONG: &str = "Address and password do not fit.";

/// `POST /admin/signin/`: address and password.
pub async fn password(app: web::Data<App>, client: Client, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let to = wanted(&app, form.get("to"));
    let mut typed = Typed::of(&form, &["email"]);
    let Ok(email) = EmailAddress::parse(typed.get("email")) else {
        typed.complain("email", "That is no e-mail address.");
        return page(&app, StatusCode::UNPROCESSABLE_ENTITY, &typed, &to, None);
    };
    let password: String = form.get("password").unwrap_or_default().chars().take(300).collect();
    let tried =
        signin::try_password(&app.db, &app.hashers, &app.rules, email, password, gate::place(&client), app.now())
            .await?;
    app.mailroom.wake();
    match tried {
        Tried::In(token) => Ok(with_cookie(see_other(&to), &CookieKind::Staff.give(&app.settings, &token))),
        Tried::NeedsCode(half_way) => code_page(&app, StatusCode::OK, &to, &half_way, None),
        Tried::Wrong => {
            typed.complain("password", WRONG);
            page(&app, StatusCode::UNPROCESSABLE_ENTITY, &typed, &to, None)
        }
        Tried::TooMany(wait) => Err(AdminError::TooMany(wait)),
        Tried::Closed => {
            let note =
                "Too many wrong passwords were tried at this account. A mail with a link to open it has been sent.";
            page(&app, StatusCode::FORBIDDEN, &typed, &to, Some(note.to_owned()))
        }
    }
}

/// `POST /admin/signin/code/`: the second factor.
pub async fn code(app: web::Data<App>, client: Client, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let to = wanted(&app, form.get("to"));
    let half_way = form.get("half_way").unwrap_or_default().to_owned();
    let (rules, place, now) = (app.rules.clone(), gate::place(&client), app.now());
    let (carried, code) = (half_way.clone(), form.get("code").unwrap_or_default().chars().take(64).collect::<String>());
    let tried = app.db.write(move |conn| signin::try_code(conn, &rules, &carried, &code, &place, now)).await?;
    app.mailroom.wake();
    match tried {
        Tried::In(token) => Ok(with_cookie(see_other(&to), &CookieKind::Staff.give(&app.settings, &token))),
        Tried::TooMany(wait) => Err(AdminError::TooMany(wait)),
        Tried::Wrong | Tried::NeedsCode(_) | Tried::Closed => {
            let error = "That code does not fit, was used already, or the password was more than five minutes ago.";
            code_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &to, &half_way, Some(error.to_owned()))
        }
    }
}

/// `POST /admin/signout/`.
pub async fn sign_out(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    let session = staff.visitor.session;
    app.db.write(move |conn| sessions::close(conn, &session)).await?;
    let sign_in = format!("{}admin/signin/", app.settings.url.path());
    Ok(with_cookie(see_other(&sign_in), &CookieKind::Staff.take_away(&app.settings)))
}

#[derive(Template)]
#[template(path = "admin/prove.html")]
struct ProofPage<'a> {
    frame: &'a Frame,
    to: &'a str,
    takes_code: bool,
    error: Option<String>,
}

/// `GET /admin/prove/`: before something dangerous.
pub async fn show_proof(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let to = wanted(&app, query(&request).get("to"));
    proof_page(&app, &staff, &request, StatusCode::OK, &to, None)
}

fn proof_page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    to: &str,
    error: Option<String>,
) -> AdminResult<HttpResponse> {
    let frame = Frame::of(app, staff, request);
    frame::page(status, &frame, &ProofPage { frame: &frame, to, takes_code: staff.visitor.has_second_factor, error })
}

/// `POST /admin/prove/`.
pub async fn prove(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let to = wanted(&app, form.get("to"));
    let given: String = form.get("proof").unwrap_or_default().chars().take(300).collect();
    let proof = if staff.visitor.has_second_factor { Proof::Code(given) } else { Proof::Password(given) };
    let (visitor, place) = (staff.visitor.clone(), staff.place());
    match signin::prove_again(&app.db, &app.hashers, &app.rules, visitor, proof, place, app.now()).await? {
        Tried::In(_) => Ok(see_other(&to)),
        Tried::TooMany(wait) => Err(AdminError::TooMany(wait)),
        Tried::Wrong | Tried::NeedsCode(_) | Tried::Closed => {
            let error = Some("That does not fit, or was used already.".to_owned());
            proof_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &to, error)
        }
    }
}
