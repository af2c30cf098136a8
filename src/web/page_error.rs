//! What went wrong, as readers understand it: a page in their language.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use super::body::BodyError;
use super::current;
use super::error::is_passing;
use super::site::pages;
use crate::billing::BillingError;
use crate::db::DbError;

/// An answer to a browser that is no success. Its words are the text of `key` and of `key.text`.
#[derive(Clone, Copy, Debug)]
pub struct PageError {
    pub status: StatusCode,
    pub key: &'static str,
}

pub type PageResult<T> = Result<T, PageError>;

impl PageError {
    const fn new(status: StatusCode, key: &'static str) -> Self {
        Self { status, key }
    }

    pub const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "error-not-found")
    }

    pub const fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "error-method")
    }

    /// The form stands on a page that is not the site's.
    pub const fn foreign_form() -> Self {
        Self::new(StatusCode::FORBIDDEN, "error-foreign-form")
    }

    pub const fn not_a_form() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "error-not-a-form")
    }

    /// Larger than this server takes, in whatever part `status` says.
    pub const fn too_large(status: StatusCode) -> Self {
        Self::new(status, "error-too-large")
    }

    /// Asked for too often; the same page tries again later.
    pub const fn too_often() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "error-too-often")
    }

    /// The session ended before the form was sent.
    pub const fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "error-signed-out")
    }

    /// Asks for a sign-in of a moment ago, which a form cannot give.
    pub const fn not_fresh() -> Self {
        Self::new(StatusCode::FORBIDDEN, "error-not-fresh")
    }

    /// A session that staff opened in a member's name changes nothing.
    pub const fn of_staff() -> Self {
        Self::new(StatusCode::FORBIDDEN, "error-of-staff")
    }

    /// Stripe is not set up: nothing is sold here.
    pub const fn billing_off() -> Self {
        Self::new(StatusCode::NOT_FOUND, "error-billing-off")
    }

    /// Stripe cannot be reached. What was paid is not lost.
    pub const fn billing_away() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "error-billing-away")
    }

    /// The address of an unsubscribe link is not whole.
    pub const fn bad_unsubscribe_link() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "error-unsubscribe-link")
    }

    pub const fn unexpected() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "error-unexpected")
    }

    pub const fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "error-busy")
    }
}

impl From<BodyError> for PageError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::too_large(StatusCode::PAYLOAD_TOO_LARGE),
            BodyError::Late => Self::new(StatusCode::REQUEST_TIMEOUT, "error-late"),
            BodyError::Broken => Self::new(StatusCode::BAD_REQUEST, "error-broken-off"),
        }
    }
}

impl From<DbError> for PageError {
    fn from(error: DbError) -> Self {
        if is_passing(&error) { Self::busy() } else { Self::unexpected() }
    }
}

impl From<BillingError> for PageError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Db(error) => error.into(),
            error if error.is_away() => Self::billing_away(),
            error => {
                tracing::error!(%error, id = %current::id(), "Stripe refused");
                Self::unexpected()
            }
        }
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, id = %current::id(), "a page could not be written");
        Self::unexpected()
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.key)
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

impl actix_web::Responder for PageError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
