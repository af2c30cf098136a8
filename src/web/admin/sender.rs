//! The sender: who mails come from, the keys they are signed with, and what the DNS says of all that.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, done};
use super::gate::Staff;
use super::{change, query};
use crate::app::App;
use crate::findings::Finding;
use crate::mail::dkim::{self, Key};
use crate::mail::dns::{self, Checked};
use crate::staff::audit::Deed;

#[derive(Template)]
#[template(path = "admin/mail/sender.html")]
struct Page<'a> {
    frame: &'a Frame,
    from: String,
    name: String,
    domain: String,
    server: String,
    keys: Vec<Key>,
    in_use: Option<String>,
    /// What the DNS said, if it was asked.
    checked: Option<Vec<Checked>>,
    resolver: String,
}

impl Page<'_> {
    fn is_used(&self, key: &Key) -> bool {
        self.in_use.as_deref() == Some(key.selector.as_str())
    }
}

fn domain_of(app: &App) -> Option<String> {
    app.settings.mail_from.as_ref().map(|from| from.address.domain().to_owned())
}

/// `GET /admin/mail/sender/`; with `?check=1` the DNS is asked.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let domain = domain_of(&app).unwrap_or_default();
    let of = domain.clone();
    let (keys, in_use) = app.db.read(move |conn| Ok((dkim::of_domain(conn, &of)?, dkim::in_use(conn, &of)?))).await?;
    let checked = match query(&request).get("check") {
        Some(_) => {
            // What was replaced need not be looked up any more.
            let wanted =
                keys.iter().filter(|key| key.used_since.is_none() || in_use.as_deref() == Some(key.selector.as_str()));
            Some(dns::check(&app.settings, &wanted.cloned().collect::<Vec<_>>()).await)
        }
        None => None,
    };
    let frame = Frame::of(&app, &staff, &request);
    let from = app.settings.mail_from.as_ref();
    let page = Page {
        frame: &frame,
        from: from.map(|from| from.address.as_given()).unwrap_or_default(),
        name: from.and_then(|from| from.name.clone()).unwrap_or_else(|| app.settings.site_title.clone()),
        server: app.settings.smtp.as_ref().map(ToString::to_string).unwrap_or_default(),
        resolver: app.settings.dns_resolver.map_or_else(|| "the system's".to_owned(), |at| at.to_string()),
        domain,
        keys,
        in_use,
        checked,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

/// `POST /admin/mail/sender/keys/`: makes a key. Nothing is signed with it yet.
pub async fn make_key(app: web::Data<App>, staff: Staff) -> AdminResult<HttpResponse> {
    let domain = domain_of(&app).ok_or_else(|| AdminError::refused("No sender is set; see Settings."))?;
    let (key, now) = (app.policy.key.clone(), app.now());
    // Half a second of arithmetic, off the threads that answer.
    let made = web::block(move || dkim::generate(&key, &domain, now)).await;
    let Ok(Ok(made)) = made else { return Err(AdminError::Unexpected) };
    change(&app, &staff, move |conn, scribe, now| {
        dkim::store(conn, &made, now)?;
        scribe.record(conn, &Deed::to("dkim.make", "key", made.selector()))
    })
    .await?;
    Ok(done(&app, "mail/sender/", "added"))
}

/// `POST /admin/mail/sender/keys/{id}/use/`: once its record is there.
pub async fn use_key(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let selector = path.into_inner();
    let domain = domain_of(&app).unwrap_or_default();
    let keys = app.db.read(move |conn| dkim::of_domain(conn, &domain)).await?;
    let key = keys.into_iter().find(|key| key.selector == selector).ok_or(AdminError::NotFound)?;
    let looked = dns::check(&app.settings, std::slice::from_ref(&key)).await;
    let there = looked.iter().any(|one| one.what == "DKIM" && matches!(one.finding, Finding::Good(_)));
    if !there {
        return Err(AdminError::refused(format!(
            "The record {} is not in the DNS yet, or the resolver does not see it. Mails signed with it would be refused.",
            key.name()
        )));
    }
    change(&app, &staff, move |conn, scribe, now| {
        dkim::use_key(conn, &selector, now)?;
        scribe.record(conn, &Deed::to("dkim.use", "key", &selector).with(json!({"domain": key.domain})))
    })
    .await?;
    Ok(done(&app, "mail/sender/", "saved"))
}

/// `POST /admin/mail/sender/keys/{id}/remove/`.
pub async fn remove_key(app: web::Data<App>, staff: Staff, path: Path<String>) -> AdminResult<HttpResponse> {
    let selector = path.into_inner();
    change(&app, &staff, move |conn, scribe, _| {
        if dkim::remove(conn, &selector)? {
            scribe.record(conn, &Deed::to("dkim.remove", "key", &selector))?;
        }
        Ok(())
    })
    .await?;
    Ok(done(&app, "mail/sender/", "saved"))
}
