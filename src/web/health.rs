//! For the operator's machines: alive, ready, measured.

use std::time::Duration;

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::{App as ActixApp, Error, HttpResponse, web};
use serde::Serialize;
use tokio::time::timeout;

use crate::app::App;
use crate::billing::inbox;
use crate::db::DbResult;
use crate::mail::outbox::{self, Depth};
use crate::site_facts;

/// `GET /healthz`: the process answers.
pub async fn liveness() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    database: &'static str,
    mail: &'static str,
    /// What works less well than it should, in words.
    degraded: Vec<String>,
    outbox_waiting: u64,
    outbox_parked: u64,
    /// `off`, `ok` or `late`: whether what Stripe tells is worked off.
    billing: &'static str,
}

/// Events of Stripe that may wait before it is said.
const MOST_WAITING: i64 = 1_000;

/// How long a commit may take before the node counts as not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// `GET /readyz`: a commit works. Mail that cannot go out is told, but keeps nobody from signing up.
pub async fn readiness(app: web::Data<App>) -> HttpResponse {
    let checked = timeout(PATIENCE, check_database(&app)).await;
    let mut degraded = Vec::new();
    let (database, depth, paused, inbox) = match checked {
        Ok(Ok((depth, paused, inbox))) => ("ok", depth, paused, inbox),
        Ok(Err(_)) => ("failing", Depth::default(), false, inbox::Depth::default()),
        Err(_) => ("too slow", Depth::default(), false, inbox::Depth::default()),
    };
    let health = app.mailroom.health();
    let mail = if app.settings.smtp.is_none() {
        degraded.push("no mail server is set (READERSHIP_SMTP_URL): mails wait".to_owned());
        "none"
    } else if paused {
        degraded.push("sending is paused; `readership sending resume` starts it".to_owned());
        "paused"
    } else if let Some((since, reason)) = &health.trouble
        // Another node may have sent what this one could not.
        && depth.open > 0
    {
        degraded.push(format!("the mail server cannot be used since {}: {reason}", since.iso8601()));
        "failing"
    } else {
        "ok"
    };
    if let Some(oldest) = depth.oldest
        && app.now().since(oldest) > Duration::from_secs(300)
    {
        degraded.push(format!("a mail has been waiting since {}", oldest.iso8601()));
    }
    let billing = match (&app.billing, &inbox) {
        (None, _) => "off",
        (Some(_), inbox) if inbox.parked > 0 || inbox.waiting > MOST_WAITING => {
            degraded.push(format!(
                "{} events of Stripe wait, {} could not be worked off; `readership doctor stripe` looks at it",
                inbox.waiting, inbox.parked
            ));
            "late"
        }
        _ => "ok",
    };
    let ready = database == "ok" && !app.is_stopping();
    let readiness =
        Readiness { ready, database, mail, degraded, outbox_waiting: depth.open, outbox_parked: depth.parked, billing };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(readiness)
}

/// Writes for real: a database that only reads is not ready.
async fn check_database(app: &App) -> DbResult<(Depth, bool, inbox::Depth)> {
    let now = app.now();
    let paused = app
        .db
        .write(move |conn| {
            site_facts::prove_writable(conn, now)?;
            site_facts::sending_is_paused(conn)
        })
        .await?;
    let inbox = if app.billing.is_some() { app.db.read(inbox::depth).await? } else { inbox::Depth::default() };
    Ok((app.db.read(outbox::depth).await?, paused, inbox))
}

/// `/metrics`, on a listener of its own.
pub fn metrics_app(
    app: App,
) -> ActixApp<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>>
{
    ActixApp::new().app_data(web::Data::new(app)).route("/metrics", web::get().to(scrape))
}

async fn scrape(app: web::Data<App>) -> HttpResponse {
    if let Ok(depth) = app.db.read(outbox::depth).await {
        metrics::gauge!("readership_outbox_open").set(depth.open as f64);
        metrics::gauge!("readership_outbox_parked").set(depth.parked as f64);
        let age = depth.oldest.map_or(0.0, |oldest| app.now().since(oldest).as_secs_f64());
        metrics::gauge!("readership_outbox_oldest_seconds").set(age);
    }
    if app.billing.is_some()
        && let Ok(depth) = app.db.read(inbox::depth).await
    {
        metrics::gauge!("readership_stripe_events_waiting").set(depth.waiting as f64);
        metrics::gauge!("readership_stripe_events_parked").set(depth.parked as f64);
    }
    metrics::gauge!("readership_db_waiting_writes").set(app.db.waiting_writes() as f64);
    let text = app.metrics.as_ref().map(metrics_exporter_prometheus::PrometheusHandle::render).unwrap_or_default();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
