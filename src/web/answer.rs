//! Answers to programs, in the forms the protocol writes them in.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::Value;

pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

pub fn json(body: &Value) -> HttpResponse {
    json_in(&mut HttpResponse::Ok(), body)
}

/// In an answer with a status and headers of its own.
pub fn json_in(response: &mut HttpResponseBuilder, body: &Value) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, JSON)).body(body.to_string())
}

/// What any page may read, whatever origin it is of.
pub fn public_json(cache_control: &'static str, body: &Value) -> HttpResponse {
    public_text(cache_control, body.to_string().into())
}

/// The same, of JSON that is written already.
pub fn public_text(cache_control: &'static str, json: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, cache_control))
        .insert_header((HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"))
        .insert_header((CONTENT_TYPE, JSON))
        .body(json)
}

/// What the protocol writes as plain text: tokens, and some refusals.
pub fn plain(status: StatusCode, text: impl Into<String>) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text.into())
}
