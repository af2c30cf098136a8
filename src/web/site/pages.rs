//! Making a page: its frame with its language, its content security policy, its headers.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use askama::Template;
use data_encoding::BASE64URL_NOPAD;
use url::Url;

use crate::app::App;
use crate::config::Settings;
use crate::secrets;
use crate::signin::present::Present;
use crate::texts::{Language, Value};
use crate::web::client::Client;
use crate::web::current;
use crate::web::page_error::PageError;

/// What every page of the site side shows around its own part, and the words it is written in.
pub struct Frame {
    pub language: Language,
    /// The language the address asks for, carried on by links and forms.
    chosen: Option<Language>,
    pub site_title: String,
    pub site_url: String,
    /// The path of the public base of this service, with a slash at the end.
    base: String,
    pub nonce: String,
    form_targets: String,
    /// A script of ours stands in the page.
    pub has_script: bool,
}

impl Frame {
    pub fn new(settings: &Settings) -> Self {
        let origins = [&settings.url, &settings.site_url].into_iter().chain(&settings.site_origins);
        // A form's answer is a redirect to the site, and browsers hold `form-action` against it too.
        let origins = origins.map(|url: &Url| url.origin().ascii_serialization());
        let form_targets = origins.chain(stripe_pages(settings)).collect::<Vec<_>>().join(" ");
        Self {
            language: current::language(),
            chosen: current::chosen_language(),
            site_title: settings.site_title.clone(),
            site_url: settings.site_url.to_string(),
            base: settings.url.path().to_owned(),
            nonce: new_nonce(),
            form_targets,
            has_script: false,
        }
    }

    /// The frame for whoever asks, and who that is: a member reads their own language.
    pub async fn of(app: &App, client: &Client) -> Result<(Self, Option<Arc<Present>>), PageError> {
        let frame = Self::new(&app.settings);
        let Some(session) = client.session() else {
            return Ok((frame, None));
        };
        let present = app.presence.of(session, app.now()).await?;
        let language = present.as_ref().and_then(|present| present.member.language);
        Ok((frame.in_language(language), present))
    }

    /// In the language of whom the page is about, where it is known.
    pub fn in_language(self, known: Option<Language>) -> Self {
        Self { language: known.unwrap_or(self.language), ..self }
    }

    /// In the language that a form's own field names.
    pub fn in_chosen(self, language: Option<Language>) -> Self {
        match language {
            Some(language) => Self { language, chosen: Some(language), ..self },
            None => self,
        }
    }

    pub fn with_script(self) -> Self {
        Self { has_script: true, ..self }
    }

    /// An address of this service, such as `members/signin/`.
    pub fn url(&self, path: &str) -> String {
        match self.chosen {
            Some(language) if path.contains('?') => format!("{}{path}&lang={language}", self.base),
            Some(language) => format!("{}{path}?lang={language}", self.base),
            None => format!("{}{path}", self.base),
        }
    }

    /// A text; `{ $site }` in it is the site's name.
    pub fn t(&self, key: &str) -> String {
        self.language.fill(key, &[("site", (&self.site_title).into())])
    }

    /// A text with one value more.
    pub fn with<'a>(&self, key: &str, name: &str, value: impl Into<Value<'a>>) -> String {
        self.language.fill(key, &[("site", (&self.site_title).into()), (name, value.into())])
    }

    /// HTML: a text in which one value stands out. The value is escaped like everything else.
    pub fn strong(&self, key: &str, name: &str, value: &str) -> String {
        // From the private use area: no text has it, and escaping leaves it alone.
        const PLACE: &str = "\u{E000}";
        let text = escape(&self.with(key, name, PLACE));
        text.replace(PLACE, &format!("<strong><bdi>{}</bdi></strong>", escape(value)))
    }

    /// The policy of `reliability.md` §4: nothing but our own style, forms to the site only.
    fn content_security_policy(&self) -> String {
        let (nonce, targets) = (&self.nonce, &self.form_targets);
        let script =
            if self.has_script { format!("script-src 'nonce-{nonce}'; connect-src 'self'; ") } else { String::new() };
        format!(
            "default-src 'none'; {script}style-src 'nonce-{nonce}'; img-src 'self' data:; \
             form-action 'self' {targets}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
        )
    }
}

/// Where Stripe's own pages are: a form that leads there is answered with a redirect.
fn stripe_pages(settings: &Settings) -> Vec<String> {
    match &settings.stripe {
        None => Vec::new(),
        Some(account) if account.api_base.host_str() == Some("api.stripe.com") => {
            vec!["https://checkout.stripe.com".to_owned(), "https://billing.stripe.com".to_owned()]
        }
        Some(account) => vec![account.api_base.origin().ascii_serialization()],
    }
}

fn new_nonce() -> String {
    BASE64URL_NOPAD.encode(&secrets::random::<16>())
}

fn escape(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|safe| safe.to_string()).unwrap_or_default()
}

/// A page whose template holds a [`Frame`].
pub fn page(status: StatusCode, frame: &Frame, template: &impl Template) -> Result<HttpResponse, PageError> {
    let html = template.render()?;
    Ok(HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_LANGUAGE, frame.language.tag()))
        .insert_header((header::CONTENT_SECURITY_POLICY, frame.content_security_policy()))
        .insert_header(("x-robots-tag", "noindex"))
        .body(html))
}

/// Marks an answer that has to do with a token: nothing of it may travel on (`reliability.md` T11).
pub fn about_a_token(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `303`: the answer to a form.
pub fn see_other(location: &str) -> HttpResponse {
    redirect(StatusCode::SEE_OTHER, location)
}

pub fn redirect(status: StatusCode, location: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::LOCATION, location)).finish()
}

/// Adds a cookie to an answer.
pub fn with_cookie(mut response: HttpResponse, cookie: &str) -> HttpResponse {
    // Cookies of ours are base64url and fixed words, which are a header's value.
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Template)]
#[template(path = "site/error.html")]
struct ErrorPage<'a> {
    language: Language,
    title: &'a str,
    text: &'a str,
    nonce: &'a str,
}

/// The page of an error. It needs no settings, so that it works wherever something goes wrong.
pub fn error(error: &PageError) -> HttpResponse {
    let (language, nonce) = (current::language(), new_nonce());
    let (title, text) = (language.text(error.key), language.text(&format!("{}.text", error.key)));
    let template = ErrorPage { language, title: &title, text: &text, nonce: &nonce };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(error.status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_LANGUAGE, language.tag()))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header(("x-robots-tag", "noindex"))
        .body(template.render().unwrap_or_else(|_| title.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseUrl;

    fn frame() -> Frame {
        let url = Url::parse("https://members.example.com/m/").unwrap();
        Frame::new(&Settings::new(url, DatabaseUrl::Sqlite("unused".into()), "unused".into()))
    }

    #[test]
    fn what_stands_out_is_escaped() {
        let html = frame().strong("link-signin.text", "address", "<b>&\"x");
        assert!(html.contains("<strong><bdi>&#60;b&#62;&#38;&#34;x</bdi></strong>"), "{html}");
    }

    #[test]
    fn a_chosen_language_travels_along() {
        assert_eq!(frame().url("members/signin/"), "/m/members/signin/");
        let german = frame().in_chosen(Some(Language::German));
        assert_eq!(german.url("members/signin/"), "/m/members/signin/?lang=de");
        assert_eq!(german.url("members/?token=x"), "/m/members/?token=x&lang=de");
    }
}
