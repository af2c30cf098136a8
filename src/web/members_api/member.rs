use actix_web::http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::members::record;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::ApiResult;

/// `GET /members/api/member/` (protocol B.8): the own record, 204 when nobody is signed in.
///
/// The hottest path there is: at most two prepared statements stand between cookie and JSON.
pub async fn read(app: web::Data<App>, client: Client) -> ApiResult<HttpResponse> {
    let Some(session) = client.session() else {
        return Ok(HttpResponse::NoContent().finish());
    };
    let now = app.now();
    let Some(present) = app.presence.of(session, now).await? else {
        return Ok(signed_out(&app));
    };
    let json = record::to_json(&present.member, &present.newsletters, &app.settings.url, &app.policy.key, now);
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(json))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Nobody is signed in, and the cookie that says so is of no use any more.
pub fn signed_out(app: &App) -> HttpResponse {
    HttpResponse::NoContent().insert_header((SET_COOKIE, CookieKind::Session.take_away(&app.settings))).finish()
}
