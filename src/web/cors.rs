//! CORS for the members API: an exact list of origins, credentials for them only, nothing for
//! anybody else (`reliability.md` B5). What is public is open to all.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::Settings;
use crate::signin::return_to::is_site_origin;

/// Adds what a browser must see before it lets a page of the site read the answer.
pub fn mark(origin: Option<&HeaderValue>, path: &str, settings: &Settings, response: &mut HeaderMap) {
    response.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin.filter(|origin| origin.to_str().is_ok_and(|text| is_site_origin(text, settings))) {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else if is_public(path) {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

fn is_public(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.ends_with("/members/api/site")
        || path.ends_with("/members/.well-known/jwks.json")
        || path.contains("/ghost/api/content/")
}

/// Answers a preflight (protocol B.0).
pub fn preflight(request: &HeaderMap) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET,HEAD,PUT,PATCH,POST,DELETE"));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
    let asked: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
    if let Some(names) = request.get(asked) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone()));
    }
    response.finish()
}
