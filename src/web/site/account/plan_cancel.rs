use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::plan::PATH;
use super::plan_change::page_error;
use super::{Visit, done};
use crate::app::App;
use crate::billing::offers;
use crate::ids::{MemberId, OfferId};
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::checkout::offer_text;
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

const HERE: &str = "members/account/plan/cancel/";

#[derive(Template)]
#[template(path = "site/account/plan_cancel.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    subscription: String,
    until: String,
    /// Offers that may keep them, in words.
    offers: Vec<(OfferId, String)>,
}

/// `GET /members/account/plan/cancel/`: says what ends when, offers what there is to offer, and asks.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let visit = match Visit::begin(&app, &client, &request, HERE).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let current = visit.present.billing.as_ref().and_then(|billing| billing.current().cloned());
    let Some(current) = current.filter(|one| !one.cancel_at_period_end) else {
        return Ok(pages::see_other(&visit.frame.url(PATH)));
    };
    let (one, now) = (current.clone(), app.now());
    let keeping = app.db.read(move |conn| offers::keeping(conn, &one, now)).await?;
    let frame = &visit.frame;
    let page = Page {
        subscription: current.id,
        until: frame.language.day(current.period_end),
        offers: keeping
            .iter()
            .map(|offer| (offer.id, offer.title.clone().unwrap_or_else(|| offer_text(frame, offer))))
            .collect(),
        frame,
        visit: &visit,
    };
    pages::page(StatusCode::OK, frame, &page)
}

/// The longest reason that Stripe and the protocol take.
const LONGEST_REASON: usize = 500;

/// `POST /members/account/plan/cancel/`: ends the plan with its period, or takes up an `offer` instead.
pub async fn cancel(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let member = member(&app, &client).await?;
    let subscription = form.get("subscription").unwrap_or_default();
    if let Some(offer) = form.get("offer").filter(|id| !id.is_empty()) {
        let offer = offer.parse().map_err(|_| PageError::not_found())?;
        billing.take_offer(member, subscription, offer).await.map_err(page_error)?;
        return done(&app, &client, PATH, "offer").await;
    }
    let reason: String = form.get("reason").unwrap_or_default().trim().chars().take(LONGEST_REASON).collect();
    let reason = Some(reason).filter(|reason| !reason.is_empty());
    billing.cancel(member, subscription, reason.as_deref(), false).await.map_err(page_error)?;
    app.mailroom.wake();
    done(&app, &client, PATH, "cancelled").await
}

/// `POST /members/account/plan/resume/`: the plan goes on after all.
pub async fn resume(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let member = member(&app, &client).await?;
    let subscription = form.get("subscription").unwrap_or_default();
    billing.resume(member, subscription).await.map_err(page_error)?;
    app.mailroom.wake();
    done(&app, &client, PATH, "plan-resumed").await
}

async fn member(app: &App, client: &Client) -> PageResult<MemberId> {
    let (_, present) = Frame::of(app, client).await?;
    Ok(super::in_person(present)?.id)
}
