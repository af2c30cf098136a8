//! `/members/checkout/`: buying. The page with the plans is hosted here (GET); the form may stand
//! wherever the site puts it (POST). `docs/footer.md` tells how to write one.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::{email_error, read_own};
use super::pages::{self, Frame};
use crate::app::App;
use crate::billing::checkout::{Back, Buyer, CheckoutError, Order, Wish};
use crate::billing::money::Money;
use crate::billing::offers::{self, Offer};
use crate::billing::prices::Cadence;
use crate::billing::tiers::{self, Kind, Tier};
use crate::members::address::EmailAddress;
use crate::signin::links::Via;
use crate::signin::present::Present;
use crate::signin::return_to::{Note, ReturnTo, State};
use crate::texts::Language;
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::page_error::{PageError, PageResult};

/// A plan as the page shows it.
struct Plan {
    tier: Tier,
    /// What it costs a month, a year.
    prices: Vec<(Cadence, String)>,
}

impl Plan {
    fn trial_days(&self) -> i64 {
        i64::from(self.tier.trial_days)
    }
}

#[derive(Template)]
#[template(path = "site/checkout.html")]
struct CheckoutPage {
    frame: Frame,
    plans: Vec<Plan>,
    offer: Option<(Offer, String)>,
    /// Nobody is signed in: the page asks for an address.
    asks_email: bool,
    /// They pay already, and are led to their plan instead.
    pays: bool,
    has_donations: bool,
    chosen: Option<String>,
    cadence: Option<Cadence>,
    email: String,
    email_error: Option<String>,
    problem: Option<String>,
    return_to: Option<String>,
}

impl CheckoutPage {
    fn is_chosen(&self, plan: &Plan, cadence: &Cadence) -> bool {
        match (&self.chosen, self.cadence) {
            (Some(tier), wanted) => {
                (plan.tier.slug == *tier || plan.tier.id.to_string() == *tier)
                    && wanted.is_none_or(|wanted| wanted == *cadence)
            }
            (None, _) => false,
        }
    }
}

/// What is shown around the form after something was wrong with it.
#[derive(Default)]
struct Typed {
    chosen: Option<String>,
    cadence: Option<Cadence>,
    email: String,
    email_error: Option<String>,
    problem: Option<String>,
    return_to: Option<String>,
    offer: Option<String>,
}

/// `GET /members/checkout/`, with `?tier=`, `?cadence=`, `?offer=`, `?return_to=` to choose beforehand.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let typed = Typed {
        chosen: query.get("tier").map(str::to_owned),
        cadence: query.get("cadence").and_then(Cadence::parse),
        offer: query.get("offer").map(str::to_owned),
        return_to: query
            .get("return_to")
            .and_then(|text| ReturnTo::parse(text, &app.settings))
            .map(|to| to.as_str().to_owned()),
        ..Typed::default()
    };
    let (frame, present) = Frame::of(&app, &client).await?;
    page(&app, frame, present, StatusCode::OK, typed).await
}

async fn page(
    app: &App,
    frame: Frame,
    present: Option<Arc<Present>>,
    status: StatusCode,
    typed: Typed,
) -> PageResult<HttpResponse> {
    if app.billing.is_none() {
        return Err(PageError::billing_off());
    }
    let (wanted, now) = (typed.offer.clone(), app.now());
    let (tiers, offer) = app
        .db
        .read(move |conn| {
            let offer = match &wanted {
                Some(name) => offers::find_named(conn, name)?.filter(Offer::is_for_signup),
                None => None,
            };
            let offer = match offer {
                Some(offer) if offer.is_open(offers::redemptions(conn, offer.id)?, now) => Some(offer),
                _ => None,
            };
            Ok((tiers::active(conn)?, offer))
        })
        .await?;
    let pays = present.as_ref().and_then(|present| present.billing.as_ref()?.current().cloned());
    let chosen = offer.as_ref().and_then(|offer| offer.tier_id).map(|id| id.to_string()).or(typed.chosen);
    let offer = offer.map(|offer| {
        let text = offer_text(&frame, &offer);
        (offer, text)
    });
    let plans = tiers
        .into_iter()
        .filter(|tier| tier.kind == Kind::Paid)
        // A hidden one is for those who know its address.
        .filter(|tier| {
            tier.is_public || chosen.as_ref().is_some_and(|name| tier.slug == *name || tier.id.to_string() == *name)
        })
        .map(|tier| plan(&frame, tier, offer.as_ref().map(|(offer, _)| offer)))
        .filter(|plan| !plan.prices.is_empty())
        .collect();
    let page = CheckoutPage {
        plans,
        offer,
        asks_email: present.is_none(),
        pays: pays.is_some(),
        has_donations: app.settings.donations.is_some(),
        chosen,
        cadence: typed.cadence,
        email: typed.email,
        email_error: typed.email_error,
        problem: typed.problem,
        return_to: typed.return_to,
        frame,
    };
    pages::page(status, &page.frame, &page)
}

fn plan(frame: &Frame, tier: Tier, offer: Option<&Offer>) -> Plan {
    let fits =
        |cadence: Cadence| offer.is_none_or(|offer| offer.tier_id == Some(tier.id) && offer.cadence() == cadence);
    let prices = Cadence::ALL
        .into_iter()
        .filter(|cadence| fits(*cadence))
        .filter_map(|cadence| {
            let money = Money::new(tier.amount(cadence)?, tier.currency.as_deref()?);
            Some((cadence, price_text(frame.language, &money, cadence)))
        })
        .collect();
    Plan { tier, prices }
}

/// `$5.00 a month`.
pub fn price_text(language: Language, money: &Money, cadence: Cadence) -> String {
    let key = match cadence {
        Cadence::Month => "price-month",
        Cadence::Year => "price-year",
    };
    language.fill(key, &[("amount", (&language.money(money)).into())])
}

/// What an offer gives, in words.
pub fn offer_text(frame: &Frame, offer: &Offer) -> String {
    let amount = match (offer.kind.as_str(), &offer.currency) {
        ("percent", _) => format!("{} %", offer.amount),
        ("fixed", Some(currency)) => frame.language.money(&Money::new(offer.amount, currency)),
        _ => return frame.with("offer-trial", "days", offer.amount),
    };
    match (offer.duration.as_str(), offer.months) {
        ("forever", _) => frame.with("offer-forever", "amount", &amount),
        ("repeating", Some(months)) => {
            frame.language.fill("offer-months", &[("amount", (&amount).into()), ("months", i64::from(months).into())])
        }
        _ => frame.with("offer-once", "amount", &amount),
    }
}

/// `POST /members/checkout/`: `tier` and `cadence`, or `offer`; `email` where nobody is signed in.
/// Answered 303 to Stripe.
pub async fn buy(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let Some(billing) = &app.billing else { return Err(PageError::billing_off()) };
    let (frame, present) = Frame::of(&app, &client).await?;
    let frame = frame.in_chosen(form.get("lang").and_then(Language::of_tag));
    // The button of a plan says both: `gold/month`.
    let plan = form.get("plan").and_then(|plan| plan.split_once('/'));
    let (tier, cadence) = match plan {
        Some((tier, cadence)) => (Some(tier), Cadence::parse(cadence)),
        None => (form.get("tier"), form.get("cadence").and_then(Cadence::parse)),
    };
    let return_to = return_to(&app, &form, &client, "members/account/plan/");
    let mut typed = Typed {
        chosen: tier.map(str::to_owned),
        cadence,
        email: form.get("email").unwrap_or_default().chars().take(320).collect(),
        return_to: Some(return_to.as_str().to_owned()),
        offer: form.get("offer").map(str::to_owned),
        ..Typed::default()
    };
    let buyer = match &present {
        Some(present) if present.is_of_staff => return Err(PageError::of_staff()),
        Some(present) => Buyer::Member(present.id),
        None => match EmailAddress::parse(&typed.email) {
            Ok(email) => Buyer::Address(email),
            Err(_) => {
                typed.email_error = Some(email_error(&frame, &typed.email));
                return page(&app, frame, present, StatusCode::UNPROCESSABLE_ENTITY, typed).await;
            }
        },
    };
    let Some(wish) = wish(&app, &form, tier, cadence).await? else {
        typed.problem = Some(frame.t("checkout-choose"));
        return page(&app, frame, present, StatusCode::UNPROCESSABLE_ENTITY, typed).await;
    };
    let order = Order {
        buyer,
        wish,
        back: Back { via: Via::Form, success: return_to.as_str().to_owned(), cancel: return_to.as_str().to_owned() },
        language: frame.language,
        client: client.network,
        name: None,
        newsletters: None,
        consent_text: frame.t("form-signup.consent"),
        note: frame.t("checkout-message"),
    };
    let problem = match billing.check_out(order).await {
        Ok(opened) => return Ok(pages::see_other(&opened.url)),
        Err(CheckoutError::AlreadyThere) if present.is_some() => {
            return Ok(pages::see_other(&frame.url("members/account/plan/")));
        }
        // Whoever has the account finds a link in their mailbox; the page says no more than that.
        Err(CheckoutError::AlreadyThere) => {
            app.mailroom.wake();
            return Ok(pages::see_other(&return_to.with_note(&Note::of_state(State::Pending))));
        }
        Err(CheckoutError::TooOften { .. }) => return Err(PageError::too_often()),
        Err(CheckoutError::Failed(error)) => return Err(error.into()),
        Err(CheckoutError::DonationsOff) => return Err(PageError::billing_off()),
        Err(CheckoutError::OfferOver | CheckoutError::NoSuchOffer) => {
            typed.offer = None;
            "checkout-offer-over"
        }
        Err(CheckoutError::NoSuchTier | CheckoutError::TierArchived | CheckoutError::NoPrice) => "checkout-gone",
    };
    typed.problem = Some(frame.t(problem));
    page(&app, frame, present, StatusCode::UNPROCESSABLE_ENTITY, typed).await
}

async fn wish(app: &App, form: &Form, tier: Option<&str>, cadence: Option<Cadence>) -> PageResult<Option<Wish>> {
    if form.get("donation").is_some() {
        return Ok(Some(Wish::Donation));
    }
    if let Some(name) = form.get("offer").filter(|name| !name.is_empty()) {
        let name = name.to_owned();
        let offer = app.db.read(move |conn| offers::find_named(conn, &name)).await?;
        return Ok(offer.map(|offer| Wish::Offer(offer.id)));
    }
    let (Some(tier), Some(cadence)) = (tier.map(str::to_owned), cadence) else { return Ok(None) };
    let tier = app.db.read(move |conn| tiers::find_named(conn, &tier)).await?;
    Ok(tier.map(|tier| Wish::Tier { tier: tier.id, cadence }))
}

/// The field, else the page the form was on where that is the site's own, else `fallback` here.
pub fn return_to(app: &App, form: &Form, client: &Client, fallback: &str) -> ReturnTo {
    let parse = |text: &str| ReturnTo::parse(text, &app.settings);
    let field = form.get("return_to").filter(|text| !text.is_empty()).and_then(parse);
    // A page of this service has no note to show but the account's.
    let page = client.referer.as_deref().filter(|page| !page.contains("/members/")).and_then(parse);
    let own = app.settings.link(fallback);
    field.or(page).or_else(|| parse(own.as_str())).unwrap_or_else(|| ReturnTo::home(&app.settings))
}
