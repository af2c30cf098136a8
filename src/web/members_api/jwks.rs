use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::app::App;
use crate::web::answer;

/// `GET /members/.well-known/jwks.json` (protocol C.3): the keys that member tokens are signed
/// with. Kept for ten minutes at most, so that a new key is known before an old token is over.
pub async fn read(app: web::Data<App>) -> HttpResponse {
    answer::public_json("public, max-age=600", &json!({"keys": app.keys.published(app.now())}))
}
