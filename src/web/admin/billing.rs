//! Money: who owes, what was paid, what Stripe told, and how well here and there agree.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, done};
use super::gate::Staff;
use super::{change, query};
use crate::app::App;
use crate::billing::inbox::{self, Told};
use crate::billing::owing::{self, Owing};
use crate::billing::payments::{self, PaymentOf};
use crate::billing::reconcile::{self, Drifted};
use crate::billing::stripe;
use crate::billing::webhook_secrets::Registered;
use crate::clock::Timestamp;
use crate::findings::Finding;
use crate::staff::audit::Deed;
use crate::staff::roles::Right;

#[derive(Template)]
#[template(path = "admin/billing/overview.html")]
struct Page<'a> {
    frame: &'a Frame,
    has_stripe: bool,
    is_live: bool,
    masked_key: String,
    has_webhook: bool,
    webhook_url: String,
    version: &'static str,
    owing: Vec<Owing>,
    compared: Option<(Timestamp, i64, i64)>,
    drifted: Vec<Drifted>,
    inbox: inbox::Depth,
    payments: Vec<PaymentOf>,
    may_help: bool,
    may_set: bool,
}

/// `GET /admin/billing/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let key = app.policy.key.clone();
    let (owing, compared, drifted, depth, payments, kept_secrets) = app
        .db
        .read(move |conn| {
            Ok((
                owing::all(conn, 100)?,
                reconcile::last(conn)?,
                reconcile::drifted(conn)?,
                inbox::depth(conn)?,
                payments::before(conn, None, 10)?,
                crate::billing::webhook_secrets::kept(conn, &key)?.len(),
            ))
        })
        .await?;
    let frame = Frame::of(&app, &staff, &request);
    let settings = app.settings.stripe.as_ref();
    let page = Page {
        frame: &frame,
        has_stripe: app.billing.is_some(),
        is_live: settings.is_some_and(crate::config::StripeSettings::is_live),
        masked_key: settings.map(crate::config::StripeSettings::masked_key).unwrap_or_default(),
        has_webhook: settings.is_some_and(|stripe| !stripe.webhook_secrets.is_empty()) || kept_secrets > 0,
        webhook_url: app.settings.link("members/webhooks/stripe/").to_string(),
        version: stripe::api_version(),
        owing,
        compared,
        drifted,
        inbox: depth,
        payments,
        may_help: staff.may(Right::Help),
        may_set: staff.may(Right::Settings),
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// Rows of a page.
const PAGE: i64 = 50;

/// Cuts a page to its size; returns whether there is more.
fn cut<T>(rows: &mut Vec<T>) -> bool {
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    has_more
}

#[derive(Template)]
#[template(path = "admin/billing/payments.html")]
struct PaymentsPage<'a> {
    frame: &'a Frame,
    payments: Vec<PaymentOf>,
    next: Option<String>,
}

/// `GET /admin/billing/payments/`.
pub async fn show_payments(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let place = query.get("before").and_then(|place| place.split_once('.'));
    let place =
        place.and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), id.chars().take(100).collect())));
    let mut rows = app.db.read(move |conn| payments::before(conn, place, PAGE + 1)).await?;
    let has_more = cut(&mut rows);
    let next = rows.last().filter(|_| has_more).map(|(one, _)| format!("{}.{}", one.paid_at.millis(), one.id));
    let frame = Frame::of(&app, &staff, &request);
    frame::page(StatusCode::OK, &frame, &PaymentsPage { frame: &frame, payments: rows, next })
}

#[derive(Template)]
#[template(path = "admin/billing/events.html")]
struct EventsPage<'a> {
    frame: &'a Frame,
    events: Vec<Told>,
    states: [&'static str; 4],
    state: &'static str,
    next: Option<String>,
    may_help: bool,
}

const STATES: [&str; 4] = ["waiting", "parked", "done", "passed"];

/// `GET /admin/billing/events/`: what Stripe told, and what came of it.
pub async fn show_events(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let state = STATES.into_iter().find(|state| query.get("state") == Some(state)).unwrap_or("");
    let place = query.get("before").and_then(|place| place.split_once('.'));
    let place =
        place.and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), id.chars().take(100).collect())));
    let mut events = app.db.read(move |conn| inbox::told(conn, state, place, PAGE + 1)).await?;
    let has_more = cut(&mut events);
    let next = events.last().filter(|_| has_more).map(|one| format!("{}.{}", one.received_at.millis(), one.id));
    let frame = Frame::of(&app, &staff, &request);
    let page = EventsPage { frame: &frame, events, states: STATES, state, next, may_help: staff.may(Right::Help) };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/billing/events/{id}/replay/`: works an event off once more. Doing so twice does no harm:
/// an event only says what to look at.
pub async fn replay(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = path.into_inner();
    let Some(billing) = &app.billing else { return Err(AdminError::refused("Stripe is not set up.")) };
    change(&app, &staff, move |conn, scribe, now| {
        if inbox::replay(conn, &id, now)? {
            scribe.record(conn, &Deed::to("billing.replay", "event", &id))?;
        }
        Ok(())
    })
    .await?;
    billing.wake();
    Ok(done(&app, "billing/events/", "tried-again"))
}

/// `POST /admin/billing/events/retry/`: all that were parked.
pub async fn retry(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    let Some(billing) = &app.billing else { return Err(AdminError::refused("Stripe is not set up.")) };
    change(&app, &staff, move |conn, scribe, now| {
        let count = inbox::retry_parked(conn, now)?;
        scribe.record(conn, &Deed::to("billing.retry", "events", "").with(json!({"events": count})))
    })
    .await?;
    billing.wake();
    Ok(done(&app, "billing/events/", "tried-again"))
}

/// `POST /admin/billing/webhook/`: sets the endpoint up at Stripe.
pub async fn set_up_webhook(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    let Some(billing) = &app.billing else { return Err(AdminError::refused("Stripe is not set up.")) };
    let registered = billing.register_webhook().await?;
    let (what, id) = match registered {
        Registered::Made(id) => ("made", id),
        Registered::Updated(id) => ("updated", id),
        Registered::Replaced(id) => ("replaced", id),
    };
    change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("billing.webhook", "endpoint", id).with(json!({"endpoint": what})))
    })
    .await?;
    Ok(done(&app, "billing/", "saved"))
}

#[derive(Template)]
#[template(path = "admin/billing/test.html")]
struct TestPage<'a> {
    frame: &'a Frame,
    findings: Vec<Finding>,
}

/// `POST /admin/billing/test/`: asks Stripe whether key, webhook and clock are right.
pub async fn test(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let Some(billing) = &app.billing else { return Err(AdminError::refused("Stripe is not set up.")) };
    let findings = crate::billing::check::check(billing).await;
    let frame = Frame::of(&app, &staff, &request);
    frame::page(StatusCode::OK, &frame, &TestPage { frame: &frame, findings })
}
