//! What went wrong, as its sender understands it: the JSON envelope for clients of an API, a page
//! for browsers. Neither tells anything of the inside (`reliability.md` Q9).

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::json;

use super::asking;
use super::site::pages;
use crate::db::DbError;

/// An answer of the members API that is no success (protocol D.2).
#[derive(Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub kind: &'static str,
    pub message: String,
    pub context: Option<String>,
    pub code: Option<&'static str>,
    pub property: Option<&'static str>,
    pub retry_after: Option<Duration>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), context: None, code: None, property: None, retry_after: None }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestError", message)
    }

    pub fn invalid(message: impl Into<String>, property: &'static str) -> Self {
        let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ValidationError", message);
        Self { property: Some(property), ..error }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "NoPermissionError", message)
    }

    pub fn unsupported_media_type() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaTypeError", "Send the body as application/json.")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", "Resource not found")
    }

    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeError",
            "The request is larger than this server takes.",
        )
    }

    pub fn body_late() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "BadRequestError", "The body did not arrive in time.")
    }

    /// Portal shows this text, with its number, as it stands (protocol A.6).
    pub fn too_many(retry_after: Duration) -> Self {
        let minutes = retry_after.as_secs().div_ceil(60).max(1);
        let message = format!("Too many different sign-in attempts, try again in {minutes} minutes");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsError", message);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// The protocol answers JSON that cannot be read in this odd way (B.0).
    pub fn malformed_json(context: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, context: Some(context), ..Self::unexpected() }
    }

    pub fn unexpected() -> Self {
        let message = "An unexpected error occurred, please try again.";
        let error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message);
        Self { code: Some("UNEXPECTED_ERROR"), ..error }
    }

    pub fn busy() -> Self {
        let message = "The server is busy for a moment, please try again.";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "MaintenanceError", message);
        Self { retry_after: Some(Duration::from_secs(2)), ..error }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.kind)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status);
        if let Some(wait) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        response.insert_header((header::CONTENT_TYPE, "application/json; charset=utf-8"));
        response.body(
            json!({"errors": [{
                "message": self.message,
                "context": self.context,
                "type": self.kind,
                "details": null,
                "property": self.property,
                "help": null,
                "code": self.code,
                "id": asking::id(),
                "ghostErrorCode": null,
            }]})
            .to_string(),
        )
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if is_passing(&error) { Self::busy() } else { Self::unexpected() }
    }
}

/// Logs what a client does not get to know; returns whether trying again may help.
fn is_passing(error: &DbError) -> bool {
    let passing = matches!(error, DbError::Busy | DbError::Unavailable(_));
    if passing {
        tracing::warn!(%error, id = %asking::id(), "the database did not take a request");
    } else {
        tracing::error!(%error, id = %asking::id(), "a request failed");
    }
    passing
}

/// An answer to a browser that is no success.
#[derive(Debug)]
pub struct PageError {
    pub status: StatusCode,
    pub title: &'static str,
    pub text: String,
}

pub type PageResult<T> = Result<T, PageError>;

impl PageError {
    pub fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self { status, title, text: text.into() }
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing here", "The address may be mistyped, or the page has moved.")
    }

    pub fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This form does not belong to the site",
            "For your safety, forms work only from the site's own pages. If this is your site, \
             add its origin to READERSHIP_SITE_ORIGINS.",
        )
    }

    pub fn unexpected() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "It is our fault, and it has been noted. Please try again in a moment.",
        )
    }

    pub fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "One moment, please",
            "The server is busy. Please try again in a few seconds.",
        )
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.title)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = pages::error(self);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        if is_passing(&error) { Self::busy() } else { Self::unexpected() }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, id = %asking::id(), "a page could not be written");
        Self::unexpected()
    }
}

/// Whether an address is one that programs talk to.
pub fn is_api(path: &str) -> bool {
    path.contains("/members/api/") || path.contains("/members/.well-known/")
}

pub async fn not_found(request: HttpRequest) -> HttpResponse {
    if is_api(request.path()) {
        ApiError::not_found().error_response()
    } else {
        PageError::not_found().error_response()
    }
}

pub async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", "This address does not take this method.")
}

pub async fn method_not_allowed_page() -> PageError {
    PageError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "That does not work here",
        "This address does not take this kind of request.",
    )
}

impl actix_web::Responder for ApiError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl actix_web::Responder for PageError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
