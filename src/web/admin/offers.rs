//! Offers: what makes a tier cheaper or free for a while, and what each of them brought.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::AdminResult;
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::tiers::capital;
use super::{Posted, change, id_of};
use crate::app::App;
use crate::billing::money::{self, Money};
use crate::billing::offers::{self, NewOffer, NotAnOffer, Offer};
use crate::billing::prices::Cadence;
use crate::billing::tiers::{self, Kind, Tier};
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::ids::{OfferId, TierId};
use crate::members::listing::Day;
use crate::staff::audit::Deed;
use crate::staff::once::is_repeated;

/// An offer, and what came of it.
pub struct Brought {
    pub offer: Offer,
    pub tier: Option<String>,
    pub redemptions: i64,
    /// Subscriptions that it began or kept, and that are live.
    pub live: i64,
    /// What these pay a month, by currency.
    pub monthly: Vec<Money>,
    pub is_open: bool,
}

impl Brought {
    /// What it takes off, in words.
    pub fn what(&self) -> String {
        let offer = &self.offer;
        let off = match (offer.kind.as_str(), &offer.currency) {
            ("percent", _) => format!("{} % off", offer.amount),
            ("fixed", Some(currency)) => format!("{} off", Money::new(offer.amount, currency)),
            ("trial", _) => return format!("{} days free", offer.amount),
            _ => String::new(),
        };
        match (offer.duration.as_str(), offer.months) {
            ("once", _) => format!("{off}, once"),
            ("repeating", Some(months)) => format!("{off}, for {months} months"),
            _ => format!("{off}, for ever"),
        }
    }
}

/// Every offer, the newest first.
pub fn brought(conn: &mut Conn, now: Timestamp) -> DbResult<Vec<Brought>> {
    let tiers = tiers::all(conn)?;
    let mut all = Vec::new();
    for offer in offers::all(conn)?.into_iter().rev() {
        let redemptions = offers::redemptions(conn, offer.id)?;
        let (live, monthly) = offers::worth(conn, offer.id)?;
        let tier = tiers.iter().find(|tier| Some(tier.id) == offer.tier_id).map(|tier| tier.name.clone());
        all.push(Brought { is_open: offer.is_open(redemptions, now), offer, tier, redemptions, live, monthly });
    }
    Ok(all)
}

#[derive(Template)]
#[template(path = "admin/tiers/offer.html")]
struct Page<'a> {
    frame: &'a Frame,
    tiers: Vec<Tier>,
    typed: &'a Typed,
}

const FIELDS: [&str; 13] = [
    "name",
    "code",
    "title",
    "description",
    "kind",
    "redemption",
    "tier",
    "cadence",
    "amount",
    "duration",
    "months",
    "expires",
    "most",
];

/// `GET /admin/offers/add/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let typed = Typed::from(&[
        ("kind", "percent".to_owned()),
        ("redemption", "signup".to_owned()),
        ("cadence", "month".to_owned()),
        ("duration", "once".to_owned()),
    ]);
    page(&app, &staff, &request, StatusCode::OK, &typed).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let tiers = app.db.read(tiers::active).await?.into_iter().filter(|tier| tier.kind == Kind::Paid).collect();
    let frame = Frame::of(app, staff, request);
    frame::page(status, &frame, &Page { frame: &frame, tiers, typed })
}

/// What a form says. What cannot be read is said beside its field.
fn read(typed: &mut Typed, tiers: &[Tier]) -> NewOffer {
    let tier = typed.text("tier").and_then(|id| id.parse::<TierId>().ok());
    let currency = tiers.iter().find(|one| Some(one.id) == tier).and_then(|one| one.currency.clone());
    let kind = typed.get("kind").to_owned();
    let amount = match (kind.as_str(), &currency) {
        ("fixed", Some(currency)) => money::parse(typed.get("amount"), currency),
        _ => typed.get("amount").trim().parse().ok(),
    };
    if amount.is_none() {
        typed.complain("amount", "A number: percent, an amount in the currency of the tier, or days.");
    }
    let number = |typed: &mut Typed, field: &'static str| match typed.text(field).map(str::parse::<i64>) {
        None => None,
        Some(Ok(number)) if number > 0 => Some(number),
        Some(_) => {
            typed.complain(field, "A whole number above 0, or nothing.");
            None
        }
    };
    let (months, most) = (number(typed, "months"), number(typed, "most"));
    let expires_at = match typed.text("expires").map(Day::parse) {
        None => None,
        Some(Some(day)) => Some(day.end()),
        Some(None) => {
            typed.complain("expires", "A day such as 2027-12-31, or nothing.");
            None
        }
    };
    let text = |field: &str| typed.text(field).map(str::to_owned);
    let is_trial = kind == "trial";
    let duration = if is_trial { "trial" } else { typed.get("duration") }.to_owned();
    NewOffer {
        name: typed.get("name").to_owned(),
        code: typed.get("code").trim().to_owned(),
        title: text("title"),
        description: text("description"),
        redemption: typed.get("redemption").to_owned(),
        tier,
        cadence: Cadence::parse(typed.get("cadence")).unwrap_or(Cadence::Month),
        amount: amount.unwrap_or(0),
        currency: currency.filter(|_| kind == "fixed"),
        months: (duration == "repeating").then_some(months).flatten().and_then(|months| i32::try_from(months).ok()),
        duration,
        expires_at,
        most_redemptions: most,
        kind,
    }
}

/// `POST /admin/offers/add/`.
pub async fn add(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &FIELDS);
    let tiers = app.db.read(tiers::all).await?;
    let new = read(&mut typed, &tiers);
    if typed.is_wrong() {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    }
    let once = form.get("once").unwrap_or_default().to_owned();
    let added = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(Ok(()));
        }
        match offers::add(conn, &new, now) {
            Ok(id) => {
                let after = json!({"code": new.code, "kind": new.kind, "amount": new.amount, "for": new.redemption});
                scribe.record(conn, &Deed::to("offer.add", "offer", id).with(after))?;
                Ok(Ok(()))
            }
            Err(NotAnOffer::Db(error)) => Err(error),
            Err(why) => Ok(Err(why)),
        }
    })
    .await?;
    let Err(why) = added else { return Ok(done(&app, "tiers/", "added")) };
    let field = match why {
        NotAnOffer::Name | NotAnOffer::Taken => "name",
        NotAnOffer::Code => "code",
        NotAnOffer::Amount | NotAnOffer::Currency => "amount",
        NotAnOffer::Duration => "duration",
        NotAnOffer::Tier => "tier",
        NotAnOffer::RetentionTrial | NotAnOffer::Db(_) => "kind",
    };
    typed.complain(field, format!("{}.", capital(&why.to_string())));
    page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
}

/// `POST /admin/offers/{id}/archive/`: ends it, or with `undo` opens it again.
pub async fn archive(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id: OfferId = id_of(&path)?;
    let is_active = form.get("undo").is_some();
    change(&app, &staff, move |conn, scribe, now| {
        offers::set_active(conn, id, is_active, now)?;
        scribe.record(conn, &Deed::to("offer.archive", "offer", id).with(json!({"active": is_active})))
    })
    .await?;
    Ok(done(&app, "tiers/", if is_active { "restored" } else { "archived" }))
}
