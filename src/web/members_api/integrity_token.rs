use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::signin::integrity;
use crate::web::client::Client;

/// `GET /members/api/integrity-token/` (protocol B.2): `{expiry}:{nonce}:{proof}` as text.
pub async fn issue(app: web::Data<App>, client: Client) -> HttpResponse {
    let token = integrity::issue(&app.policy, client.network, app.now());
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(token)
}
