//! The form for the site's own pages: chosen here, copied there. It works with no script at all.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::error::AdminResult;
use super::frame::{self, Frame};
use super::gate::Staff;
use super::query;
use crate::app::App;
use crate::billing::tiers::{self, Kind};
use crate::newsletters::{self, Newsletter};
use crate::texts::Language;
use crate::web::body::Form;

/// Where the form is to stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub value: &'static str,
    pub name: &'static str,
    /// What that kind of site writes for a page's own path.
    path: &'static str,
    /// How to put it there.
    pub how: &'static str,
}

const PLACES: [Place; 5] = [
    Place {
        value: "plain",
        name: "Plain HTML",
        path: "",
        how: "Paste it before </body> of each page. Readers come back to the page that “return_to” names; left empty, to your home page.",
    },
    Place {
        value: "hugo",
        name: "Hugo",
        path: "{{ .RelPermalink }}",
        how: "Save it as layouts/partials/members-footer.html, and write {{ partial \"members-footer.html\" . }} into layouts/_default/baseof.html.",
    },
    Place {
        value: "astro",
        name: "Astro",
        path: "{Astro.url.pathname}",
        how: "Save it as src/components/MembersFooter.astro, with <style is:global> in the place of <style>, and use <MembersFooter /> in your layout.",
    },
    Place {
        value: "eleventy",
        name: "Eleventy",
        path: "{{ page.url }}",
        how: "Save it as _includes/members-footer.njk, and write {% include \"members-footer.njk\" %} into your layout.",
    },
    Place {
        value: "wordpress",
        name: "WordPress",
        path: "",
        how: "In the site editor, open the footer template part, add a block “Custom HTML”, and paste it there.",
    },
];

/// A note that shows when its moment has come.
#[derive(Clone, Copy)]
struct Note {
    id: &'static str,
    key: &'static str,
    is_bad: bool,
}

const NOTES: [Note; 9] = [
    Note { id: "members-pending", key: "footer-pending", is_bad: false },
    Note { id: "members-signup-ok", key: "footer-signed-up", is_bad: false },
    Note { id: "members-signin-ok", key: "footer-signed-in", is_bad: false },
    Note { id: "members-subscribe-ok", key: "footer-subscribed", is_bad: false },
    Note { id: "members-already", key: "footer-already", is_bad: false },
    Note { id: "members-expired", key: "footer-expired", is_bad: true },
    Note { id: "members-failed", key: "footer-failed", is_bad: true },
    Note { id: "members-billing-ok", key: "footer-billing-updated", is_bad: false },
    Note { id: "members-billing-failed", key: "footer-billing-not-updated", is_bad: true },
];

/// What staff chose.
struct Choice {
    list: Option<Newsletter>,
    language: Language,
    place: Place,
    heading: String,
    button: String,
    asks_name: bool,
    has_signup: bool,
    has_signin: bool,
    has_card: bool,
    has_script: bool,
}

impl Choice {
    fn read(form: &Form, lists: &[Newsletter], settings: &crate::config::Settings) -> Self {
        let language = form.get("language").and_then(Language::of_tag).unwrap_or(settings.language);
        let text = |field: &str| form.get(field).unwrap_or_default().trim().chars().take(191).collect::<String>();
        let is_new = form.get("language").is_none();
        let on = |field: &str, first: bool| if is_new { first } else { form.get(field).is_some() };
        let list = form.get("newsletter").and_then(|id| id.parse().ok());
        Self {
            list: lists.iter().find(|one| Some(one.id) == list).or_else(|| lists.first()).cloned(),
            language,
            place: PLACES.into_iter().find(|place| form.get("place") == Some(place.value)).unwrap_or(PLACES[0]),
            heading: text("heading"),
            button: text("button"),
            asks_name: on("name", false),
            has_signup: on("signup", false),
            has_signin: on("signin", true),
            has_card: on("card", false),
            has_script: on("script", false),
        }
    }
}

/// The form itself, as it is pasted into a page.
#[derive(Template)]
#[template(path = "admin/footer/snippet.html")]
struct Snippet<'a> {
    choice: &'a Choice,
    members: &'a str,
    /// The id of the note that is shown whatever the address says, for the preview.
    shown: &'a str,
    /// `light` or `dark`, for the preview; nothing follows the reader's own.
    scheme: &'a str,
}

impl Snippet<'_> {
    fn t(&self, key: &str) -> String {
        let list = self.choice.list.as_ref().map_or("", |list| list.name.as_str());
        self.choice.language.fill(key, &[("list", list.into())])
    }

    fn notes(&self) -> [Note; 9] {
        NOTES
    }

    fn heading(&self) -> String {
        if self.choice.heading.is_empty() { self.t("footer-title") } else { self.choice.heading.clone() }
    }

    fn button(&self) -> String {
        if self.choice.button.is_empty() { self.t("footer-subscribe") } else { self.choice.button.clone() }
    }

    fn path(&self) -> &str {
        self.choice.place.path
    }

    fn is_light(&self) -> bool {
        self.scheme == "light"
    }

    fn is_dark(&self) -> bool {
        self.scheme == "dark"
    }

    fn follows_reader(&self) -> bool {
        self.scheme.is_empty()
    }
}

#[derive(Template)]
#[template(path = "admin/footer/page.html")]
struct Page<'a> {
    frame: &'a Frame,
    choice: &'a Choice,
    lists: Vec<Newsletter>,
    places: [Place; 5],
    languages: [Language; 5],
    snippet: String,
    /// The query of the choice, for the previews.
    query: String,
    sells: bool,
    site: String,
}

impl Page<'_> {
    fn states(&self) -> Vec<(&'static str, String)> {
        let list = self.choice.list.as_ref().map_or("", |list| list.name.as_str());
        let note = NOTES.into_iter().map(|note| (note.id, Language::English.fill(note.key, &[("list", list.into())])));
        std::iter::once(("", "Nothing has happened yet".to_owned())).chain(note).collect()
    }
}

/// `GET /admin/footer/`: everything is chosen through its address.
pub async fn show(app: web::Data<App>, staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let (lists, sells) = app
        .db
        .read(|conn| {
            let sells = tiers::active(conn)?.iter().any(|tier| tier.kind == Kind::Paid);
            Ok((newsletters::active(conn)?, sells))
        })
        .await?;
    let choice = Choice::read(&query(&request), &lists, &app.settings);
    let members = app.settings.url.to_string();
    let snippet = Snippet { choice: &choice, members: &members, shown: "", scheme: "" }.render()?;
    let frame = Frame::of(&app, &staff, &request);
    let page = Page {
        frame: &frame,
        lists,
        places: PLACES,
        languages: Language::ALL,
        snippet,
        query: request.query_string().to_owned(),
        sells: sells && app.billing.is_some(),
        site: app.settings.site_url.to_string(),
        choice: &choice,
    };
    frame::page(StatusCode::OK, &frame, &page)
}

#[derive(Template)]
#[template(path = "admin/footer/preview.html")]
struct Preview<'a> {
    frame: &'a Frame,
    language: Language,
    scheme: &'a str,
    snippet: String,
}

/// `GET /admin/footer/preview/`: the form in one state and one scheme, to be looked at and not sent.
pub async fn preview(app: web::Data<App>, _staff: Staff, request: HttpRequest) -> AdminResult<HttpResponse> {
    let query = query(&request);
    let lists = app.db.read(newsletters::active).await?;
    let choice = Choice::read(&query, &lists, &app.settings);
    let shown = NOTES.iter().map(|note| note.id).find(|id| query.get("state") == Some(id)).unwrap_or("");
    let scheme = if query.get("scheme") == Some("dark") { "dark" } else { "light" };
    let members = app.settings.url.to_string();
    let frame = Frame::bare(&app.settings);
    let snippet = Snippet { choice: &choice, members: &members, shown, scheme }.render()?;
    // The page's own policy: the style of the form needs its nonce here, on a site it does not.
    let snippet = snippet.replacen("<style>", &format!("<style nonce=\"{}\">", frame.nonce), 1);
    let page = Preview { frame: &frame, language: choice.language, scheme, snippet };
    let mut response = frame::page(StatusCode::OK, &frame, &page)?;
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{}'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
        frame.nonce
    );
    if let Ok(policy) = header::HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}
