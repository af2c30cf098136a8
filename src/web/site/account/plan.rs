use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::Visit;
use crate::app::App;
use crate::billing::access::Status;
use crate::billing::money::Money;
use crate::billing::prices::Cadence;
use crate::billing::stripe::objects::Invoice;
use crate::billing::subscriptions::PaidSubscription;
use crate::clock::Timestamp;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::checkout::price_text;
use crate::web::site::forms::read_own;
use crate::web::site::pages::{self, Frame};

pub const PATH: &str = "members/account/plan/";

#[derive(Template)]
#[template(path = "site/account/plan.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    current: Option<Current>,
    /// What staff gave, and until when, in words.
    comped: Option<String>,
    invoices: Option<Vec<Bill>>,
    /// Everything that one may change to.
    others: Vec<Other>,
}

/// The subscription, in words.
struct Current {
    id: String,
    tier: String,
    price: String,
    /// What happens next, and when.
    next: String,
    owed: Option<String>,
    card: Option<String>,
    ends: bool,
}

struct Bill {
    number: String,
    day: String,
    amount: String,
    url: Option<String>,
}

struct Other {
    tier: String,
    name: String,
    cadence: Cadence,
    price: String,
}

/// `GET /members/account/plan/`: what one pays, and everything that can be done about it.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let visit = match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => visit,
        Err(elsewhere) => return Ok(elsewhere),
    };
    if !visit.has_plans {
        return Err(PageError::billing_off());
    }
    let frame = &visit.frame;
    let standing = visit.present.billing.clone();
    let access = visit.present.access(app.policy.grace, app.now());
    let current = standing.as_ref().and_then(|standing| standing.current());
    let comped = match (access.status(), access.deciding()) {
        (Status::Comped, Some(verdict)) if current.is_none() => {
            let tier =
                standing.as_ref().and_then(|standing| standing.tier(verdict.tier?)).map(|tier| tier.name.clone());
            let tier = tier.unwrap_or_default();
            Some(match verdict.until.map(|until| frame.language.day(until)) {
                Some(day) => {
                    frame.language.fill("plan-comped-until", &[("tier", (&tier).into()), ("day", (&day).into())])
                }
                None => frame.with("plan-comped", "tier", &tier),
            })
        }
        _ => None,
    };
    // Where Stripe is away the rest of the page still stands.
    let invoices = match (&app.billing, current) {
        (Some(billing), Some(current)) => billing.invoices(&current.customer_id).await.ok(),
        _ => Some(Vec::new()),
    };
    let others = match (current, &standing) {
        (Some(current), Some(standing)) => others(frame, current, &standing.tiers),
        _ => Vec::new(),
    };
    let tier_name = |one: &PaidSubscription| {
        let tier = one.tier_id.and_then(|id| standing.as_ref()?.tier(id));
        tier.map_or_else(|| frame.site_title.clone(), |tier| tier.name.clone())
    };
    let page = Page {
        current: current.map(|one| in_words(frame, one, tier_name(one), app.policy.grace)),
        comped,
        invoices: invoices.map(|all| all.iter().filter_map(|invoice| bill(frame, invoice)).collect()),
        others,
        frame,
        visit: &visit,
    };
    pages::page(StatusCode::OK, frame, &page)
}

fn others(frame: &Frame, current: &PaidSubscription, tiers: &[crate::billing::tiers::Tier]) -> Vec<Other> {
    let mut others = Vec::new();
    for tier in tiers.iter().filter(|tier| tier.is_active && tier.is_public) {
        for cadence in Cadence::ALL {
            let is_current = Some(tier.id) == current.tier_id && cadence.as_str() == current.cadence;
            if let (Some(amount), Some(currency)) = (tier.amount(cadence), tier.currency.as_deref())
                && !is_current
                && currency == current.currency
            {
                let price = price_text(frame.language, &Money::new(amount, currency), cadence);
                others.push(Other { tier: tier.id.to_string(), name: tier.name.clone(), cadence, price });
            }
        }
    }
    others
}

fn in_words(frame: &Frame, one: &PaidSubscription, tier: String, grace: std::time::Duration) -> Current {
    let cadence = Cadence::parse(&one.cadence).unwrap_or(Cadence::Month);
    let end = frame.language.day(one.period_end);
    let amount = frame.language.money(&one.next_payment());
    let values = [("day", (&end).into()), ("amount", (&amount).into())];
    let next = match one.status.as_str() {
        _ if one.cancel_at_period_end => frame.language.fill("plan-ends", &values),
        "trialing" => frame.language.fill("plan-trial", &values),
        "past_due" | "unpaid" => {
            let until = frame.language.day(one.past_due_since.unwrap_or(one.period_end).plus(grace));
            frame.with("plan-past-due", "day", &until)
        }
        _ => frame.language.fill("plan-renews", &values),
    };
    Current {
        id: one.id.clone(),
        tier,
        price: price_text(frame.language, &one.price(), cadence),
        next,
        owed: one
            .owed_invoice()
            .and(one.invoice_due_minor)
            .map(|due| frame.language.money(&Money::new(due, &one.currency))),
        card: one.card_last4.clone(),
        ends: one.cancel_at_period_end,
    }
}

fn bill(frame: &Frame, invoice: &Invoice) -> Option<Bill> {
    // A draft is not a bill yet.
    invoice.id.as_ref().filter(|_| invoice.status.as_deref() != Some("draft"))?;
    Some(Bill {
        number: invoice.number.clone().unwrap_or_default(),
        day: frame.language.day(Timestamp::from(invoice.created)),
        amount: frame.language.money(&Money::new(invoice.total, &invoice.currency)),
        url: invoice.hosted_invoice_url.clone(),
    })
}

/// `POST /members/account/plan/portal/`: to Stripe's billing portal.
pub async fn portal(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let (_, present) = Frame::of(&app, &client).await?;
    let present = super::in_person(present)?;
    let back = app.settings.link(PATH);
    match billing.open_portal(present.id, None, back.as_str()).await? {
        Some(url) => Ok(pages::see_other(&url)),
        None => Err(PageError::not_found()),
    }
}
