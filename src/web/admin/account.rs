//! One's own account: name, password, second factor, devices.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use qrcode::QrCode;
use qrcode::render::svg;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::{Posted, change};
use crate::app::App;
use crate::members::name;
use crate::staff::audit::Deed;
use crate::staff::second_factor::{self, Secret};
use crate::staff::sessions::{self, Device};
use crate::staff::{accounts, passwords, signin};
use crate::texts::Language;
use crate::web::cookies::CookieKind;
use crate::web::site::pages::with_cookie;
use serde_json::json;

#[derive(Template)]
#[template(path = "admin/account.html")]
struct Page<'a> {
    frame: &'a Frame,
    staff: &'a Staff,
    typed: &'a Typed,
    devices: Vec<Device>,
    codes_left: i64,
    must: bool,
}

impl Page<'_> {
    fn browser(&self, device: &Device) -> String {
        device.browser.as_deref().map_or_else(|| "Unknown browser".to_owned(), |name| Language::English.browser(name))
    }
}

/// `GET /admin/account/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let typed = Typed::from(&[("name", staff.visitor.name.clone())]);
    page(&app, &staff, &request, StatusCode::OK, &typed).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let (visitor, settings, now) = (staff.visitor.clone(), app.settings.staff.clone(), app.now());
    let (devices, codes_left) = app
        .db
        .read(move |conn| {
            Ok((sessions::devices(conn, &settings, &visitor, now)?, second_factor::codes_left(conn, visitor.id)?))
        })
        .await?;
    let frame = Frame::of(app, staff, request);
    let must = staff.visitor.lacks_second_factor(&app.settings.staff);
    frame::page(status, &frame, &Page { frame: &frame, staff, typed, devices, codes_left, must })
}

/// `POST /admin/account/name/`.
pub async fn rename(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &["name"]);
    let Ok(Some(name)) = name::parse(typed.get("name")) else {
        typed.complain("name", "1 to 191 visible characters.");
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    let (id, was) = (staff.visitor.id, staff.visitor.name.clone());
    change(&app, &staff, move |conn, scribe, _| {
        accounts::rename(conn, id, &name)?;
        let deed = Deed::to("staff.rename", "staff", id).from(json!({"name": was})).with(json!({"name": name}));
        scribe.record(conn, &deed)
    })
    .await?;
    Ok(done(&app, "account/", "saved"))
}

/// `POST /admin/account/devices/`: signs out one device, or every other.
pub async fn end_devices(app: web::Data<App>, staff: Staff, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let (visitor, device) = (staff.visitor.clone(), form.get("device").map(str::to_owned));
    change(&app, &staff, move |conn, scribe, _| {
        let ended = sessions::end_devices(conn, &visitor, device.as_deref())?;
        let deed = Deed::to("staff.signout", "staff", visitor.id).with(json!({"devices": ended}));
        scribe.record(conn, &deed)
    })
    .await?;
    Ok(done(&app, "account/", "device"))
}

#[derive(Template)]
#[template(path = "admin/password.html")]
struct PasswordPage<'a> {
    frame: &'a Frame,
    typed: &'a Typed,
    shortest: u64,
}

fn shortest(app: &App, staff: &Staff) -> u64 {
    let settings = &app.settings.staff;
    if staff.visitor.has_second_factor { settings.password_chars_with_factor } else { settings.password_chars }
}

/// `GET /admin/account/password/`.
pub async fn show_password(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    password_page(&app, &staff, &request, StatusCode::OK, &Typed::default())
}

fn password_page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let frame = Frame::of(app, staff, request);
    frame::page(status, &frame, &PasswordPage { frame: &frame, typed, shortest: shortest(app, staff) })
}

/// `POST /admin/account/password/`: with the present password.
pub async fn change_password(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let field = |name: &str| form.get(name).unwrap_or_default().chars().take(300).collect::<String>();
    let mut typed = Typed::default();
    let (visitor, new) = (&staff.visitor, field("password"));
    let words = [visitor.email.as_str(), visitor.name.as_str(), app.settings.site_title.as_str()];
    if let Err(why) = passwords::check(&new, shortest(&app, &staff), &words) {
        typed.complain("password", why);
    } else if field("again") != new {
        typed.complain("again", "The two are not alike.");
    }
    if typed.is_wrong() {
        return password_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed);
    }
    let proof = signin::Proof::Password(field("present"));
    let mut unfactored = visitor.clone();
    unfactored.has_second_factor = false;
    match signin::prove_again(&app.db, &app.hashers, &app.rules, unfactored, proof, staff.place(), app.now()).await? {
        signin::Tried::In(_) => {}
        signin::Tried::TooMany(wait) => return Err(AdminError::TooMany(wait)),
        _ => {
            typed.complain("present", "That is not your password.");
            return password_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed);
        }
    }
    let hashed = app.hashers.hash(new).await?;
    let (rules, visitor, actor, now) = (app.rules.clone(), visitor.clone(), staff.actor(), app.now());
    let session =
        app.db.write(move |conn| signin::change_password(conn, &rules, &visitor, &hashed, &actor, now)).await?;
    app.mailroom.wake();
    Ok(with_cookie(done(&app, "account/", "password"), &CookieKind::Staff.give(&app.settings, &session)))
}

#[derive(Template)]
#[template(path = "admin/second_factor.html")]
struct FactorPage<'a> {
    frame: &'a Frame,
    /// What an app reads as a picture.
    picture: String,
    secret: String,
    sealed: String,
    must: bool,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "admin/recovery_codes.html")]
struct CodesPage<'a> {
    frame: &'a Frame,
    codes: Vec<String>,
}

/// `GET /admin/account/second-factor/`: a fresh secret, kept only in the form until its first code.
pub async fn show_second_factor(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    if staff.visitor.has_second_factor {
        return Ok(done(&app, "account/", "saved"));
    }
    factor_page(&app, &staff, &request, StatusCode::OK, &Secret::random(), None)
}

fn factor_page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    secret: &Secret,
    error: Option<&str>,
) -> AdminResult<HttpResponse> {
    let frame = Frame::of(app, staff, request);
    let address = secret.address(&app.settings.site_title, &staff.visitor.email);
    let picture = QrCode::new(address.as_bytes()).map_or_else(
        |_| String::new(),
        |code| {
            code.render::<svg::Color<'_>>()
                .min_dimensions(220, 220)
                .dark_color(svg::Color("#000"))
                .light_color(svg::Color("#fff"))
                .build()
        },
    );
    // The picture stands inside the page, where an XML declaration has no place.
    let picture = picture.split_once("?>").map_or(picture.clone(), |(_, rest)| rest.to_owned());
    let sealed = secret.seal_text(&app.policy.key, staff.visitor.id);
    let must = staff.visitor.lacks_second_factor(&app.settings.staff);
    frame::page(status, &frame, &FactorPage { frame: &frame, picture, secret: secret.base32(), sealed, must, error })
}

/// `POST /admin/account/second-factor/`: with a first code of the app.
pub async fn turn_on(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let visitor = staff.visitor.clone();
    if visitor.has_second_factor {
        return Err(AdminError::refused("A second factor is on already. Turn it off first."));
    }
    let Some(secret) = Secret::open_text(&app.policy.key, visitor.id, form.get("sealed").unwrap_or_default()) else {
        return Err(AdminError::NotFound);
    };
    let code: String = form.get("code").unwrap_or_default().chars().take(20).collect();
    let (rules, actor, now) = (app.rules.clone(), staff.actor(), app.now());
    let codes = app
        .db
        .write(move |conn| signin::turn_on_second_factor(conn, &rules, &visitor, &secret, &code, &actor, now))
        .await?;
    match codes {
        Some(codes) => codes_page(&app, &staff, &request, codes),
        None => {
            let error = Some("That code does not fit. Is the clock of your device right?");
            factor_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &secret, error)
        }
    }
}

fn codes_page(app: &App, staff: &Staff, request: &HttpRequest, codes: Vec<String>) -> AdminResult<HttpResponse> {
    let frame = Frame::of(app, staff, request);
    frame::page(StatusCode::OK, &frame, &CodesPage { frame: &frame, codes })
}

/// `POST /admin/account/second-factor/codes/`: ten new recovery codes.
pub async fn new_codes(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let id = staff.visitor.id;
    if !staff.visitor.has_second_factor {
        return Err(AdminError::NotFound);
    }
    let codes = change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("staff.recovery-codes", "staff", id))?;
        second_factor::new_codes(conn, scribe.key, id)
    })
    .await?;
    codes_page(&app, &staff, &request, codes)
}

/// `POST /admin/account/second-factor/off/`.
pub async fn turn_off(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    if sessions::is_needed(&app.settings.staff, staff.visitor.role) {
        return Err(AdminError::refused("Accounts with your role need a second factor."));
    }
    let (rules, visitor, actor, now) = (app.rules.clone(), staff.visitor.clone(), staff.actor(), app.now());
    app.db.write(move |conn| signin::turn_off_second_factor(conn, &rules, &visitor, &actor, now)).await?;
    app.mailroom.wake();
    Ok(done(&app, "account/", "factor-off"))
}
