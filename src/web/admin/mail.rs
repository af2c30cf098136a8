//! Mails: what waits and why, addresses that none goes to, a test, and what the world must know of the
//! sender.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::members::words;
use super::{Posted, change, id_of, query};
use crate::app::App;
use crate::ids::OutboxId;
use crate::mail::outbox::{self, Depth, Shown};
use crate::mail::suppression::{self, Held};
use crate::members::address::EmailAddress;
use crate::site_facts;
use crate::staff::accounts;
use crate::staff::audit::Deed;
use crate::staff::notices::{self, Notice};
use crate::staff::roles::Right;

/// Rows of a page.
const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "admin/mail/outbox.html")]
struct Page<'a> {
    frame: &'a Frame,
    mails: Vec<Shown>,
    states: [&'static str; 7],
    state: &'static str,
    next: Option<String>,
    depth: Depth,
    paused: bool,
    has_server: bool,
    trouble: Option<String>,
    may_set: bool,
    may_help: bool,
}

impl Page<'_> {
    fn kind(&self, mail: &Shown) -> &'static str {
        words::mail_kind(&mail.kind)
    }
}

const STATES: [&str; 7] = ["waiting", "sending", "accepted", "refused", "parked", "expired", "withheld"];

/// `GET /admin/mail/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let state = STATES.into_iter().find(|state| query.get("state") == Some(state)).unwrap_or("");
    let before = query.get("before").and_then(|id| id.parse().ok());
    let (mut mails, depth, paused) = app
        .db
        .read(move |conn| {
            Ok((
                outbox::shown(conn, state, before, PAGE + 1)?,
                outbox::depth(conn)?,
                site_facts::sending_is_paused(conn)?,
            ))
        })
        .await?;
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let has_more = mails.len() > most;
    mails.truncate(most);
    let frame = Frame::of(&app, &staff, &request);
    let trouble = app.mailroom.health().trouble.map(|(since, why)| format!("since {}: {why}", frame.moment(&since)));
    let page = Page {
        next: mails.last().filter(|_| has_more).map(|mail| mail.id.to_string()),
        mails,
        states: STATES,
        state,
        depth,
        paused,
        has_server: app.settings.smtp.is_some(),
        trouble,
        may_set: staff.may(Right::Settings),
        may_help: staff.may(Right::Help),
        frame: &frame,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/mail/{id}/retry/`: a mail that was given up.
pub async fn retry(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id: OutboxId = id_of(&path)?;
    let tried = change(&app, &staff, move |conn, scribe, now| {
        let tried = outbox::retry(conn, id, now)?;
        if tried {
            scribe.record(conn, &Deed::to("mail.retry", "mail", id))?;
        }
        Ok(tried)
    })
    .await?;
    app.mailroom.wake();
    if tried {
        Ok(done(&app, "mail/", "tried-again"))
    } else {
        Err(AdminError::refused("It cannot be tried again: it went out, or what it is about is over."))
    }
}

/// `POST /admin/mail/test/`: a mail to whoever presses the button.
pub async fn test(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    if app.settings.smtp.is_none() {
        return Err(AdminError::refused("No mail server is set."));
    }
    let id = staff.visitor.id;
    change(&app, &staff, move |conn, scribe, now| {
        if let Some(account) = accounts::find(conn, id)? {
            notices::tell(conn, &account, &Notice::Test, now)?;
            scribe.record(conn, &Deed::to("mail.test", "staff", id))?;
        }
        Ok(())
    })
    .await?;
    app.mailroom.wake();
    Ok(done(&app, "mail/", "test-sent"))
}

/// `POST /admin/mail/pause/`: with `resume`, lets mails go again.
pub async fn pause(app: web::Data<App>, staff: Staff, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let paused = form.get("resume").is_none();
    change(&app, &staff, move |conn, scribe, _| {
        site_facts::pause_sending(conn, paused)?;
        scribe.record(conn, &Deed::to("mail.pause", "mail", "").with(json!({"paused": paused})))
    })
    .await?;
    app.mailroom.wake();
    Ok(done(&app, "mail/", "saved"))
}

#[derive(Template)]
#[template(path = "admin/mail/suppression.html")]
struct HeldPage<'a> {
    frame: &'a Frame,
    held: Vec<Held>,
    next: Option<String>,
    search: String,
    typed: &'a Typed,
    may_help: bool,
}

impl HeldPage<'_> {
    fn reason(&self, held: &Held) -> &'static str {
        match held.reason.as_str() {
            "bounce" => "the mailbox does not exist",
            "complaint" => "the reader complained of spam",
            "staff" => "staff hold them back",
            _ => "held back",
        }
    }
}

/// `GET /admin/mail/suppression/`.
pub async fn show_held(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    held_page(&app, &staff, &request, StatusCode::OK, &Typed::default()).await
}

async fn held_page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let query = query(request);
    let text = |name: &str| query.get(name).unwrap_or_default().trim().chars().take(320).collect::<String>();
    let (search, after) = (text("q"), text("after"));
    let prefix = search.to_lowercase();
    let mut held = app.db.read(move |conn| suppression::page(conn, &prefix, &after, PAGE + 1)).await?;
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let has_more = held.len() > most;
    held.truncate(most);
    let frame = Frame::of(app, staff, request);
    let next = held.last().filter(|_| has_more).map(|last| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &search).append_pair("after", &last.email_key);
        query.finish()
    });
    let may_help = staff.may(Right::Help);
    frame::page(status, &frame, &HeldPage { frame: &frame, held, next, search, typed, may_help })
}

/// `POST /admin/mail/suppression/lift/`: a complaint is lifted by its reader only.
pub async fn lift(app: web::Data<App>, staff: Staff, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let key = form.get("address").unwrap_or_default().to_owned();
    let lifted = change(&app, &staff, move |conn, scribe, _| {
        let lifted = suppression::lift_by_staff(conn, &key)?;
        if lifted {
            scribe.record(conn, &Deed::to("mail.lift", "address", ""))?;
        }
        Ok(lifted)
    })
    .await?;
    if lifted {
        Ok(done(&app, "mail/suppression/", "lifted"))
    } else {
        Err(AdminError::refused("Whoever complained of spam lifts that themselves, on their account page."))
    }
}

/// `POST /admin/mail/suppression/add/`.
pub async fn hold(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &["address", "why"]);
    let Ok(email) = EmailAddress::parse(typed.get("address")) else {
        typed.complain("address", "That is no e-mail address.");
        return held_page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    let why: String = typed.get("why").trim().chars().take(500).collect();
    change(&app, &staff, move |conn, scribe, now| {
        suppression::hold_by_staff(conn, &email, &why, now)?;
        scribe.record(conn, &Deed::to("mail.hold", "address", ""))
    })
    .await?;
    Ok(done(&app, "mail/suppression/", "added"))
}
