//! Pages on which somebody types a card: Checkout and the billing portal; and one that moves the
//! clock. All of it works without a script.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web;
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::invoices::text;
use super::orders::Wishes;
use super::sessions::{self, Typed, Unfinished};
use super::{StandIn, customers, subscriptions};

pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/c/pay/{id}", web::get().to(checkout))
        .route("/c/pay/{id}", web::post().to(pay))
        .route("/p/session/{id}", web::get().to(portal))
        .route("/p/session/{id}", web::post().to(portal_act))
        .route("/invoices/{id}", web::get().to(invoice))
        .route("/invoices/{id}/pdf", web::get().to(invoice))
        .route("/receipts/{id}", web::get().to(receipt))
        .route("/v3/", web::get().to(script))
        .route("/", web::get().to(overview))
        .route("/clock", web::post().to(move_clock))
        .route("/orders", web::get().to(orders))
        .route("/orders", web::put().to(give_orders));
}

fn html(page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn to(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// `500 USD` of minor units, plainly: this page is not the product's.
fn money(minor: i64, currency: &str) -> String {
    let code = currency.to_uppercase();
    if ["JPY", "KRW", "VND", "CLP"].contains(&code.as_str()) {
        return format!("{minor} {code}");
    }
    format!("{}.{:02} {code}", minor / 100, minor % 100)
}

#[derive(Template)]
#[template(path = "sandbox/checkout.html")]
struct CheckoutPage {
    title: &'static str,
    what: String,
    price: String,
    email: Option<String>,
    asks_email: bool,
    asks_amount: bool,
    suggested: i64,
    has_message: bool,
    card: String,
    error: Option<String>,
    asks_bank: bool,
    back: String,
    button: &'static str,
}

#[derive(Default, Deserialize)]
struct CardForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    card: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    bank: String,
}

fn checkout_page(
    stand_in: &StandIn,
    id: &str,
    typed: &CardForm,
    error: Option<String>,
    asks_bank: bool,
) -> HttpResponse {
    let state = stand_in.lock();
    let Ok(session) = state.get("checkout.session", id) else {
        return HttpResponse::NotFound().body("No such session.");
    };
    if session["status"] != "open" {
        return HttpResponse::Gone().content_type("text/plain").body("This page has ended. Go back to the site.");
    }
    let hidden = &session["sandbox"];
    let price = hidden["price"].as_str().and_then(|id| state.find(id)).cloned().unwrap_or(Value::Null);
    let product =
        price["product"].as_str().and_then(|id| state.find(id)).map_or(String::new(), |one| text(&one["name"]));
    let mode = text(&session["mode"]);
    let (title, button) = match mode.as_str() {
        "setup" => ("Save a card", "Save card"),
        "payment" => ("Support", "Pay"),
        _ => ("Subscribe", "Subscribe"),
    };
    let amount = price["unit_amount"].as_i64();
    let mut shown = amount.map(|amount| money(amount, &text(&price["currency"]))).unwrap_or_default();
    if let Some(interval) = price["recurring"]["interval"].as_str() {
        shown = format!("{shown} a {interval}");
    }
    if let Some(days) = hidden["trial_days"].as_i64() {
        shown = format!("{days} days free, then {shown}");
    }
    if let Some(coupon) = hidden["coupon"].as_str() {
        shown = format!("{shown}, with the coupon {coupon}");
    }
    let email = session["customer_email"].as_str().map(str::to_owned);
    html(&CheckoutPage {
        title,
        what: product,
        price: shown,
        asks_email: email.is_none() && session["customer"].is_null(),
        email: email.or_else(|| Some(typed.email.clone()).filter(|email| !email.is_empty())),
        asks_amount: amount.is_none() && mode == "payment",
        suggested: price["custom_unit_amount"]["preset"].as_i64().unwrap_or(0),
        has_message: session["custom_fields"].is_array(),
        card: typed.card.clone(),
        error,
        asks_bank,
        back: text(&session["cancel_url"]),
        button,
    })
}

/// How hostile this Stripe is: `{"too_many": 10, "lost_answers": 20, "away": false, …}`.
async fn orders(stand_in: web::Data<StandIn>) -> HttpResponse {
    HttpResponse::Ok().json(stand_in.orders.wishes())
}

async fn give_orders(stand_in: web::Data<StandIn>, wishes: web::Json<Wishes>) -> HttpResponse {
    stand_in.orders.give(|current| *current = wishes.into_inner());
    HttpResponse::NoContent().finish()
}

async fn checkout(stand_in: web::Data<StandIn>, id: web::Path<String>) -> HttpResponse {
    stand_in.catch_up();
    checkout_page(&stand_in, &id, &CardForm::default(), None, false)
}

async fn pay(stand_in: web::Data<StandIn>, id: web::Path<String>, form: web::Form<CardForm>) -> HttpResponse {
    stand_in.catch_up();
    let typed = Typed {
        email: form.email.trim(),
        name: form.name.trim(),
        card: &form.card,
        amount: form.amount.trim().parse().ok(),
        message: &form.message,
        confirmed: match form.bank.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
    };
    let finished = sessions::finish(&mut stand_in.lock(), &id, &typed);
    match finished {
        Ok(session) => to(&sessions::success_url(&session)),
        Err(Unfinished::Wrong(why)) => checkout_page(&stand_in, &id, &form, Some(why), false),
        Err(Unfinished::Asks) => checkout_page(&stand_in, &id, &form, None, true),
    }
}

struct Row {
    id: String,
    what: String,
    ends: bool,
}

#[derive(Template)]
#[template(path = "sandbox/portal.html")]
struct PortalPage {
    email: String,
    subscriptions: Vec<Row>,
    invoices: Vec<Row>,
    error: Option<String>,
    back: String,
}

#[derive(Deserialize)]
struct PortalForm {
    #[serde(default)]
    card: String,
    #[serde(default)]
    cancel: String,
    #[serde(default)]
    resume: String,
}

fn portal_page(stand_in: &StandIn, id: &str, error: Option<String>) -> HttpResponse {
    let state = stand_in.lock();
    let Ok(session) = state.get("billing_portal.session", id) else {
        return HttpResponse::NotFound().body("No such session.");
    };
    let customer = text(&session["customer"]);
    let subscriptions = subscriptions::live_of(&state, &customer)
        .into_iter()
        .filter_map(|id| state.find(&id).map(|one| (id, one.clone())))
        .map(|(id, one)| Row { id, what: text(&one["status"]), ends: one["cancel_at_period_end"] == true })
        .collect();
    let invoices = state
        .each("invoice")
        .filter(|one| one["customer"] == customer.as_str())
        .map(|one| Row {
            id: text(&one["id"]),
            what: format!(
                "{} {}",
                money(one["total"].as_i64().unwrap_or(0), &text(&one["currency"])),
                text(&one["status"])
            ),
            ends: false,
        })
        .collect();
    let email = state.find(&customer).map_or(String::new(), |one| text(&one["email"]));
    html(&PortalPage { email, subscriptions, invoices, error, back: text(&session["return_url"]) })
}

async fn portal(stand_in: web::Data<StandIn>, id: web::Path<String>) -> HttpResponse {
    stand_in.catch_up();
    portal_page(&stand_in, &id, None)
}

async fn portal_act(stand_in: web::Data<StandIn>, id: web::Path<String>, form: web::Form<PortalForm>) -> HttpResponse {
    stand_in.catch_up();
    let customer = stand_in.find(&id).map(|session| text(&session["customer"])).unwrap_or_default();
    let error = if form.card.is_empty() { None } else { customers_card(&stand_in, &customer, &form.card) };
    for (id, ends) in [(&form.cancel, true), (&form.resume, false)] {
        let is_theirs = stand_in.find(id).is_some_and(|one| one["customer"] == customer.as_str());
        if is_theirs {
            stand_in.call("POST", &format!("/v1/subscriptions/{id}"), &format!("cancel_at_period_end={ends}"));
        }
    }
    portal_page(&stand_in, &id, error)
}

fn customers_card(stand_in: &StandIn, customer: &str, number: &str) -> Option<String> {
    sessions::portal_card(&mut stand_in.lock(), customer, number).err().map(|fault| fault.message)
}

/// What pages of the site load as Stripe's script: as much of it as leads to Checkout.
async fn script(stand_in: web::Data<StandIn>) -> HttpResponse {
    let base = stand_in.lock().base.clone();
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(format!(
        "window.Stripe = () => ({{ redirectToCheckout: ({{ sessionId }}) => location.assign('{base}c/pay/' + sessionId) }});"
    ))
}

async fn invoice(stand_in: web::Data<StandIn>, id: web::Path<String>) -> HttpResponse {
    match stand_in.find(&id) {
        Some(one) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(format!(
            "Invoice {}\n{}\n{}\n",
            text(&one["number"]),
            money(one["total"].as_i64().unwrap_or(0), &text(&one["currency"])),
            text(&one["status"])
        )),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn receipt(stand_in: web::Data<StandIn>, id: web::Path<String>) -> HttpResponse {
    match stand_in.find(&id) {
        Some(one) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .body(format!("Receipt\n{}\n", money(one["amount"].as_i64().unwrap_or(0), &text(&one["currency"])))),
        None => HttpResponse::NotFound().finish(),
    }
}

#[derive(Template)]
#[template(path = "sandbox/overview.html")]
struct Overview {
    now: String,
    subscriptions: Vec<String>,
    payments: Vec<Row>,
    events: Vec<String>,
}

/// What the account holds, and the buttons that move its clock.
async fn overview(stand_in: web::Data<StandIn>) -> HttpResponse {
    stand_in.catch_up();
    let state = stand_in.lock();
    let subscriptions = state
        .each("subscription")
        .map(|one| {
            let owner =
                one["customer"].as_str().and_then(|id| state.find(id)).map_or(String::new(), |who| text(&who["email"]));
            let ends = if one["cancel_at_period_end"] == true { ", ends with its period" } else { "" };
            format!("{owner}: {}{ends}", text(&one["status"]))
        })
        .collect();
    let payments = state
        .each("charge")
        .rev()
        .take(20)
        .map(|one| Row {
            id: text(&one["id"]),
            what: format!(
                "{} {}",
                money(one["amount"].as_i64().unwrap_or(0), &text(&one["currency"])),
                text(&one["status"])
            ),
            ends: one["refunded"] == true || one["paid"] != true,
        })
        .collect();
    let events = state.each("event").rev().take(30).map(|event| text(&event["type"])).collect();
    drop(state);
    html(&Overview { now: stand_in.clock.now().iso8601(), subscriptions, payments, events })
}

#[derive(Deserialize)]
struct ClockForm {
    #[serde(default)]
    days: u64,
    #[serde(default)]
    refund: String,
    #[serde(default)]
    fail: String,
}

async fn move_clock(stand_in: web::Data<StandIn>, form: web::Form<ClockForm>) -> HttpResponse {
    stand_in.advance(Duration::from_secs(form.days.min(3_660) * 86_400));
    if !form.refund.is_empty() {
        // A payment that cannot be given back stays as it is; the page shows it.
        let _ = customers::refund(&mut stand_in.lock(), &form.refund, None);
    }
    if form.fail == "all" {
        let mut state = stand_in.lock();
        for card in state.cards.values_mut() {
            *card = super::state::Card::DeclinesLater;
        }
    }
    to("/")
}
