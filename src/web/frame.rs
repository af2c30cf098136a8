//! What every request and every response passes through: caps, the handler's deadline, headers,
//! the request's id, the log line, metrics.

use std::rc::Rc;
use std::time::Instant;

use actix_http::ConnectionType;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use tokio::time::timeout;
use uuid::Uuid;

use super::connection::Progress;
use super::current::{self, Current};
use super::error::{ApiError, is_api};
use super::page_error::PageError;
use super::{cors, language};
use crate::app::App;
use crate::config::{Http, Settings, millis};
use crate::ids;

/// Never kept by anybody between (protocol B.0).
const NO_STORE: HeaderValue =
    HeaderValue::from_static("no-cache, private, no-store, must-revalidate, max-stale=0, post-check=0, pre-check=0");
/// The version of the protocol that is spoken (D.1).
const PROTOCOL: HeaderValue = HeaderValue::from_static("v6.65");
const API_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");

pub async fn frame(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let Some(app) = request.app_data::<web::Data<App>>().cloned() else { unreachable!("every route has the app") };
    let progress = request.conn_data::<Rc<Progress>>().cloned();
    let close = progress.as_ref().is_some_and(|progress| progress.request_begins()) || app.is_stopping();
    let outside = Outside {
        path: request.path().to_owned(),
        method: request.method().clone(),
        origin: request.headers().get(header::ORIGIN).cloned(),
        id: ids::of_request(),
    };
    let current = of_request(&request, outside.id, &app.settings);

    let answering = answer(request, next, &app, &outside.path);
    let answered = current::during(current, answering).await;

    if let Some(progress) = progress {
        progress.request_ends();
    }
    match answered {
        Ok(mut response) => {
            finish_headers(response.headers_mut(), &outside, &app.settings);
            if close {
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            let route = || response.request().match_pattern().unwrap_or_else(|| "(none)".to_owned());
            note(&outside, route, response.status(), started);
            Ok(response)
        }
        Err(mut response) => {
            finish_headers(response.headers_mut(), &outside, &app.settings);
            response.head_mut().set_connection_type(ConnectionType::Close);
            note(&outside, || "(given up)".to_owned(), response.status(), started);
            Err(InternalError::from_response("given up", response).into())
        }
    }
}

/// What the answer is written in. Programs are answered in the protocol's own words.
fn of_request(request: &ServiceRequest, id: Uuid, settings: &Settings) -> Current {
    if is_api(request.path()) {
        return Current { id, chosen: None, language: settings.language };
    }
    let chosen = language::in_query(request.query_string());
    let language = chosen.or_else(|| language::preferred(request)).unwrap_or(settings.language);
    Current { id, chosen, language }
}

/// What is kept of a request while it is answered; the request itself must not be held.
struct Outside {
    path: String,
    method: Method,
    origin: Option<HeaderValue>,
    id: Uuid,
}

/// The answer, or, when the handler gave none in time, what is said in its place.
async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    app: &App,
    path: &str,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    let http = &app.settings.http;
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if let Some(status) = refused_by_caps(request.headers(), address, http) {
        return Ok(request.into_response(error_of(status, path)));
    }
    // Refusing must cost less than answering, or too many readers keep out even those there is room for.
    if !request.method().is_safe() && app.db.is_full() {
        return Ok(request.into_response(error_of(StatusCode::SERVICE_UNAVAILABLE, path)));
    }
    let is_preflight = request.method() == Method::OPTIONS
        && is_api(path)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        let response = cors::preflight(request.headers());
        return Ok(request.into_response(response));
    }
    // A body has its own deadlines (`body.rs`); what comes after it has the handler's.
    let body = if request.method().is_safe() { 0 } else { http.body_total_ms };
    match timeout(millis(http.handler_ms + body), next.call(request)).await {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(error.error_response()),
        Err(_) => {
            tracing::error!("an answer took too long and was given up");
            Err(error_of(StatusCode::SERVICE_UNAVAILABLE, path))
        }
    }
}

/// The longest address that is answered.
const LONGEST_URI: usize = 8 * 1024;

fn refused_by_caps(headers: &HeaderMap, uri: usize, http: &Http) -> Option<StatusCode> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let too_many = headers.len() > usize::try_from(http.header_fields).unwrap_or(usize::MAX);
    if uri > LONGEST_URI {
        Some(StatusCode::URI_TOO_LONG)
    } else if too_many || size > usize::try_from(http.header_bytes).unwrap_or(usize::MAX) {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else {
        None
    }
}

fn error_of(status: StatusCode, path: &str) -> HttpResponse {
    let (api, page) = match status {
        StatusCode::SERVICE_UNAVAILABLE => (ApiError::busy(), PageError::busy()),
        _ => (ApiError { status, ..ApiError::too_large() }, PageError::too_large(status)),
    };
    if is_api(path) { api.error_response() } else { page.error_response() }
}

fn finish_headers(headers: &mut HeaderMap, outside: &Outside, settings: &Settings) {
    let mut default = |name: HeaderName, value: HeaderValue| {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    };
    default(header::CACHE_CONTROL, NO_STORE);
    default(header::CONTENT_SECURITY_POLICY, API_CSP);
    default(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    default(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    default(
        header::PERMISSIONS_POLICY,
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    );
    default(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    default(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if settings.is_https() {
        default(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Hex digits and hyphens are a header's value.
    if let Ok(id) = HeaderValue::from_str(outside.id.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    if outside.path.contains("/ghost/api/") {
        headers.insert(HeaderName::from_static("content-version"), PROTOCOL);
        headers.append(header::VARY, HeaderValue::from_static("Accept-Version"));
    }
    if is_api(&outside.path) || is_answered_in_place(headers, &outside.path) {
        cors::mark(outside.origin.as_ref(), &outside.path, settings, headers);
    }
}

/// The footer's script on a page of the site reads the answer to its form.
fn is_answered_in_place(headers: &HeaderMap, path: &str) -> bool {
    is_form(path) && headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json")
}

fn is_form(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    ["/members/subscribe", "/members/signup", "/members/signin"].iter().any(|form| path.ends_with(form))
}

/// One line a request, with its route: the path may carry a secret, the query often does.
fn note(outside: &Outside, route: impl FnOnce() -> String, status: StatusCode, started: Instant) {
    let (method, id, elapsed) = (&outside.method, outside.id, started.elapsed());
    let class = match status.as_u16() {
        0..400 => "ok",
        400..500 => "refused",
        _ => "failed",
    };
    metrics::counter!("readership_http_requests_total", "class" => class).increment(1);
    metrics::histogram!("readership_http_seconds").record(elapsed.as_secs_f64());
    if class == "failed" {
        tracing::warn!(%method, route = route(), status = status.as_u16(), %id, "answered");
    } else if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::debug!(%method, route = route(), status = status.as_u16(), elapsed_us = elapsed.as_micros(), %id, "answered");
    }
}
