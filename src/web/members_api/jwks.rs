use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::App;

/// `GET /members/.well-known/jwks.json` (protocol C.3): the keys that member tokens are signed
/// with. Kept for ten minutes at most, so that a new key is known before an old token is over.
pub async fn read(app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=600"))
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .insert_header(("content-type", "application/json; charset=utf-8"))
        .body(json!({"keys": app.keys.published(app.now())}).to_string())
}
