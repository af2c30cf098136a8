//! Small addresses that widgets ask for (protocol B.17).

use actix_web::HttpResponse;
use serde_json::json;

use crate::web::answer;
use crate::web::error::ApiError;

/// `GET /members/api/announcement/`: there is none.
pub async fn announcement() -> HttpResponse {
    answer::json(&json!({"announcement": [{}]}))
}

/// `POST /members/api/recommendations/{id}/clicked/` and `…/subscribed/`: no site is recommended.
pub async fn recommendation() -> ApiError {
    ApiError::not_found()
}
