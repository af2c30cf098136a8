use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::admit_own;
use super::member::signed_out;
use crate::app::App;
use crate::billing::access::Status;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::signin::present::Present;
use crate::signin::sessions;
use crate::signin::tokens::{self, Reads, Subject};
use crate::web::answer::plain;
use crate::web::body;
use crate::web::client::{Client, SessionOf};
use crate::web::cookies::CookieKind;
use crate::web::error::{ApiError, ApiResult};

/// `GET /members/api/session/` (protocol B.7): the identity token of whoever is signed in, as
/// plain text; 204 when nobody is.
pub async fn identity(app: web::Data<App>, session: SessionOf) -> ApiResult<HttpResponse> {
    let (who, now) = match present(&app, session).await? {
        Ok(found) => found,
        Err(nobody) => return Ok(nobody),
    };
    if who.is_of_staff {
        // With the token one could change whatever the member can.
        return Err(ApiError::of_staff());
    }
    let key = app.keys.signing(now);
    let life = seconds(app.policy.lifetimes.identity_token_s);
    let signed = who.tokens.identity.get_or_sign(&key.kid, life, now, || {
        tokens::identity(&key, &app.policy, &app.settings.url, &subject(&who), now)
    });
    token_answer(signed)
}

/// `GET /members/api/entitlements/` (B.7, C.3): what whoever is signed in may read, as a token.
pub async fn entitlements(app: web::Data<App>, session: SessionOf) -> ApiResult<HttpResponse> {
    let (who, now) = match present(&app, session).await? {
        Ok(found) => found,
        Err(nobody) => return Ok(nobody),
    };
    let key = app.keys.signing(now);
    let access = who.access(app.policy.grace, now);
    let reads = Reads {
        paid: access.status() != Status::Free,
        tiers: access.tiers().iter().map(ToString::to_string).collect(),
        // What ends sooner than the token would ends it.
        until: access.ends_at(),
    };
    let life = seconds(app.policy.lifetimes.entitlement_token_s);
    let life = reads.until.map_or(life, |until| life.min(until.since(now)));
    let signed = who.tokens.entitlement.get_or_sign(&key.kid, life, now, || {
        tokens::entitlement(&key, &app.settings.url, &subject(&who), reads, life, now)
    });
    token_answer(signed)
}

/// Who is here, or the answer when nobody is.
async fn present(
    app: &App,
    SessionOf(session): SessionOf,
) -> ApiResult<Result<(Arc<Present>, Timestamp), HttpResponse>> {
    let Some(session) = session else {
        return Ok(Err(HttpResponse::NoContent().finish()));
    };
    let now = app.now();
    Ok(app.presence.of(session, now).await?.map(|who| (who, now)).ok_or_else(|| signed_out(app)))
}

fn subject(who: &Present) -> Subject<'_> {
    Subject { id: who.id, uuid: who.member.uuid, email: &who.member.email }
}

fn token_answer(signed: Result<Arc<str>, jsonwebtoken::errors::Error>) -> ApiResult<HttpResponse> {
    let token = signed.map_err(|error| {
        tracing::error!(%error, "a member token could not be signed");
        ApiError::unexpected()
    })?;
    Ok(plain(StatusCode::OK, &*token))
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
    admit_own(&app, &request)?;
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
