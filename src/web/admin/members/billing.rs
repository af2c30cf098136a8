//! What one member pays: free access, another plan, an end, money back, and what Stripe says.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::{known, page_of};
use crate::app::App;
use crate::billing::beside::Beside;
use crate::billing::changes::{ChangeError, Preview};
use crate::billing::money;
use crate::billing::prices::Cadence;
use crate::billing::{Billing, comps, payments, tiers};
use crate::clock::Timestamp;
use crate::ids::TierId;
use crate::members::listing::Day;
use crate::staff::audit::Deed;
use crate::staff::once::{self, is_repeated};
use crate::web::admin::error::{AdminError, AdminResult};
use crate::web::admin::frame::{self, Frame, done};
use crate::web::admin::gate::Staff;
use crate::web::admin::{Posted, change, query};
use crate::web::body::Form;

fn stripe(app: &App) -> AdminResult<&Billing> {
    app.billing.as_ref().ok_or_else(|| AdminError::refused("Stripe is not set up; see Settings."))
}

/// `POST /admin/members/{id}/comp/`: lets them read free of charge, until the end of a day or for ever;
/// with `end`, takes it back.
pub async fn comp(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let policy = app.policy.clone();
    if form.get("end").is_some() {
        change(&app, &staff, move |conn, scribe, now| {
            comps::take_back(conn, &policy, id, now)?;
            scribe.record(conn, &Deed::to("member.comp-end", "member", id))
        })
        .await?;
        return Ok(done(&app, &page_of(id), "comp-off"));
    }
    let tier: TierId =
        form.get("tier").and_then(|tier| tier.parse().ok()).ok_or_else(|| AdminError::refused("Choose a tier."))?;
    let until = match form.get("until").map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(
            Day::parse(text)
                .map(Day::end)
                .ok_or_else(|| AdminError::refused(format!("“{text}” is no day; write it as 2027-12-31.")))?,
        ),
    };
    if until.is_some_and(|until| until <= app.now()) {
        return Err(AdminError::refused("That day is over already."));
    }
    let once = form.get("once").unwrap_or_default().to_owned();
    change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(true);
        }
        if tiers::find(conn, tier)?.is_none() {
            return Ok(false);
        }
        comps::give(conn, &policy, id, tier, until, None, now)?;
        let after = json!({"tier": tier.to_string(), "until": until.map(Timestamp::iso8601)});
        scribe.record(conn, &Deed::to("member.comp", "member", id).with(after))?;
        Ok(true)
    })
    .await?
    .then_some(())
    .ok_or(AdminError::NotFound)?;
    Ok(done(&app, &page_of(id), "comp"))
}

#[derive(Template)]
#[template(path = "admin/members/plan.html")]
struct PlanPage<'a> {
    frame: &'a Frame,
    member: String,
    email: String,
    subscription: String,
    plan: String,
    preview: Preview,
}

/// What is to become of which subscription: `subscription` and `plan` (`TIER/month`).
fn wanted(form: &Form) -> AdminResult<(String, TierId, Cadence)> {
    let plan = form.get("plan").and_then(|plan| plan.split_once('/'));
    let (tier, cadence) = plan.ok_or_else(|| AdminError::refused("Choose a plan."))?;
    let tier = tier.parse().map_err(|_| AdminError::NotFound)?;
    let cadence = Cadence::parse(cadence).ok_or(AdminError::NotFound)?;
    Ok((form.get("subscription").unwrap_or_default().to_owned(), tier, cadence))
}

/// `GET /admin/members/{id}/plan/`: what another plan would cost. Changes nothing.
pub async fn preview(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let query = query(&request);
    let (subscription, tier, cadence) = wanted(&query)?;
    let preview = stripe(&app)?.preview_plan(id, &subscription, tier, cadence).await?;
    let email = app.db.read(move |conn| crate::members::email_of(conn, id)).await?;
    let frame = Frame::of(&app, &staff, &request);
    let plan = format!("{tier}/{cadence}");
    let page = PlanPage { frame: &frame, member: id.to_string(), email, subscription, plan, preview };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/members/{id}/plan/`: does what the page showed.
pub async fn change_plan(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let (subscription, tier, cadence) = wanted(&form)?;
    let at = form.get("at").and_then(|at| at.parse().ok()).map(Timestamp::from_millis);
    stripe(&app)?.change_plan(id, &subscription, tier, cadence, at).await?;
    app.mailroom.wake();
    let after = json!({"subscription": subscription, "tier": tier.to_string(), "every": cadence.as_str()});
    change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("member.plan", "member", id).with(after))
    })
    .await?;
    Ok(done(&app, &page_of(id), "plan"))
}

/// `POST /admin/members/{id}/cancel/`: with its period, or now.
pub async fn cancel(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let subscription = form.get("subscription").unwrap_or_default().to_owned();
    let when = form.get("when").unwrap_or("period");
    let (what, note) = match when {
        "now" => {
            stripe(&app)?.cancel_now(id, &subscription).await?;
            ("now", "cancelled")
        }
        "resume" => {
            stripe(&app)?.resume(id, &subscription).await?;
            ("resume", "resumed")
        }
        _ => {
            stripe(&app)?.cancel(id, &subscription, Some("Cancelled by staff"), false).await?;
            ("with its period", "cancelled")
        }
    };
    app.mailroom.wake();
    let after = json!({"subscription": subscription, "when": what});
    change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("member.cancel", "member", id).with(after))
    })
    .await?;
    Ok(done(&app, &page_of(id), note))
}

/// `POST /admin/members/{id}/refund/`: the rest of a payment, or part of it.
pub async fn refund(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let charge = form.get("payment").unwrap_or_default().to_owned();
    let asked = charge.clone();
    let payment = app.db.read(move |conn| payments::of_member(conn, id, &asked)).await?.ok_or(AdminError::NotFound)?;
    let amount = match form.get("amount").map(str::trim).filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(money::parse(text, &payment.currency).ok_or_else(|| {
            AdminError::refused(format!(
                "“{text}” is no amount of {}; write it as {}.",
                payment.currency.to_uppercase(),
                payment.left().plain()
            ))
        })?),
    };
    let once: String =
        form.get("once").unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let asked = once.clone();
    let was_done = app.db.read(move |conn| once::was_done(conn, &asked)).await?;
    let given = match stripe(&app)?.refund(id, &charge, amount, &once).await {
        // Sent twice: Stripe did it once, and this is that answer's second telling.
        Err(ChangeError::NotSoMuch(_)) if was_done => return Ok(done(&app, &page_of(id), "refunded")),
        other => other?,
    };
    let after = json!({"payment": charge, "amount": given.to_string()});
    change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(());
        }
        scribe.record(conn, &Deed::to("member.refund", "member", id).with(after))
    })
    .await?;
    Ok(done(&app, &page_of(id), "refunded"))
}

#[derive(Template)]
#[template(path = "admin/members/stripe.html")]
struct StripePage<'a> {
    frame: &'a Frame,
    member: String,
    email: String,
    beside: Beside,
}

/// `GET /admin/members/{id}/stripe/`: what Stripe says now, beside what stands here. Changes nothing.
pub async fn compare(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let email = app.db.read(move |conn| crate::members::email_of(conn, id)).await?;
    let beside = stripe(&app)?.beside(id).await?;
    let frame = Frame::of(&app, &staff, &request);
    frame::page(StatusCode::OK, &frame, &StripePage { frame: &frame, member: id.to_string(), email, beside })
}

/// `POST /admin/members/{id}/resync/`: reads everything from Stripe again.
pub async fn resync(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let changed = stripe(&app)?.resync(id).await?;
    app.mailroom.wake();
    change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("member.resync", "member", id).with(json!({"changed": changed})))
    })
    .await?;
    Ok(done(&app, &page_of(id), "read"))
}
