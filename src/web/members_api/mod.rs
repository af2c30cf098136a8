//! The members API, as Ghost's widgets and clients speak it (protocol B).

pub mod access;
pub mod checkout;
pub mod identity;
mod inbox_links;
pub mod integrity_token;
pub mod jwks;
pub mod member;
pub mod member_email;
pub mod member_newsletters;
pub mod send_magic_link;
pub mod session;
pub mod site;
pub mod small;
pub mod subscriptions;
pub mod verify_otc;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ApiError, ApiResult};
use super::{body, origin};
use crate::app::App;

/// A text in a body; nothing where it is missing, or is no text.
fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Refuses what a page of another site sends.
fn admit_own(app: &App, request: &HttpRequest) -> ApiResult<()> {
    if origin::is_trusted(request.headers(), &app.settings) { Ok(()) } else { Err(ApiError::foreign()) }
}

/// Reads the JSON body that a page of the site's own sends.
async fn read_own<T: DeserializeOwned>(app: &App, request: &HttpRequest, payload: Payload) -> ApiResult<T> {
    admit_own(app, request)?;
    body::json(request, payload, &app.settings.http).await
}
