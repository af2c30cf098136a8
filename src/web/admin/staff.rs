//! Accounts of staff.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, Typed, done};
use super::gate::Staff;
use super::{Posted, change, id_of};
use crate::app::App;
use crate::ids::StaffId;
use crate::members::address::EmailAddress;
use crate::staff::accounts::{self, Account};
use crate::staff::audit::Deed;
use crate::staff::links::{self, Link};
use crate::staff::roles::Role;
use crate::staff::sessions;

#[derive(Template)]
#[template(path = "admin/staff.html")]
struct Page<'a> {
    frame: &'a Frame,
    accounts: Vec<Account>,
    invitations: Vec<Link>,
    roles: Vec<Role>,
    typed: &'a Typed,
    can_mail: bool,
}

#[derive(Template)]
#[template(path = "admin/staff_one.html")]
struct OnePage<'a> {
    frame: &'a Frame,
    account: Account,
    roles: Vec<Role>,
    may_manage: bool,
    is_self: bool,
}

fn roles_of(staff: &Staff) -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| staff.visitor.role.may_manage(*role)).collect()
}

/// `GET /admin/staff/`.
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
    let (accounts, invitations) =
        app.db.read(move |conn| Ok((accounts::all(conn)?, links::invitations(conn, now)?))).await?;
    let frame = Frame::of(app, staff, request);
    let can_mail = app.settings.smtp.is_some();
    frame::page(status, &frame, &Page { frame: &frame, accounts, invitations, roles: roles_of(staff), typed, can_mail })
}

/// `POST /admin/staff/invite/`.
pub async fn invite(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let mut typed = Typed::of(&form, &["email", "role"]);
    let email = EmailAddress::parse(typed.get("email")).ok();
    if email.is_none() {
        typed.complain("email", "That is no e-mail address.");
    }
    let role = Role::parse(typed.get("role"));
    if role.is_none() {
        typed.complain("role", "Choose a role.");
    }
    let (Some(email), Some(role)) = (email, role) else {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    let (rules, actor, own, now) = (app.rules.clone(), staff.actor(), staff.visitor.role, app.now());
    let invited = app
        .db
        .write(move |conn| links::invite(conn, &rules.key, &rules.settings, (&actor, own), &email, role, now))
        .await?;
    if let Err(why) = invited {
        typed.complain("email", why);
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    }
    app.mailroom.wake();
    Ok(done(&app, "staff/", "invited"))
}

/// `POST /admin/staff/withdraw/`: an invitation that was not taken up.
pub async fn withdraw(app: web::Data<App>, staff: Staff, Posted(form): Posted) -> AdminResult<HttpResponse> {
    let email = form.get("email").unwrap_or_default().to_owned();
    change(&app, &staff, move |conn, scribe, _| {
        if links::withdraw(conn, &email)? {
            scribe.record(conn, &Deed::to("staff.withdraw", "staff", &email))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, "staff/", "withdrawn"))
}

/// `GET /admin/staff/{id}/`.
pub async fn show_one(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let account = app.db.read(move |conn| accounts::find(conn, id)).await?.ok_or(AdminError::NotFound)?;
    let frame = Frame::of(&app, &staff, &request);
    let page = OnePage {
        may_manage: staff.visitor.role.may_manage(account.role),
        is_self: account.id == staff.visitor.id,
        roles: roles_of(&staff),
        account,
        frame: &frame,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/staff/{id}/role/`.
pub async fn set_role(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let role = |field: &str| form.get(field).and_then(Role::parse);
    let (Some(was), Some(role)) = (role("was"), role("role")) else {
        return Err(AdminError::refused("Choose a role."));
    };
    let by = staff.visitor.role;
    change(&app, &staff, move |conn, scribe, _| {
        let changed = accounts::set_role(conn, by, id, was, role)?;
        if changed.is_ok() {
            let (before, after) = (json!({"role": was.as_str()}), json!({"role": role.as_str()}));
            scribe.record(conn, &Deed::to("staff.role", "staff", id).from(before).with(after))?;
        }
        Ok(changed)
    })
    .await?
    .map_err(AdminError::refused)?;
    Ok(done(&app, &format!("staff/{id}/"), "role"))
}

/// An account that whoever is here may change.
async fn managed(app: &App, staff: &Staff, id: StaffId) -> AdminResult<Account> {
    let account = app.db.read(move |conn| accounts::find(conn, id)).await?.ok_or(AdminError::NotFound)?;
    if staff.visitor.role.may_manage(account.role) {
        Ok(account)
    } else {
        Err(AdminError::refused(accounts::NotDone::NotYours))
    }
}

/// `POST /admin/staff/{id}/reset/`: mails a link to another password.
pub async fn send_reset(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    let account = managed(&app, &staff, id).await?;
    let settings = app.rules.settings.clone();
    change(&app, &staff, move |conn, scribe, now| {
        links::send_reset(conn, scribe.key, &settings, &account, now)?;
        scribe.record(conn, &Deed::to("staff.send-reset", "staff", id))
    })
    .await?;
    app.mailroom.wake();
    Ok(done(&app, &format!("staff/{id}/"), "reset-sent"))
}

/// `POST /admin/staff/{id}/signout/`: everywhere.
pub async fn sign_out(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = id_of(&path)?;
    managed(&app, &staff, id).await?;
    change(&app, &staff, move |conn, scribe, _| {
        let ended = sessions::end_all(conn, id)?;
        scribe.record(conn, &Deed::to("staff.signout", "staff", id).with(json!({"devices": ended})))
    })
    .await?;
    Ok(done(&app, &format!("staff/{id}/"), "signed-out"))
}

/// `POST /admin/staff/{id}/remove/`.
pub async fn remove(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let (id, by) = (id_of(&path)?, staff.visitor.role);
    if id == staff.visitor.id {
        return Err(AdminError::refused("Nobody removes their own account: somebody else must."));
    }
    change(&app, &staff, move |conn, scribe, _| {
        let removed = accounts::remove(conn, by, id)?;
        if let Ok(account) = &removed {
            let before = json!({"role": account.role.as_str(), "name": account.name});
            scribe.record(conn, &Deed::to("staff.remove", "staff", id).from(before))?;
        }
        Ok(removed)
    })
    .await?
    .map_err(AdminError::refused)?;
    Ok(done(&app, "staff/", "removed"))
}
