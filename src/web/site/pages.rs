//! Making a page: its frame, its content security policy, its headers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use askama::Template;
use data_encoding::BASE64URL_NOPAD;
use url::Url;

use crate::config::Settings;
use crate::secrets;
use crate::web::error::PageError;

/// What every page of the site side shows around its own part.
pub struct Frame {
    pub site_title: String,
    pub site_url: String,
    /// The public base of this service, with a slash at the end; links and forms start with it.
    pub base: String,
    pub nonce: String,
    form_targets: String,
}

impl Frame {
    pub fn new(settings: &Settings) -> Self {
        let origins = [&settings.url, &settings.site_url].into_iter().chain(&settings.site_origins);
        // A form's answer is a redirect to the site, and browsers hold `form-action` against it too.
        let form_targets = origins.map(|url: &Url| url.origin().ascii_serialization()).collect::<Vec<_>>().join(" ");
        Self {
            site_title: settings.site_title.clone(),
            site_url: settings.site_url.to_string(),
            base: settings.url.path().to_owned(),
            nonce: BASE64URL_NOPAD.encode(&secrets::random::<16>()),
            form_targets,
        }
    }

    /// The policy of `reliability.md` §4: nothing but our own style, forms to the site only.
    fn content_security_policy(&self) -> String {
        format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self' data:; form-action 'self' {targets}; \
             base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
            nonce = self.nonce,
            targets = self.form_targets,
        )
    }
}

/// A page whose template holds a [`Frame`].
pub fn page(status: StatusCode, frame: &Frame, template: &impl Template) -> Result<HttpResponse, PageError> {
    let html = template.render()?;
    Ok(HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
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

#[derive(Template)]
#[template(path = "site/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    text: &'a str,
    nonce: &'a str,
}

/// The page of an error. It needs no settings, so that it works wherever something goes wrong.
pub fn error(error: &PageError) -> HttpResponse {
    let nonce = BASE64URL_NOPAD.encode(&secrets::random::<16>());
    let template = ErrorPage { title: error.title, text: &error.text, nonce: &nonce };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    HttpResponse::build(error.status)
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header(("x-robots-tag", "noindex"))
        .body(template.render().unwrap_or_else(|_| error.title.to_owned()))
}
