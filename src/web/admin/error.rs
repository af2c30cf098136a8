//! What went wrong, as staff understand it.

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

use super::frame;
use crate::billing::BillingError;
use crate::billing::changes::ChangeError;
use crate::db::DbError;
use crate::staff::passwords::TooBusy;
use crate::staff::signin::NotTried;
use crate::web::body::BodyError;
use crate::web::current;
use crate::web::error::is_passing;

#[derive(Debug)]
pub enum AdminError {
    /// Nobody is signed in, and what was sent cannot be kept. With the address of the sign-in page.
    SignedOut(String),
    /// The role of whoever is here may not do this.
    NotAllowed(&'static str),
    /// Password or code must be given again; with the address where.
    NotFresh(String),
    /// A second factor must be set up first; with the address where.
    NoSecondFactor(String),
    /// The form stands on a page that is not ours.
    ForeignForm,
    NotAForm,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    Late,
    TooMany(Duration),
    /// What was to be changed is not as it was when the page was made, or cannot be so.
    Refused(String),
    Busy,
    /// Stripe cannot be reached.
    StripeAway,
    Unexpected,
}

pub type AdminResult<T> = Result<T, AdminError>;

impl AdminError {
    pub fn refused(why: impl fmt::Display) -> Self {
        Self::Refused(why.to_string())
    }

    /// A short word, for whoever reads the answer by program.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignedOut(_) => "signed_out",
            Self::NotAllowed(_) => "not_allowed",
            Self::NotFresh(_) => "reauth_required",
            Self::NoSecondFactor(_) => "second_factor_required",
            Self::ForeignForm => "foreign_form",
            Self::NotAForm => "not_a_form",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::Late => "late",
            Self::TooMany(_) => "too_many",
            Self::Refused(_) => "refused",
            Self::Busy => "busy",
            Self::StripeAway => "stripe_away",
            Self::Unexpected => "unexpected",
        }
    }

    /// Where one goes from here, in words.
    pub fn way_on(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::SignedOut(link) => Some(("Sign in", link)),
            Self::NotFresh(link) => Some(("Prove that it is you", link)),
            Self::NoSecondFactor(link) => Some(("Set it up", link)),
            _ => None,
        }
    }

    pub fn words(&self) -> (&'static str, String) {
        let own = |text: &str| text.to_owned();
        match self {
            Self::SignedOut(_) => (
                "You are signed out",
                own(
                    "Your session ended before this was sent. Sign in, go back in your browser, and send it again: what you typed is still there.",
                ),
            ),
            Self::NotAllowed(right) => (
                "Your role may not do this",
                format!("It takes the right “{right}”. An owner or administrator can give you another role."),
            ),
            Self::NotFresh(_) => (
                "Please prove once more that it is you",
                own(
                    "Before something like this your password or code is asked for again. Then go back in your browser and send it again: what you typed is still there.",
                ),
            ),
            Self::NoSecondFactor(_) => (
                "A second factor comes first",
                own("Accounts with your role need a second factor. It takes a minute to set up."),
            ),
            Self::ForeignForm => (
                "This did not come from these pages",
                own("The form stands on a page of another site, and nothing was changed."),
            ),
            Self::NotAForm => ("This is no form", own("These pages take forms only.")),
            Self::NotFound => {
                ("There is nothing here", own("The page, or what it was about, is not there or not there any more."))
            }
            Self::MethodNotAllowed => ("This address does not take that", own("Open the page and use its buttons.")),
            Self::TooLarge => ("That is too large", own("It is larger than this page takes.")),
            Self::Late => {
                ("It did not arrive in time", own("The connection was too slow or broke off. Nothing was changed."))
            }
            Self::TooMany(wait) => {
                ("Too many tries", format!("Try again in {} minutes.", wait.as_secs().div_ceil(60).max(1)))
            }
            Self::Refused(why) => ("That was not done", why.clone()),
            Self::Busy => ("Very busy just now", own("Nothing was changed. Try again in a moment.")),
            Self::StripeAway => (
                "Stripe cannot be reached",
                own(
                    "Nothing was changed here. Try again in a few minutes; if Stripe did the work all the same, the next comparison shows it.",
                ),
            ),
            Self::Unexpected => (
                "Something went wrong",
                own("It was written to the log of the program, under the number below. Nothing was half done."),
            ),
        }
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<DbError> for AdminError {
    fn from(error: DbError) -> Self {
        if is_passing(&error) { Self::Busy } else { Self::Unexpected }
    }
}

impl From<NotTried> for AdminError {
    fn from(error: NotTried) -> Self {
        match error {
            NotTried::Db(error) => error.into(),
            NotTried::Busy(_) => Self::Busy,
        }
    }
}

impl From<TooBusy> for AdminError {
    fn from(_: TooBusy) -> Self {
        Self::Busy
    }
}

impl From<BodyError> for AdminError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Late | BodyError::Broken => Self::Late,
        }
    }
}

impl From<askama::Error> for AdminError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, id = %current::id(), "a page of staff could not be written");
        Self::Unexpected
    }
}

impl From<BillingError> for AdminError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Db(error) => error.into(),
            error if error.is_away() => Self::StripeAway,
            error => {
                tracing::warn!(%error, id = %current::id(), "Stripe refused something that staff asked for");
                Self::Refused(format!("Stripe refused: {error}"))
            }
        }
    }
}

impl From<ChangeError> for AdminError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Failed(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignedOut(_) => StatusCode::UNAUTHORIZED,
            Self::NotAllowed(_) | Self::NotFresh(_) | Self::NoSecondFactor(_) | Self::ForeignForm => {
                StatusCode::FORBIDDEN
            }
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Busy | Self::StripeAway => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unexpected => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = frame::error(self);
        let wait = match self {
            Self::TooMany(wait) => Some(wait.as_secs().max(1)),
            Self::Busy => Some(2),
            Self::StripeAway => Some(30),
            _ => None,
        };
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(wait));
        }
        response
    }
}

impl actix_web::Responder for AdminError {
    type Body = BoxBody;

    fn respond_to(self, _: &actix_web::HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
