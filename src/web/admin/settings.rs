//! Settings that can be changed while the program runs, and the keys of programs.
//!
//! What the environment or the settings file says is shown and cannot be changed here. A change is checked
//! as a whole, stored sealed, and taken up at once: the program starts anew inside its process, on the same
//! socket, and finishes running requests first. Other nodes follow within seconds.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use super::error::{AdminError, AdminResult};
use super::frame::{self, Frame, done, version};
use super::gate::Staff;
use super::{Posted, change};
use crate::app::App;
use crate::config::{self, Key, Settings};
use crate::staff::audit::Deed;
use crate::staff::roles::Right;
use crate::staff::stored_settings::{self, Stored};

/// Settings that belong together.
struct Group {
    id: &'static str,
    title: &'static str,
    hint: &'static str,
    keys: &'static [&'static str],
    /// Keys that begin so belong here too.
    numbers: &'static [&'static str],
}

const GROUPS: [Group; 5] = [
    Group {
        id: "site",
        title: "Site",
        hint: "",
        keys: &[
            "READERSHIP_SITE_TITLE",
            "READERSHIP_SITE_DESCRIPTION",
            "READERSHIP_SITE_ORIGINS",
            "READERSHIP_LANGUAGE",
            "READERSHIP_ACCENT_COLOR",
            "READERSHIP_UNSUBSCRIBE_PAGE",
            "READERSHIP_TRACK_SOURCES",
        ],
        numbers: &[],
    },
    Group {
        id: "mail",
        title: "Mail",
        hint: "Afterwards, under Mail, send a test to yourself.",
        keys: &[
            "READERSHIP_SMTP_URL",
            "READERSHIP_MAIL_FROM",
            "READERSHIP_SUPPORT_EMAIL",
            "READERSHIP_WELCOME_MAIL",
            "READERSHIP_DNS_RESOLVER",
        ],
        numbers: &["READERSHIP_SMTP_"],
    },
    Group {
        id: "stripe",
        title: "Stripe",
        hint: "Afterwards, under Billing, set the webhook up and test everything.",
        keys: &[
            "READERSHIP_STRIPE_SECRET_KEY",
            "READERSHIP_STRIPE_PUBLISHABLE_KEY",
            "READERSHIP_STRIPE_WEBHOOK_SECRET",
            "READERSHIP_DONATIONS",
        ],
        numbers: &["READERSHIP_BILLING_"],
    },
    Group { id: "limits", title: "Limits", hint: "", keys: &[], numbers: &["READERSHIP_LIMITS_"] },
    Group {
        id: "lifetimes",
        title: "Lifetimes and staff",
        hint: "",
        keys: &[],
        numbers: &["READERSHIP_LIFETIMES_", "READERSHIP_STAFF_"],
    },
];

/// Never shown again once they are typed.
const SECRETS: [&str; 3] = ["READERSHIP_SMTP_URL", "READERSHIP_STRIPE_SECRET_KEY", "READERSHIP_STRIPE_WEBHOOK_SECRET"];
/// Not to be changed while the program runs, or not from afar.
const NOT_HERE: [&str; 1] = ["READERSHIP_SMTP_CA_FILE"];

/// A setting on the page.
struct Field {
    name: &'static str,
    label: String,
    meaning: &'static str,
    default: String,
    value: String,
    is_secret: bool,
    is_set: bool,
    /// Stands in the environment or the file.
    is_fixed: bool,
    error: Option<String>,
}

struct Shown {
    id: &'static str,
    title: &'static str,
    hint: &'static str,
    plain: Vec<Field>,
    numbers: Vec<Field>,
    version: String,
}

/// `READERSHIP_SITE_TITLE` → `Site title`.
fn label(name: &str) -> String {
    let words = name.trim_start_matches("READERSHIP_").to_lowercase().replace('_', " ");
    super::tiers::capital(&words)
}

impl Group {
    fn keys(&self) -> Vec<Key> {
        let mine = |key: &Key| {
            self.keys.contains(&key.name)
                || self.numbers.iter().any(|start| key.name.starts_with(start) && !is_elsewhere(key.name))
        };
        config::keys().into_iter().filter(mine).collect()
    }

    /// What the form of the group was made of.
    fn version(&self, settings: &Settings) -> String {
        let values: Vec<String> =
            self.keys().iter().map(|key| settings.given.get(key.name).cloned().unwrap_or_default()).collect();
        version(&values.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// A key that begins like the numbers of a group and is none of them.
fn is_elsewhere(name: &str) -> bool {
    NOT_HERE.contains(&name) || GROUPS.iter().any(|group| group.keys.contains(&name))
}

#[derive(Template)]
#[template(path = "admin/settings/page.html")]
struct Page<'a> {
    frame: &'a Frame,
    groups: Vec<Shown>,
    general: Vec<String>,
    may_keys: bool,
    database: String,
    url: String,
}

/// `GET /admin/settings/`.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    page(&app, &staff, &request, StatusCode::OK, &BTreeMap::new(), &[])
}

fn page(
    app: &App,
    staff: &Staff,
    request: &HttpRequest,
    status: StatusCode,
    typed: &Stored,
    wrong: &[String],
) -> AdminResult<HttpResponse> {
    let settings = &app.settings;
    let field = |key: Key| {
        let is_secret = SECRETS.contains(&key.name);
        let given = settings.given.get(key.name).filter(|text| !text.is_empty());
        let value = match (typed.get(key.name), given) {
            _ if is_secret => String::new(),
            (Some(typed), _) => typed.clone(),
            (None, given) => given.cloned().unwrap_or_default(),
        };
        Field {
            label: label(key.name),
            value,
            is_secret,
            is_set: given.is_some(),
            is_fixed: settings.fixed.contains(key.name),
            error: wrong.iter().find_map(|line| about(line, key.name)),
            name: key.name,
            meaning: key.meaning,
            default: key.default,
        }
    };
    let groups = GROUPS
        .iter()
        .map(|group| {
            let (plain, numbers): (Vec<Key>, Vec<Key>) =
                group.keys().into_iter().partition(|key| group.keys.contains(&key.name));
            Shown {
                id: group.id,
                title: group.title,
                hint: group.hint,
                plain: plain.into_iter().map(field).collect(),
                numbers: numbers.into_iter().map(field).collect(),
                version: group.version(settings),
            }
        })
        .collect();
    let is_told = |line: &&String| config::keys().iter().any(|key| about(line, key.name).is_some());
    let frame = Frame::of(app, staff, request);
    let page = Page {
        frame: &frame,
        groups,
        general: wrong.iter().filter(|line| !is_told(line)).cloned().collect(),
        may_keys: staff.may(Right::Keys),
        database: settings.database.masked(),
        url: settings.url.to_string(),
    };
    frame::page(status, &frame, &page)
}

/// What a line says that is about a key.
fn about(line: &str, key: &str) -> Option<String> {
    let rest = line.strip_prefix(key)?;
    let rest = rest.strip_prefix(" (changed in the pages)").unwrap_or(rest);
    rest.starts_with(' ').then(|| format!("It {}.", rest.trim()))
}

/// `POST /admin/settings/{group}/`.
pub async fn save(
    app: web::Data<App>,
    staff: Staff,
    request: HttpRequest,
    path: Path<String>,
    Posted(form): Posted,
) -> AdminResult<HttpResponse> {
    let group = GROUPS.iter().find(|group| group.id == *path).ok_or(AdminError::NotFound)?;
    let settings = &app.settings;
    let mut typed = Stored::new();
    for key in group.keys().into_iter().filter(|key| !settings.fixed.contains(key.name)) {
        let text = form.get(key.name).unwrap_or_default().trim().to_owned();
        let keeps =
            SECRETS.contains(&key.name) && text.is_empty() && form.get(&format!("forget {}", key.name)).is_none();
        if !keeps {
            typed.insert(key.name.to_owned(), text);
        }
    }
    let key = app.policy.key.clone();
    let before = app.db.read(move |conn| stored_settings::read(conn, &key)).await?;
    if form.get("version") != Some(group.version(settings).as_str()) {
        let why =
            "Somebody else changed settings while you were at it. What you typed is below; look at it, and save again.";
        return page(&app, &staff, &request, StatusCode::CONFLICT, &typed, &[why.to_owned()]);
    }
    let mut after = before.clone();
    for (name, text) in &typed {
        if text.is_empty() {
            after.remove(name)
        } else {
            after.insert(name.clone(), text.clone())
        };
    }
    if let Err(wrong) = Settings::load_with(settings.file.as_deref(), &after) {
        return page(&app, &staff, &request, StatusCode::UNPROCESSABLE_ENTITY, &typed, wrong.lines());
    }
    let changed: Vec<String> = typed.keys().filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    if changed.is_empty() {
        return Ok(done(&app, "settings/", "saved"));
    }
    change(&app, &staff, move |conn, scribe, now| {
        let shown = |stored: &Stored, name: &String| match stored.get(name) {
            Some(_) if SECRETS.contains(&name.as_str()) => json!("set"),
            other => json!(other),
        };
        let facts = |stored: &Stored| {
            changed.iter().map(|name| (name.clone(), shown(stored, name))).collect::<serde_json::Map<_, _>>()
        };
        for name in &changed {
            stored_settings::write(conn, scribe.key, name, after.get(name).map(String::as_str), now)?;
        }
        scribe.record(
            conn,
            &Deed::to("settings.change", "settings", "").from(facts(&before).into()).with(facts(&after).into()),
        )
    })
    .await?;
    app.renewal.ask();
    Ok(done(&app, "settings/", "saved"))
}
