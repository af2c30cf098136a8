//! Newsletters: what one can subscribe to, who they come from, how many are on each.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done, version};
use super::gate::Staff;
use super::members::list::grouped;
use super::tiers::CHANGED;
use super::{Posted, change, id_of};
use crate::app::App;
use crate::ids::NewsletterId;
use crate::members::address::EmailAddress;
use crate::members::name;
use crate::newsletters;
use crate::newsletters::editing::{self, Edited, Wishes};
use crate::staff::audit::Deed;
use crate::staff::figures;
use crate::staff::once::is_repeated;
use crate::staff::roles::Right;

#[derive(Template)]
#[template(path = "admin/newsletters/list.html")]
struct Page<'a> {
    frame: &'a Frame,
    lists: Vec<(Edited, String)>,
    typed: &'a Typed,
    may_edit: bool,
}

/// `GET /admin/newsletters/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    page(&app, &staff, &request, StatusCode::OK, &Typed::default()).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Typed,
) -> AdminResult<HttpResponse> {
    let now = app.now();
    let (lists, told) = app.db.read(move |conn| Ok((editing::all(conn)?, figures::told(conn, now)?))).await?;
    let lists = lists.into_iter().map(|list| {
        let count = told.of_today(&figures::on_list(list.id));
        (list, grouped(count))
    });
    let frame = Frame::of(app, staff, request);
    let page = Page { frame: &frame, lists: lists.collect(), typed, may_edit: staff.may(Right::Edit) };
    frame::page(status, &frame, &page)
}

/// A name that staff typed, or what is wrong with it.
fn named(typed: &mut Typed) -> Option<String> {
    match name::parse(typed.get("name")) {
        Ok(Some(name)) => Some(name),
        Ok(None) => {
            typed.complain("name", "A newsletter has a name.");
            None
        }
        Err(why) => {
            typed.complain("name", why);
            None
        }
    }
}

/// `POST /admin/newsletters/add/`.
pub async fn add(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &["name", "description"]);
    let Some(name) = named(&mut typed) else {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    let description = typed.text("description").map(str::to_owned);
    let once = form.get("once").unwrap_or_default().to_owned();
    let added = change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(true);
        }
        let added = newsletters::add(conn, &name, description.as_deref(), now)?;
        if added {
            scribe.record(conn, &Deed::to("newsletter.add", "newsletter", "").with(json!({"name": name})))?;
        }
        Ok(added)
    })
    .await?;
    if added {
        return Ok(done(&app, "newsletters/", "added"));
    }
    typed.complain(
        "name",
        "There is a newsletter with this name, or one so like it that their addresses would be the same.",
    );
    page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
}

#[derive(Template)]
#[template(path = "admin/newsletters/one.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    list: Edited,
    typed: &'a Typed,
    version: String,
}

fn version_of(list: &Edited) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let default = list.subscribe_on_signup.to_string();
    version(&[&list.name, &text(&list.description), &default, &text(&list.sender_name), &text(&list.reply_to)])
}

/// `GET /admin/newsletters/{id}/`.
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
    id: NewsletterId,
    status: StatusCode,
    typed: Option<Typed>,
) -> AdminResult<HttpResponse> {
    let list = app.db.read(move |conn| editing::find(conn, id)).await?.ok_or(AdminError::NotFound)?;
    let typed = typed.unwrap_or_else(|| {
        Typed::from(&[
            ("name", list.name.clone()),
            ("description", list.description.clone().unwrap_or_default()),
            ("sender_name", list.sender_name.clone().unwrap_or_default()),
            ("reply_to", list.reply_to.clone().unwrap_or_default()),
            ("default", if list.subscribe_on_signup { "yes".to_owned() } else { String::new() }),
        ])
    });
    let frame = Frame::of(app, staff, request);
    let version = version_of(&list);
    frame::page(status, &frame, &OnePage { frame: &frame, list, typed: &typed, version })
}

/// `POST /admin/newsletters/{id}/`.
pub async fn edit(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let mut typed = Typed::of(&form, &["name", "description", "sender_name", "reply_to", "default"]);
    let named = named(&mut typed);
    let sender_name = match name::parse(typed.get("sender_name")) {
        Ok(name) => name,
        Err(why) => {
            typed.complain("sender_name", why);
            None
        }
    };
    let reply_to = match typed.text("reply_to").map(EmailAddress::parse) {
        None => None,
        Some(Ok(address)) => Some(address),
        Some(Err(_)) => {
            typed.complain("reply_to", "That is no e-mail address.");
            None
        }
    };
    let Some(name) = named.filter(|_| !typed.is_wrong()) else {
        return one(&app, &staff, &request, id, StatusCode::UNPROCESSABLE_ENTITY, Some(typed)).await;
    };
    let wishes = Wishes {
        name,
        description: typed.text("description").map(str::to_owned),
        subscribe_on_signup: !typed.get("default").is_empty(),
        sender_name,
        reply_to,
    };
    let was = form.get("version").unwrap_or_default().to_owned();
    let why_not = change(&app, &staff, move |conn, scribe, _| {
        let Some(before) = editing::find(conn, id)?.filter(|list| version_of(list) == was) else {
            return Ok(Some(CHANGED));
        };
        if editing::is_taken(conn, Some(id), &wishes.name)? {
            return Ok(Some("There is a newsletter with this name already."));
        }
        editing::edit(conn, id, &wishes)?;
        let facts = |name: &str, default: bool| json!({"name": name, "default": default});
        let deed = Deed::to("newsletter.edit", "newsletter", id)
            .from(facts(&before.name, before.subscribe_on_signup))
            .with(facts(&wishes.name, wishes.subscribe_on_signup));
        scribe.record(conn, &deed)?;
        Ok(None)
    })
    .await?;
    match why_not {
        None => Ok(done(&app, &format!("newsletters/{id}/"), "saved")),
        Some(why) => {
            typed.complain("name", why);
            one(&app, &staff, &request, id, StatusCode::CONFLICT, Some(typed)).await
        }
    }
}

/// `POST /admin/newsletters/{id}/archive/`, or with `undo` back.
pub async fn archive(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let is_active = form.get("undo").is_some();
    change(&app, &staff, move |conn, scribe, _| {
        editing::set_active(conn, id, is_active)?;
        scribe.record(conn, &Deed::to("newsletter.archive", "newsletter", id).with(json!({"active": is_active})))
    })
    .await?;
    Ok(done(&app, "newsletters/", if is_active { "restored" } else { "archived" }))
}

/// `POST /admin/newsletters/{id}/move/`.
pub async fn reorder(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let is_up = form.get("to") == Some("up");
    change(&app, &staff, move |conn, scribe, _| {
        if editing::reorder(conn, id, is_up)? {
            scribe.record(conn, &Deed::to("newsletter.order", "newsletter", id).with(json!({"up": is_up})))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, "newsletters/", "ordered"))
}
