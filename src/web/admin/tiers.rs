//! What one can be a member of: tiers, their prices, their order.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done, version};
use super::gate::Staff;
use super::offers::Brought;
use super::{Posted, change, id_of};
use crate::app::App;
use crate::billing::money::{self, Money};
use crate::billing::prices::Cadence;
use crate::billing::repricing;
use crate::billing::tiers::{self, Kind, NotATier, Tier, Wishes};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::TierId;
use crate::jobs;
use crate::staff::audit::Deed;
use crate::staff::once::is_repeated;
use crate::staff::roles::Right;

/// A tier, with how many pay for it.
struct Row {
    tier: Tier,
    payers: i64,
}

impl Row {
    fn prices(&self) -> String {
        prices(&self.tier)
    }
}

fn prices(tier: &Tier) -> String {
    let currency = tier.currency.as_deref().unwrap_or_default();
    let all: Vec<String> = Cadence::ALL
        .into_iter()
        .filter_map(|cadence| Some(format!("{} a {cadence}", Money::new(tier.amount(cadence)?, currency))))
        .collect();
    if tier.kind == Kind::Free { "free".to_owned() } else { all.join(", ") }
}

#[derive(Template)]
#[template(path = "admin/tiers/list.html")]
struct Page<'a> {
    frame: &'a Frame,
    tiers: Vec<Row>,
    offers: Vec<Brought>,
    typed: &'a Typed,
    may_edit: bool,
    has_stripe: bool,
}

/// `GET /admin/tiers/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let typed =
        Typed::from(&[("currency", "usd".to_owned()), ("trial_days", "0".to_owned()), ("is_public", "yes".to_owned())]);
    page(&app, &staff, &request, StatusCode::OK, &typed).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let now = app.now();
    let (tiers, offers) = app
        .db
        .read(move |conn| {
            let mut rows = Vec::new();
            for tier in tiers::all(conn)? {
                rows.push(Row { payers: repricing::payers(conn, tier.id)?, tier });
            }
            Ok((rows, super::offers::brought(conn, now)?))
        })
        .await?;
    let frame = Frame::of(app, staff, request);
    let page = Page {
        frame: &frame,
        tiers,
        offers,
        typed,
        may_edit: staff.may(Right::Edit),
        has_stripe: app.billing.is_some(),
    };
    frame::page(status, &frame, &page)
}

const FIELDS: [&str; 9] =
    ["name", "description", "benefits", "currency", "month", "year", "trial_days", "welcome_page", "is_public"];

/// What a form says about a tier. What cannot be read is said beside its field.
fn wishes(typed: &mut Typed, kind: Kind) -> Wishes {
    let text = |typed: &Typed, field: &str| Some(typed.get(field).trim().to_owned());
    let mut wishes = Wishes {
        name: text(typed, "name"),
        description: text(typed, "description"),
        benefits: Some(typed.get("benefits").lines().map(str::to_owned).collect()),
        welcome_page_url: text(typed, "welcome_page"),
        is_public: Some(!typed.get("is_public").is_empty()),
        ..Wishes::default()
    };
    if let Some(page) = wishes.welcome_page_url.as_deref().filter(|page| !page.is_empty())
        && !url::Url::parse(page).is_ok_and(|page| matches!(page.scheme(), "http" | "https"))
    {
        typed.complain("welcome_page", "A whole address, such as https://www.example.com/welcome/.");
    }
    if kind == Kind::Free {
        return wishes;
    }
    let currency = typed.get("currency").trim().to_lowercase();
    for (field, wish) in [("month", &mut wishes.monthly_minor), ("year", &mut wishes.yearly_minor)] {
        let given = typed.get(field).trim().to_owned();
        // Nothing takes the price away.
        *wish = if given.is_empty() { Some(0) } else { money::parse(&given, &currency) };
        if wish.is_none() {
            typed.complain(
                field,
                format!("An amount of {}, such as {}.", currency.to_uppercase(), Money::new(500, &currency).plain()),
            );
        }
    }
    wishes.currency = Some(currency);
    match typed.get("trial_days").trim() {
        "" => wishes.trial_days = Some(0),
        days => match days.parse() {
            Ok(days) => wishes.trial_days = Some(days),
            Err(_) => typed.complain("trial_days", "A number of days, 0 for none."),
        },
    }
    wishes
}

/// Says what is wrong beside the field that it is about.
fn complain(typed: &mut Typed, why: NotATier) -> AdminResult<()> {
    let field = match &why {
        NotATier::Name | NotATier::NameTaken(_) => "name",
        NotATier::Currency(_) => "currency",
        NotATier::Free | NotATier::Price(_) => "month",
        NotATier::Trial => "trial_days",
        NotATier::IsFree | NotATier::Unknown => return Err(AdminError::refused(why)),
        NotATier::Db(error) => return Err(error.clone().into()),
    };
    typed.complain(field, format!("{}.", capital(&why.to_string())));
    Ok(())
}

pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A wish that the database refused undoes its transaction; any other is told.
fn undone<T>(result: Result<T, NotATier>) -> DbResult<Result<T, NotATier>> {
    match result {
        Err(NotATier::Db(error)) => Err(error),
        other => Ok(other),
    }
}

/// `POST /admin/tiers/add/`.
pub async fn add(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &FIELDS);
    let wished = wishes(&mut typed, Kind::Paid);
    if typed.is_wrong() {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    }
    let once = form.get("once").unwrap_or_default().to_owned();
    let added = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(Ok(None));
        }
        let added = undone(tiers::add(conn, &wished, now))?;
        if let Ok(id) = &added {
            let after = facts(conn, *id)?;
            scribe.record(conn, &Deed::to("tier.add", "tier", id).with(after))?;
        }
        Ok(added.map(Some))
    })
    .await?;
    match added {
        Ok(_) => Ok(done(&app, "tiers/", "added")),
        Err(why) => {
            complain(&mut typed, why)?;
            page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
    }
}

/// A tier, for the log.
fn facts(conn: &mut Conn, id: TierId) -> DbResult<serde_json::Value> {
    let tier = tiers::find(conn, id)?.ok_or_else(|| DbError::Corrupt("a tier vanished".to_owned()))?;
    Ok(json!({"name": tier.name, "prices": prices(&tier), "trial_days": tier.trial_days, "public": tier.is_public}))
}

#[derive(Template)]
#[template(path = "admin/tiers/one.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    tier: Tier,
    payers: i64,
    typed: &'a Typed,
    version: String,
    checkout: String,
}

fn version_of(tier: &Tier) -> String {
    version(&[
        &tier.name,
        tier.description.as_deref().unwrap_or_default(),
        &tier.benefits.join("\n"),
        &prices(tier),
        &tier.trial_days.to_string(),
        tier.welcome_page_url.as_deref().unwrap_or_default(),
        &tier.is_public.to_string(),
    ])
}

/// `GET /admin/tiers/{id}/`.
pub async fn show_one(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    one(&app, &staff, &request, id_of(&path)?, StatusCode::OK, None).await
}

async fn one(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    id: TierId,
    status: StatusCode,
    typed: Option<Typed>,
) -> AdminResult<HttpResponse> {
    let (tier, payers) = app.db.read(move |conn| Ok((tiers::find(conn, id)?, repricing::payers(conn, id)?))).await?;
    let tier = tier.ok_or(AdminError::NotFound)?;
    let currency = tier.currency.clone().unwrap_or_default();
    let amount = |cadence| tier.amount(cadence).map_or_else(String::new, |minor| Money::new(minor, &currency).plain());
    let typed = typed.unwrap_or_else(|| {
        Typed::from(&[
            ("name", tier.name.clone()),
            ("description", tier.description.clone().unwrap_or_default()),
            ("benefits", tier.benefits.join("\n")),
            ("currency", currency.clone()),
            ("month", amount(Cadence::Month)),
            ("year", amount(Cadence::Year)),
            ("trial_days", tier.trial_days.to_string()),
            ("welcome_page", tier.welcome_page_url.clone().unwrap_or_default()),
            ("is_public", if tier.is_public { "yes".to_owned() } else { String::new() }),
        ])
    });
    let frame = Frame::of(app, staff, request);
    let checkout = app.settings.link(&format!("members/checkout/?tier={}", tier.slug)).to_string();
    let version = version_of(&tier);
    frame::page(status, &frame, &OnePage { frame: &frame, tier, payers, typed: &typed, version, checkout })
}

/// `POST /admin/tiers/{id}/`: another price is for new payers; with `move`, for those who pay already too,
/// from their next payment on.
pub async fn edit(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let kind = app.db.read(move |conn| tiers::find(conn, id)).await?.ok_or(AdminError::NotFound)?.kind;
    let mut typed = Typed::of(&form, &FIELDS);
    let wished = wishes(&mut typed, kind);
    if typed.is_wrong() {
        return one(&app, &staff, &request, id, StatusCode::UNPROCESSABLE_ENTITY, Some(typed)).await;
    }
    let (was, moves) = (form.get("version").unwrap_or_default().to_owned(), form.get("payers") == Some("move"));
    let who = staff.visitor.name.clone();
    let edited = change(&app, &staff, move |conn, scribe, now| {
        if tiers::find(conn, id)?.is_none_or(|tier| version_of(&tier) != was) {
            return Ok(Ok(Edited::Changed));
        }
        let before = facts(conn, id)?;
        let edited = undone(tiers::edit(conn, id, &wished, now))?;
        if let Err(why) = edited {
            return Ok(Err(why));
        }
        let after = facts(conn, id)?;
        scribe.record(conn, &Deed::to("tier.edit", "tier", id).from(before).with(after))?;
        if !moves {
            return Ok(Ok(Edited::Saved));
        }
        let total = repricing::behind(conn, id)?;
        let job = jobs::add(conn, jobs::Kind::Reprice, &json!({"tier": id.to_string()}), &who, total, now)?;
        scribe.record(conn, &Deed::to("tier.move-payers", "tier", id).with(json!({"payers": total})))?;
        Ok(Ok(Edited::Moving(job)))
    })
    .await?;
    match edited {
        Ok(Edited::Saved) => Ok(done(&app, &format!("tiers/{id}/"), "saved")),
        Ok(Edited::Moving(job)) => {
            app.bench.wake();
            Ok(done(&app, &format!("jobs/{job}/"), "started"))
        }
        Ok(Edited::Changed) => {
            typed.complain("name", CHANGED);
            one(&app, &staff, &request, id, StatusCode::CONFLICT, Some(typed)).await
        }
        Err(why) => {
            complain(&mut typed, why)?;
            one(&app, &staff, &request, id, StatusCode::UNPROCESSABLE_ENTITY, Some(typed)).await
        }
    }
}

/// Two people edit the same thing: the second is told.
pub const CHANGED: &str = "Somebody else changed this while you were at it. Open the page anew in another tab to see what stands now; saving here once more puts yours in its place.";

enum Edited {
    Saved,
    Moving(crate::ids::JobId),
    Changed,
}

/// `POST /admin/tiers/{id}/archive/`: out of sale, or with `undo` back in it.
pub async fn archive(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let is_active = form.get("undo").is_some();
    change(&app, &staff, move |conn, scribe, now| {
        let set = undone(tiers::set_active(conn, id, is_active, now))?;
        if set.is_ok() {
            scribe.record(conn, &Deed::to("tier.archive", "tier", id).with(json!({"active": is_active})))?;
        }
        Ok(set)
    })
    .await?
    .map_err(AdminError::refused)?;
    Ok(done(&app, "tiers/", if is_active { "restored" } else { "archived" }))
}

/// `POST /admin/tiers/{id}/move/`: one place up, or down.
pub async fn reorder(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let is_up = form.get("to") == Some("up");
    change(&app, &staff, move |conn, scribe, now| {
        if tiers::reorder(conn, id, is_up, now)? {
            scribe.record(conn, &Deed::to("tier.order", "tier", id).with(json!({"up": is_up})))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, "tiers/", "ordered"))
}
