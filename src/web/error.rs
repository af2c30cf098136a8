//! What went wrong, as programs understand it: the JSON envelope. Browsers get a page
//! (`page_error.rs`). Neither tells anything of the inside (`reliability.md` Q9).

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde_json::json;

use super::page_error::PageError;
use super::{answer, current};
use crate::app::App;
use crate::billing::offers;
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

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UnauthorizedError", message)
    }

    /// A session that staff opened in a member's name changes nothing.
    pub fn of_staff() -> Self {
        Self::forbidden("Only the member can do this.").with_code("SESSION_OF_STAFF")
    }

    /// The answer to whoever is not signed in where one must be (B.8).
    pub fn signed_out() -> Self {
        Self::unauthorized("You must be signed in to do this.")
    }

    /// A request that changes something and does not come from the site.
    pub fn foreign() -> Self {
        Self::new(StatusCode::FORBIDDEN, "NoPermissionError", "This request does not come from the site.")
    }

    pub fn disabled(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "DisabledFeatureError", message)
    }

    /// Stripe cannot be reached; everything else goes on.
    pub fn billing_away() -> Self {
        let message = "Billing cannot be reached at the moment, please try again later.";
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "MaintenanceError", message);
        Self { retry_after: Some(Duration::from_secs(30)), ..error }
    }

    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub fn with_context(self, context: impl Into<String>) -> Self {
        Self { context: Some(context.into()), ..self }
    }

    pub fn unsupported_media_type() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaTypeError", "Send the body as application/json.")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", "Resource not found")
    }

    /// The protocol says what was looked for, and why it was not there beside it (D.2).
    pub fn not_found_as(message: impl Into<String>, context: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFoundError", message).with_context(context)
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
    pub fn too_many_sign_ins(retry_after: Duration) -> Self {
        let minutes = retry_after.as_secs().div_ceil(60).max(1);
        Self::too_many(format!("Too many different sign-in attempts, try again in {minutes} minutes"), retry_after)
    }

    pub fn too_many(message: impl Into<String>, retry_after: Duration) -> Self {
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
        let error = json!({
            "message": self.message,
            "context": self.context,
            "type": self.kind,
            "details": null,
            "property": self.property,
            "help": null,
            "code": self.code,
            "id": current::id(),
            "ghostErrorCode": null,
        });
        answer::json_in(&mut response, &json!({"errors": [error]}))
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if is_passing(&error) { Self::busy() } else { Self::unexpected() }
    }
}

/// Logs what a client does not get to know; returns whether trying again may help.
pub fn is_passing(error: &DbError) -> bool {
    let passing = matches!(error, DbError::Busy | DbError::Unavailable(_));
    if passing {
        tracing::warn!(%error, id = %current::id(), "the database did not take a request");
    } else {
        tracing::error!(%error, id = %current::id(), "a request failed");
    }
    passing
}

/// Whether an address is one that programs talk to.
pub fn is_api(path: &str) -> bool {
    ["/members/api/", "/members/.well-known/", "/ghost/api/"].iter().any(|part| path.contains(part))
}

pub async fn not_found(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    if let Some(address) = offer_address(&app, &request).await {
        return HttpResponse::Found()
            .insert_header((header::LOCATION, address))
            .insert_header((header::CACHE_CONTROL, "public, max-age=0"))
            .finish();
    }
    if is_api(request.path()) {
        ApiError::not_found().error_response()
    } else {
        PageError::not_found().error_response()
    }
}

/// `GET /{code}` of an offer leads to where Ghost's widget shows it (protocol B.11).
async fn offer_address(app: &App, request: &HttpRequest) -> Option<String> {
    app.billing.as_ref().filter(|_| request.method().is_safe())?;
    let path = request.path().strip_prefix(app.settings.url.path())?.trim_end_matches('/');
    let is_code = !path.is_empty() && path.len() <= 100 && path.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let code = is_code.then(|| path.to_owned())?;
    let offer = app.db.read(move |conn| offers::find_named(conn, &code)).await.ok()??;
    let mut address = app.settings.site_url.clone();
    address.set_query(Some(request.query_string()).filter(|query| !query.is_empty()));
    address.set_fragment(Some(&format!("/portal/offers/{}", offer.id)));
    Some(address.into())
}

pub async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", "This address does not take this method.")
}

pub async fn method_not_allowed_page() -> PageError {
    PageError::method_not_allowed()
}

impl actix_web::Responder for ApiError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
