use actix_web::http::header::SET_COOKIE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::member::signed_out;
use crate::app::App;
use crate::signin::{sessions, tokens};
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{ApiError, ApiResult};
use crate::web::{body, origin};

/// `GET /members/api/session/` (protocol B.7): the identity token of whoever is signed in, as
/// plain text; 204 when nobody is.
pub async fn identity(app: web::Data<App>, client: Client) -> ApiResult<HttpResponse> {
    let Some(session) = client.session() else {
        return Ok(HttpResponse::NoContent().finish());
    };
    let now = app.now();
    let Some(who) = app.presence.of(session, now).await? else {
        return Ok(signed_out(&app));
    };
    let token = tokens::identity(&app.signing_key, &app.policy, &app.settings.url, who.id, &who.member.email, now);
    let token = token.map_err(|error| {
        tracing::error!(%error, "a member token could not be signed");
        ApiError::unexpected()
    })?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(token))
}

#[derive(Default, Deserialize)]
struct SignOut {
    #[serde(default)]
    all: bool,
}

/// `DELETE /members/api/session/` (protocol B.7): ends the session on the server at once; with
/// `{"all": true}` every session of the member.
pub async fn sign_out(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(ApiError::forbidden("This request does not come from the site."));
    }
    let wish =
        if has_body(&request) { body::json(&request, payload, &app.settings.http).await? } else { SignOut::default() };
    if let Some(session) = client.session() {
        let now = app.now();
        app.db
            .write(move |conn| {
                if wish.all { sessions::close_all(conn, &session, now) } else { sessions::close(conn, &session, now) }
            })
            .await?;
    }
    Ok(HttpResponse::NoContent().insert_header((SET_COOKIE, CookieKind::Session.take_away(&app.settings))).finish())
}

fn has_body(request: &HttpRequest) -> bool {
    let length = request.headers().get("content-length").and_then(|value| value.to_str().ok());
    request.headers().contains_key("transfer-encoding") || length.is_some_and(|length| length != "0")
}
