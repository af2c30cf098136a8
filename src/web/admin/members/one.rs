//! One member: everything that is known, why they can read or cannot, and what staff do for them.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::{id_of, known, page_of, words};
use crate::app::App;
use crate::billing::explain;
use crate::billing::tiers::Kind;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::DbResult;
use crate::ids::{MemberId, NewsletterId};
use crate::members::preferences::{self, Changes, Place};
use crate::members::profile::{self, MailSent, Moment, Profile};
use crate::members::{export, labels, leaving, name, notes};
use crate::newsletters::{self, Newsletter};
use crate::signin::{asking, sessions};
use crate::staff::audit::Deed;
use crate::staff::once::is_repeated;
use crate::staff::roles::Right;
use crate::texts::Language;
use crate::web::admin::error::{AdminError, AdminResult};
use crate::web::admin::frame::{self, Frame, Typed, done, version};
use crate::web::admin::gate::Staff;
use crate::web::admin::{Posted, change};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::site::pages::{see_other, with_cookie};

#[derive(Template)]
#[template(path = "admin/members/one.html")]
struct Page<'a> {
    frame: &'a Frame,
    profile: Profile,
    /// The chain of `explain`.
    why: String,
    lists: Vec<Newsletter>,
    typed: &'a Typed,
    may: May,
    has_stripe: bool,
    now: Timestamp,
}

/// What whoever is here may do on this page.
struct May {
    help: bool,
    refund: bool,
    sign_in_as: bool,
    erase: bool,
}

impl Page<'_> {
    fn words(&self, moment: &Moment) -> String {
        words::of(moment)
    }

    fn mail_kind(&self, mail: &MailSent) -> &'static str {
        words::mail_kind(&mail.kind)
    }

    fn mail_fate(&self, mail: &MailSent) -> String {
        words::mail_fate(mail)
    }

    fn browser(&self, browser: &Option<String>) -> String {
        browser.as_deref().map_or_else(|| "Unknown browser".to_owned(), |name| Language::English.browser(name))
    }

    fn language(&self) -> &str {
        let tag = self.profile.person.language.as_deref();
        tag.and_then(Language::of_tag).map_or("not known", Language::own_name)
    }

    fn paid_tiers(&self) -> Vec<&crate::billing::tiers::Tier> {
        self.profile.standing.tiers.iter().filter(|tier| tier.kind == Kind::Paid).collect()
    }

    fn tier_name(&self, id: Option<&crate::ids::TierId>) -> String {
        id.and_then(|id| self.profile.standing.tier(*id))
            .map_or("no tier of this site".to_owned(), |tier| tier.name.clone())
    }

    fn is_on(&self, list: &Newsletter) -> bool {
        self.profile.newsletters.iter().any(|one| one.id == list.id)
    }

    /// Says what the form was made of.
    fn version(&self) -> String {
        version_of(&self.profile)
    }

    fn has_comp(&self) -> bool {
        self.profile
            .standing
            .comps
            .iter()
            .any(|comp| comp.ended_at.is_none() && comp.until.is_none_or(|until| until > self.now))
    }

    fn oldest_reading(&self) -> Option<Timestamp> {
        self.profile.customers.iter().filter_map(|customer| customer.read_at).min()
    }
}

fn version_of(profile: &Profile) -> String {
    let lists: Vec<String> = profile.newsletters.iter().map(|list| list.id.to_string()).collect();
    let name = profile.person.name.clone().unwrap_or_default();
    version(&[&name, &profile.labels.join("\n"), &lists.join("\n")])
}

/// `GET /admin/members/{id}/`.
pub async fn show(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    page(&app, &staff, &request, id_of(&path)?, StatusCode::OK, None).await
}

async fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    id: MemberId,
    status: StatusCode,
    typed: Option<Typed>,
) -> AdminResult<HttpResponse> {
    let (grace, now) = (app.policy.grace, app.now());
    let found = app
        .db
        .read(move |conn| {
            let Some(profile) = profile::read(conn, id)? else { return Ok(None) };
            let email = crate::members::stored_address(&profile.person.email)?;
            Ok(Some((profile, explain::explain(conn, &email, grace, now)?, newsletters::active(conn)?)))
        })
        .await?;
    let (profile, why, lists) = found.ok_or(AdminError::NotFound)?;
    let typed = typed.unwrap_or_else(|| {
        Typed::from(&[("name", profile.person.name.clone().unwrap_or_default()), ("labels", profile.labels.join(", "))])
    });
    let frame = Frame::of(app, staff, request);
    let may = May {
        help: staff.may(Right::Help),
        refund: staff.may(Right::Refund),
        sign_in_as: staff.may(Right::SignInAs),
        erase: staff.may(Right::Bulk),
    };
    let page = Page { frame: &frame, profile, why, lists, typed: &typed, may, has_stripe: app.billing.is_some(), now };
    frame::page(status, &frame, &page)
}

/// `POST /admin/members/{id}/edit/`: name, labels, newsletters.
pub async fn edit(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let mut typed = Typed::of(&form, &["name", "labels"]);
    let name = match name::parse(typed.get("name")) {
        Ok(name) => name,
        Err(why) => {
            typed.complain("name", why);
            None
        }
    };
    if typed.is_wrong() {
        return page(&app, &staff, &request, id, StatusCode::UNPROCESSABLE_ENTITY, Some(typed)).await;
    }
    let labels = labels::parse(typed.get("labels").split([',', ';']));
    let lists: Vec<NewsletterId> = form.all("newsletter").filter_map(|id| id.parse().ok()).collect();
    let (was, network) = (form.get("version").unwrap_or_default().to_owned(), staff.place().network.truncated());
    let who = staff.visitor.name.clone();
    let changed = change(&app, &staff, move |conn, scribe, now| {
        let Some(before) = profile::read(conn, id)? else { return Ok(false) };
        if version_of(&before) != was {
            return Ok(false);
        }
        let facts = |profile: &Profile| {
            let lists: Vec<&str> = profile.newsletters.iter().map(|list| list.name.as_str()).collect();
            json!({"has_name": profile.person.name.is_some(), "labels": profile.labels, "newsletters": lists})
        };
        // Staff keep what members said: pausing and leaving are theirs.
        let changes = Changes { name: Some(name), newsletters: Some(lists), ..Changes::default() };
        let method = format!("by staff: {who}");
        let place = Place { method: &method, page: None, client: &network, consent_text: "Subscribed by staff." };
        preferences::apply(conn, id, &changes, &place, now)?;
        labels::set(conn, id, &labels, now)?;
        let after = profile::read(conn, id)?.map_or(serde_json::Value::Null, |after| facts(&after));
        scribe.record(conn, &Deed::to("member.edit", "member", id).from(facts(&before)).with(after))?;
        Ok(true)
    })
    .await?;
    if !changed {
        typed.complain("name", "Somebody, or the member, changed this while you were at it. What stands now is shown beside; look at it, and save again.");
        return page(&app, &staff, &request, id, StatusCode::CONFLICT, Some(typed)).await;
    }
    Ok(done(&app, &page_of(id), "saved"))
}

/// `POST /admin/members/{id}/note/`.
pub async fn add_note(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let text: String = form.get("text").unwrap_or_default().trim().chars().take(notes::LONGEST).collect();
    if text.is_empty() {
        return Err(AdminError::refused("A note says something."));
    }
    let (author, once) = (staff.visitor.name.clone(), form.get("once").unwrap_or_default().to_owned());
    change(&app, &staff, move |conn, scribe, now| {
        if is_repeated(conn, &once, now)? {
            return Ok(());
        }
        notes::add(conn, id, &author, &text, now)?;
        scribe.record(conn, &Deed::to("member.note", "member", id))
    })
    .await?;
    Ok(done(&app, &page_of(id), "note"))
}

/// `POST /admin/members/{id}/note/remove/`.
pub async fn remove_note(
    app: web::Data<App>,
    staff: Staff,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let note = form.get("note").and_then(|note| note.parse().ok()).ok_or(AdminError::NotFound)?;
    change(&app, &staff, move |conn, scribe, _| {
        if notes::remove(conn, id, note)? {
            scribe.record(conn, &Deed::to("member.note-removed", "member", id))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, &page_of(id), "saved"))
}

/// `POST /admin/members/{id}/link/`: mails them a link to sign in.
pub async fn send_link(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let (policy, language) = (app.policy.clone(), app.settings.language);
    let sent = change(&app, &staff, move |conn, scribe, now| {
        let sent = asking::by_staff(conn, &policy, id, language, now)?;
        scribe.record(conn, &Deed::to("member.send-link", "member", id).with(json!({"sent": sent})))?;
        Ok(sent)
    })
    .await?;
    if !sent {
        return Err(AdminError::refused(
            "Mails to this address are held back, because it bounced. Under Mail, the suppression list lets them go again.",
        ));
    }
    app.mailroom.wake();
    Ok(done(&app, &page_of(id), "link-sent"))
}

/// `POST /admin/members/{id}/signout/`: everywhere.
pub async fn sign_out(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    change(&app, &staff, move |conn, scribe, now| {
        let ended = sessions::close_all_of(conn, id, now)?;
        scribe.record(conn, &Deed::to("member.signout", "member", id).with(json!({"devices": ended})))
    })
    .await?;
    Ok(done(&app, &page_of(id), "signed-out"))
}

/// `POST /admin/members/{id}/signin-as/`: their account, as they see it. Recorded, and every page says so.
pub async fn sign_in_as(
    app: web::Data<App>,
    staff: Staff,
    client: Client,
    path: Path<String>,
) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let (who, agent) = (staff.visitor.id, client.agent.clone());
    let token = change(&app, &staff, move |conn, scribe, now| {
        scribe.record(conn, &Deed::to("member.signin-as", "member", id))?;
        sessions::open_as(conn, id, who, agent.as_deref(), now)
    })
    .await?;
    let account = app.settings.link("members/account/");
    Ok(with_cookie(see_other(account.as_str()), &CookieKind::Session.give(&app.settings, &token)))
}

/// `POST /admin/members/{id}/export/`: everything that is kept about them, as JSON.
pub async fn take_out(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let everything = change(&app, &staff, move |conn, scribe, _| {
        scribe.record(conn, &Deed::to("member.export", "member", id))?;
        export::everything(conn, id)
    })
    .await?
    .ok_or(AdminError::NotFound)?;
    // Plain values with string keys always serialise.
    let text = serde_json::to_string_pretty(&everything).unwrap_or_default();
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", "application/json; charset=utf-8"))
        .insert_header(("content-disposition", format!("attachment; filename=\"member-{id}.json\"")))
        .body(text))
}

/// `POST /admin/members/{id}/erase/`: when there was time to take it back.
pub async fn erase(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    let wait = seconds(app.settings.staff.undo_s);
    let erased = change(&app, &staff, move |conn, scribe, now| {
        if crate::billing::subscriptions::is_charged(conn, id)? {
            return Ok(false);
        }
        leaving::erase_at(conn, id, now.plus(wait), now)?;
        let after = json!({"at": now.plus(wait).iso8601()});
        scribe.record(conn, &Deed::to("member.erase", "member", id).with(after))?;
        Ok(true)
    })
    .await?;
    if !erased {
        return Err(AdminError::refused(
            "They have a subscription that goes on charging money. End it first: nobody who was erased goes on paying.",
        ));
    }
    Ok(done(&app, &page_of(id), "erased"))
}

/// `POST /admin/members/{id}/stay/`.
pub async fn stay(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let id = known(&app, &path).await?;
    change(&app, &staff, move |conn, scribe, now| -> DbResult<()> {
        leaving::stay(conn, id, now)?;
        scribe.record(conn, &Deed::to("member.stay", "member", id))
    })
    .await?;
    Ok(done(&app, &page_of(id), "stayed"))
}
