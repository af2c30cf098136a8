use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::Value;

use crate::app::App;
use crate::clock::Timestamp;
use crate::signin::integrity::{self, Nonce};
use crate::web::answer::plain;
use crate::web::client::Client;
use crate::web::error::{ApiError, ApiResult};

/// `GET /members/api/integrity-token/` (protocol B.2): `{expiry}:{nonce}:{proof}` as text.
pub async fn issue(app: web::Data<App>, client: Client) -> HttpResponse {
    plain(StatusCode::OK, integrity::issue(&app.policy, client.network, app.now()))
}

/// The token that a body brings along, checked but not yet used up.
pub fn of_body(app: &App, client: &Client, given: Option<&Value>, now: Timestamp) -> ApiResult<Nonce> {
    let token = given.and_then(Value::as_str).unwrap_or_default();
    integrity::check(&app.policy, token, client.network, now).ok_or_else(not_understood)
}

/// The token is missing, bent, too old, or was used before: all alike.
pub fn not_understood() -> ApiError {
    ApiError::bad_request("The request could not be understood.")
}
