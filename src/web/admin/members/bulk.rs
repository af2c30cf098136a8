//! One change to many: how many it would be, and then doing it; and having all who fit taken out as CSV.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::list::grouped;
use crate::app::App;
use crate::config::seconds;
use crate::db::{Conn, DbResult};
use crate::ids::{MemberId, NewsletterId};
use crate::jobs::bulk::{Deed as Change, Request, Whom};
use crate::jobs::{self, Kind, export};
use crate::limits::{self, Verdict, Window};
use crate::members::labels;
use crate::members::listing::{self, Filter};
use crate::members::name;
use crate::newsletters;
use crate::staff::audit::Deed;
use crate::staff::once::is_repeated;
use crate::texts::Language;
use crate::web::admin::error::{AdminError, AdminResult};
use crate::web::admin::frame::{self, Frame, done};
use crate::web::admin::gate::{self, Staff};
use crate::web::admin::{Posted, change};
use crate::web::body::Form;

#[derive(Template)]
#[template(path = "admin/members/bulk.html")]
struct Page<'a> {
    frame: &'a Frame,
    count: String,
    is_none: bool,
    what: String,
    request: String,
    undo: String,
    is_erasing: bool,
    list: String,
}

/// What a form asks for, and in words. Labels that do not exist yet are made when it is done.
fn wish(conn: &mut Conn, form: &Form, undo_s: u64) -> DbResult<Result<(Request, String), &'static str>> {
    let label = name::parse(form.get("label").unwrap_or_default()).ok().flatten();
    let list = form.get("newsletter").and_then(|id| id.parse::<NewsletterId>().ok());
    let list = newsletters::active(conn)?.into_iter().find(|one| Some(one.id) == list);
    let deed = match (form.get("deed").unwrap_or_default(), label, list) {
        ("label", Some(label), _) => (Change::Label(label.clone()), format!("get the label “{label}”")),
        ("unlabel", Some(label), _) => (Change::Unlabel(label.clone()), format!("lose the label “{label}”")),
        ("label" | "unlabel", None, _) => return Ok(Err("Say which label.")),
        ("subscribe", _, Some(list)) => (
            Change::Subscribe(list.id.to_string()),
            format!("are subscribed to “{}”, but for those who left it", list.name),
        ),
        ("unsubscribe", _, Some(list)) => {
            (Change::Unsubscribe(list.id.to_string()), format!("are unsubscribed from “{}”", list.name))
        }
        ("erase", ..) => (Change::Erase, "are erased, with everything that names them".to_owned()),
        _ => return Ok(Err("Choose what is to be done, and with which newsletter.")),
    };
    let whom = if form.get("whom") == Some("all") {
        Whom::Fitting(Filter::of_query(form.get("filter").unwrap_or_default()).query())
    } else {
        let ids: Vec<MemberId> = form.all("member").filter_map(|id| id.parse().ok()).take(1_000).collect();
        if ids.is_empty() {
            return Ok(Err("Nobody is chosen. Choose some in the list, or “Everybody who fits”."));
        }
        Whom::Chosen(ids.iter().map(MemberId::to_string).collect())
    };
    Ok(Ok((Request { deed: deed.0, whom, undo_s }, deed.1)))
}

fn count(conn: &mut Conn, whom: &Whom, now: crate::clock::Timestamp) -> DbResult<i64> {
    match whom {
        Whom::Chosen(ids) => Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX)),
        Whom::Fitting(filter) => listing::count(conn, &Filter::of_query(filter), now),
    }
}

/// `POST /admin/members/bulk/`: how many it would be. Changes nothing.
pub async fn ask(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let (undo_s, now) = (app.settings.staff.undo_s, app.now());
    let list = Filter::of_query(form.get("filter").unwrap_or_default()).query();
    let wished = app
        .db
        .read(move |conn| {
            let wished = wish(conn, &form, undo_s)?;
            Ok(match wished {
                Ok((request, what)) => {
                    let count = count(conn, &request.whom, now)?;
                    Ok((request, what, count))
                }
                Err(why) => Err(why),
            })
        })
        .await?;
    let (wished, what, count) = wished.map_err(AdminError::refused)?;
    let frame = Frame::of(&app, &staff, &request);
    let page = Page {
        frame: &frame,
        count: grouped(count),
        is_none: count == 0,
        what,
        is_erasing: wished.deed == Change::Erase,
        request: serde_json::to_string(&wished).unwrap_or_default(),
        undo: Language::English.length(seconds(undo_s)),
        list,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/members/bulk/run/`: does it in the background.
pub async fn run(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let wished: Request =
        serde_json::from_str(form.get("request").unwrap_or_default()).map_err(|_| AdminError::NotFound)?;
    let is_well_formed = match &wished.deed {
        Change::Label(name) | Change::Unlabel(name) => matches!(name::parse(name), Ok(Some(_))),
        Change::Subscribe(id) | Change::Unsubscribe(id) => id.parse::<NewsletterId>().is_ok(),
        Change::Erase => true,
    };
    if !is_well_formed {
        return Err(AdminError::NotFound);
    }
    if wished.deed == Change::Erase && !staff.is_fresh {
        return Err(gate::not_fresh(&app, &request));
    }
    let wished = Request { undo_s: app.settings.staff.undo_s, ..wished };
    let (once, who) = (form.get("once").unwrap_or_default().to_owned(), staff.visitor.name.clone());
    // Counted before the transaction: who signs in meanwhile does not wait for it.
    let (whom, now) = (wished.whom.clone(), app.now());
    let total = app.db.read(move |conn| count(conn, &whom, now)).await?;
    let job = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(None);
        }
        let deed = match &wished.deed {
            Change::Label(name) => Change::Label(labels::ensure(conn, name, now)?.to_string()),
            Change::Unlabel(name) => Change::Unlabel(labels::ensure(conn, name, now)?.to_string()),
            other => other.clone(),
        };
        let wished = Request { deed, ..wished };
        let json = serde_json::to_value(&wished).unwrap_or_default();
        let job = jobs::add(conn, Kind::Bulk, &json, &who, total, now)?;
        scribe.record(
            conn,
            &Deed::to("members.bulk", "job", job)
                .with(json!({"deed": json["deed"], "whom": json["whom"], "members": total})),
        )?;
        Ok(Some(job))
    })
    .await?;
    app.bench.wake();
    Ok(match job {
        Some(job) => done(&app, &format!("jobs/{job}/"), "started"),
        None => done(&app, "jobs/", "started"),
    })
}

/// `POST /admin/members/export/`: has a CSV file made of everybody who fits.
pub async fn export(app: web::Data<App>, staff: Staff, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let filter = Filter::of_query(form.get("filter").unwrap_or_default());
    let (once, who) = (form.get("once").unwrap_or_default().to_owned(), staff.visitor.name.clone());
    let (account, most) = (staff.visitor.id.to_string(), app.settings.staff.exports_per_hour);
    let job = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(Ok(None));
        }
        let bucket = limits::bucket("staff export", &account);
        if let Verdict::Refused { retry_after } = limits::admit(conn, &bucket, &[Window::new(3_600, most)], now)? {
            return Ok(Err(retry_after));
        }
        let job = jobs::add(conn, Kind::Export, &export::request(&filter), &who, 0, now)?;
        scribe.record(conn, &Deed::to("members.export", "job", job).with(json!({"filter": filter.query()})))?;
        Ok(Ok(Some(job)))
    })
    .await?;
    app.bench.wake();
    match job {
        Ok(Some(job)) => Ok(done(&app, &format!("jobs/{job}/"), "started")),
        Ok(None) => Ok(done(&app, "jobs/", "started")),
        Err(wait) => Err(AdminError::TooMany(wait)),
    }
}
