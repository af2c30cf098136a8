use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::plan::PATH;
use super::{Visit, done};
use crate::app::App;
use crate::billing::changes::{ChangeError, Preview};
use crate::billing::prices::Cadence;
use crate::clock::Timestamp;
use crate::ids::TierId;
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::checkout::price_text;
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const HERE: &str = "members/account/plan/change/";

#[derive(Template)]
#[template(path = "site/account/plan_change.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    subscription: String,
    tier: String,
    preview: Preview,
    now: String,
    then: String,
    error: Option<String>,
}

/// What is to become of which subscription.
struct Wanted {
    subscription: String,
    tier: TierId,
    cadence: Cadence,
}

fn wanted(form: &Form) -> PageResult<Wanted> {
    let plan = form.get("plan").and_then(|plan| plan.split_once('/'));
    let (tier, cadence) = plan.ok_or(PageError::not_found())?;
    Ok(Wanted {
        subscription: form.get("subscription").unwrap_or_default().to_owned(),
        tier: tier.parse().map_err(|_| PageError::not_found())?,
        cadence: Cadence::parse(cadence).ok_or(PageError::not_found())?,
    })
}

/// `GET /members/account/plan/change/?subscription=…&plan=TIER/month`: what will be charged now and
/// later. Changes nothing.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let wanted = wanted(&Form::parse(request.query_string().as_bytes()))?;
    page(&app, &client, &request, &wanted, StatusCode::OK, None).await
}

async fn page(
    app: &App,
    client: &Client,
    request: &HttpRequest,
    wanted: &Wanted,
    status: StatusCode,
    error: Option<&str>,
) -> PageResult<HttpResponse> {
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let visit = match Visit::begin(app, client, request, HERE).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let preview = billing.preview_plan(visit.present.id, &wanted.subscription, wanted.tier, wanted.cadence).await;
    let preview = preview.map_err(page_error)?;
    let frame = &visit.frame;
    let page = Page {
        subscription: wanted.subscription.clone(),
        tier: wanted.tier.to_string(),
        now: frame.language.money(&preview.now),
        then: price_text(frame.language, &preview.then, wanted.cadence),
        error: error.map(|key| frame.t(key)),
        preview,
        frame,
        visit: &visit,
    };
    pages::page(status, frame, &page)
}

/// `POST /members/account/plan/change/`: does what the page showed.
pub async fn change(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let wanted = wanted(&form)?;
    let (_, present) = Frame::of(&app, &client).await?;
    let member = super::in_person(present)?.id;
    let at = form.get("at").and_then(|at| at.parse().ok()).map(Timestamp::from_millis);
    match billing.change_plan(member, &wanted.subscription, wanted.tier, wanted.cadence, at).await {
        Ok(()) => {
            app.mailroom.wake();
            done(&app, &client, PATH, "plan").await
        }
        Err(ChangeError::CardDeclined) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(&app, &client, &request, &wanted, status, Some("plan-declined")).await
        }
        Err(error) => Err(page_error(error)),
    }
}

/// What a change that was not made looks like. Only what the page itself offers can be asked for, so
/// that whatever does not fit is as good as not there.
pub fn page_error(error: ChangeError) -> PageError {
    match error {
        ChangeError::Failed(error) => error.into(),
        _ => PageError::not_found(),
    }
}
