//! Making a page of staff: what stands round its own part, and its headers.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use data_encoding::BASE64URL_NOPAD;

use super::error::{AdminError, AdminResult};
use super::gate::Staff;
use crate::app::App;
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::secrets;
use crate::staff::roles::Right;
use crate::texts::Language;
use crate::web::body::Form;
use crate::web::current;
use crate::web::site::pages::see_other;

/// What every page shows around its own part.
pub struct Frame {
    pub site_title: String,
    pub site_url: String,
    pub nonce: String,
    /// The path of these pages, with a slash at the end.
    base: String,
    pub who: Option<Who>,
    pub places: Vec<NavItem>,
    /// What has just happened.
    pub done: Option<&'static str>,
    /// Makes a form count once, however often it is sent.
    pub once: String,
}

pub struct Who {
    pub name: String,
    pub role: String,
}

pub struct NavItem {
    pub label: &'static str,
    pub path: String,
    pub is_here: bool,
}

/// The parts of the house, in the order of the menu.
const PLACES: [(&str, &str, Right); 11] = [
    ("Home", "", Right::Look),
    ("Members", "members/", Right::Look),
    ("Tiers and offers", "tiers/", Right::Look),
    ("Newsletters", "newsletters/", Right::Look),
    ("Billing", "billing/", Right::Look),
    ("Mail", "mail/", Right::Look),
    ("Work", "jobs/", Right::Look),
    ("Footer", "footer/", Right::Look),
    ("Settings", "settings/", Right::Settings),
    ("Staff", "staff/", Right::Staff),
    ("Audit log", "audit/", Right::Audit),
];

/// What a page may say that has happened; the address chooses among these and nothing else.
const DONE: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("password", "Your password is changed. Every other device was signed out."),
    ("factor-off", "The second factor is off."),
    ("device", "Signed out."),
    ("invited", "The invitation is on its way."),
    ("withdrawn", "The invitation is taken back."),
    ("role", "The role is changed. It counts at once."),
    ("removed", "The account is removed. What it did stays in the audit log."),
    ("signed-out", "Signed out everywhere."),
    ("reset-sent", "The mail with the link is on its way."),
    ("link-sent", "A mail with a link to sign in is on its way."),
    ("labels", "The labels are changed."),
    ("lists", "The newsletters are changed."),
    ("note", "The note is kept."),
    ("comp", "Access is given."),
    ("comp-off", "Access that staff gave is taken back."),
    ("plan", "The plan is changed."),
    ("cancelled", "The subscription is ended, or will end, as you chose."),
    ("resumed", "The subscription goes on."),
    ("refunded", "The money is on its way back."),
    ("read", "Read from Stripe just now."),
    ("erased", "The account will be erased. Until then it can be kept after all."),
    ("stayed", "The account stays."),
    ("added", "Added."),
    ("archived", "Archived."),
    ("restored", "Offered again."),
    ("started", "Under way. This page can be left; the work goes on."),
    ("undone", "It is being taken back."),
    ("tried-again", "It is tried again."),
    ("test-sent", "A test mail is on its way to you."),
    ("lifted", "Mails go to this address again."),
    ("key", "There is a new key. The old one is good no more."),
    ("revoked", "The key is taken back. It is good no more."),
    ("ordered", "The order is changed."),
];

impl Frame {
    /// The frame of a page of whoever is here.
    pub fn of(app: &App, staff: &Staff, request: &HttpRequest) -> Self {
        let mut frame = Self::bare(&app.settings);
        let visitor = &staff.visitor;
        frame.who = Some(Who { name: visitor.name.clone(), role: visitor.role.to_string() });
        let here = request.path().strip_prefix(frame.base.as_str()).unwrap_or_default();
        frame.places = PLACES
            .into_iter()
            .filter(|(_, _, right)| staff.may(*right))
            .map(|(label, path, _)| NavItem {
                label,
                path: frame.url(path),
                is_here: if path.is_empty() { here.is_empty() } else { here.starts_with(path.trim_end_matches('/')) },
            })
            .collect();
        frame.done = super::query(request).get("done").and_then(words_of);
        frame
    }

    /// The frame for whoever is not signed in.
    pub fn bare(settings: &Settings) -> Self {
        Self {
            site_title: settings.site_title.clone(),
            site_url: settings.site_url.to_string(),
            nonce: new_nonce(),
            base: format!("{}admin/", settings.url.path()),
            who: None,
            places: Vec::new(),
            done: None,
            once: new_nonce(),
        }
    }

    /// An address of these pages, such as `members/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A moment in words, in UTC.
    pub fn moment(&self, at: &Timestamp) -> String {
        Language::English.moment(*at)
    }

    pub fn day(&self, at: &Timestamp) -> String {
        Language::English.day(*at)
    }
}

fn words_of(key: &str) -> Option<&'static str> {
    DONE.iter().find(|(known, _)| *known == key).map(|(_, words)| *words)
}

fn new_nonce() -> String {
    BASE64URL_NOPAD.encode(&secrets::random::<16>())
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
         object-src 'none'; frame-src 'self'; frame-ancestors 'none'"
    )
}

/// A page whose template holds a [`Frame`].
pub fn page(status: StatusCode, frame: &Frame, template: &impl Template) -> AdminResult<HttpResponse> {
    Ok(html(status, &frame.nonce, template.render()?))
}

fn html(status: StatusCode, nonce: &str, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_LANGUAGE, "en"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy(nonce)))
        // What was looked for, and tokens of links, travel nowhere.
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("x-robots-tag", "noindex"))
        .body(body)
}

/// Back to a page of ours, with what has happened.
pub fn done(app: &App, path: &str, what: &str) -> HttpResponse {
    debug_assert!(words_of(what).is_some(), "{what} has words");
    let mark = if path.contains('?') { '&' } else { '?' };
    see_other(&format!("{}admin/{path}{mark}done={what}#done", app.settings.url.path()))
}

#[derive(Template)]
#[template(path = "admin/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
    code: &'a str,
    number: Option<String>,
    way_on: Option<(&'static str, &'a str)>,
    nonce: &'a str,
}

/// The page of an error. It needs no settings and nobody's session.
pub fn error(error: &AdminError) -> HttpResponse {
    let (title, text) = error.words();
    let nonce = new_nonce();
    let number = matches!(error, AdminError::Unexpected).then(|| current::id().to_string());
    let page = ErrorPage { title, text: &text, code: error.code(), number, way_on: error.way_on(), nonce: &nonce };
    html(error.status_code(), &nonce, page.render().unwrap_or_else(|_| title.to_owned()))
}

/// What was typed into a form, to be shown again beside what is wrong with it.
#[derive(Default)]
pub struct Typed {
    values: Vec<(String, String)>,
    pub wrong: Vec<(&'static str, String)>,
}

impl Typed {
    /// The fields of a form that may be shown again.
    pub fn of(form: &Form, fields: &[&str]) -> Self {
        let one =
            |field: &&str| ((*field).to_owned(), form.get(field).unwrap_or_default().chars().take(20_000).collect());
        Self { values: fields.iter().map(one).collect(), wrong: Vec::new() }
    }

    /// What is there already.
    pub fn from(values: &[(&str, String)]) -> Self {
        Self {
            values: values.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect(),
            wrong: Vec::new(),
        }
    }

    pub fn get(&self, field: &str) -> &str {
        self.values.iter().find(|(known, _)| known == field).map_or("", |(_, value)| value.as_str())
    }

    /// A value without space round it; `None` when nothing is left.
    pub fn text(&self, field: &str) -> Option<&str> {
        Some(self.get(field).trim()).filter(|text| !text.is_empty())
    }

    pub fn complain(&mut self, field: &'static str, why: impl std::fmt::Display) {
        self.wrong.push((field, why.to_string()));
    }

    pub fn error(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(known, _)| *known == field).map(|(_, why)| why.as_str())
    }

    /// Attributes of a field that something is wrong with.
    pub fn marks(&self, field: &str) -> String {
        match self.error(field) {
            Some(_) => format!(" aria-invalid=\"true\" aria-describedby=\"{field}-error\""),
            None => String::new(),
        }
    }

    pub fn is_wrong(&self) -> bool {
        !self.wrong.is_empty()
    }
}

/// Says what a form was made of, so that saving can tell that something else stands there now.
pub fn version(fields: &[&str]) -> String {
    let mut text = String::new();
    for field in fields {
        text.push_str(field);
        text.push('\0');
    }
    BASE64URL_NOPAD.encode(&secrets::sha256(text.as_bytes())[..12])
}
