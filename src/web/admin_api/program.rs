//! Who calls: a program with a key of administration, which signs a short token for each call (protocol
//! C.6, `reliability.md` A7).

use std::pin::Pin;
use std::time::Duration;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, dev, web};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::app::App;
use crate::clock::Timestamp;
use crate::ids::ApiKeyId;
use crate::staff::api_keys::{self, Found, Program, Scope};
use crate::staff::audit::Actor;
use crate::web::client::Client;
use crate::web::current;
use crate::web::error::{ApiError, ApiResult};

/// Longest life of a token, and by how much its clock may be ahead.
const LONGEST: i64 = 300;
const AHEAD: i64 = 60;
/// The use of a key is written down at most so often.
const TOUCH: Duration = Duration::from_secs(60);

/// A program that may look.
#[derive(Clone, Debug)]
pub struct Reader {
    pub program: Program,
    actor: Actor,
}

/// A program that may change things too.
pub struct Writer(Reader);

impl Writer {
    pub fn actor(&self) -> Actor {
        self.0.actor.clone()
    }

    pub fn name(&self) -> String {
        self.0.program.name.clone()
    }
}

type Later<T> = Pin<Box<dyn Future<Output = ApiResult<T>>>>;

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Later<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(app) = request.app_data::<web::Data<App>>().cloned() else {
                unreachable!("every route has the app")
            };
            let header = request.headers().get(AUTHORIZATION).ok_or_else(nobody)?;
            let token = token_of(header.to_str().unwrap_or_default())?;
            let key = key_of(token)?;
            let (secret, id) = (app.policy.key.clone(), key.ok_or_else(unknown)?);
            let (program, bytes) = match app.db.read(move |conn| api_keys::by_id(conn, &secret, id)).await? {
                Some(Found::Admin(program, bytes)) => (program, bytes),
                Some(Found::Content) => {
                    return Err(ApiError::unauthorized("Invalid API Key type").with_code("INVALID_API_KEY_TYPE"));
                }
                None => return Err(unknown()),
            };
            let now = app.now();
            if program.is_over(now) {
                return Err(unknown());
            }
            check(token, &bytes, now).map_err(|why| invalid(&format!("Invalid token: {why}")))?;
            if program.last_used_at.is_none_or(|last| now.since(last) >= TOUCH) {
                app.db.write(move |conn| api_keys::touch(conn, id, now)).await?;
            }
            let Ok(client) = Client::from_request(&request, &mut dev::Payload::None).await;
            let actor = Actor::program(id, &program.name, client.network.truncated(), current::id().to_string());
            Ok(Self { program, actor })
        })
    }
}

impl FromRequest for Writer {
    type Error = ApiError;
    type Future = Later<Self>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let reader = Reader::from_request(request, payload);
        Box::pin(async move {
            let reader = reader.await?;
            if reader.program.scope != Scope::All {
                return Err(ApiError::forbidden("API tokens do not have permission to access this endpoint"));
            }
            Ok(Self(reader))
        })
    }
}

fn nobody() -> ApiError {
    ApiError::forbidden("Authorization failed").with_context(
        "Unable to determine the authenticated user or integration. Check that cookies are being passed through if \
         using session authentication.",
    )
}

fn unknown() -> ApiError {
    ApiError::unauthorized("Unknown Admin API Key").with_code("UNKNOWN_ADMIN_API_KEY")
}

fn invalid(message: &str) -> ApiError {
    ApiError::unauthorized(message).with_code("INVALID_JWT")
}

/// The token of `Ghost <token>`.
fn token_of(header: &str) -> ApiResult<&str> {
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("ghost") && !token.is_empty() && !token.contains(' ') => {
            Ok(token)
        }
        _ => Err(ApiError::unauthorized("Authorization header format is \"Authorization: Ghost [token]\"")
            .with_code("INVALID_AUTH_HEADER")),
    }
}

#[derive(Deserialize)]
struct Head {
    kid: Option<serde_json::Value>,
}

/// The key that a token names; nothing of it is believed yet. `None`: no key can have this name.
fn key_of(token: &str) -> ApiResult<Option<ApiKeyId>> {
    let undecodable = || ApiError::bad_request("Invalid token").with_code("INVALID_JWT");
    let head = token.split('.').next().unwrap_or_default();
    if token.split('.').count() != 3 {
        return Err(undecodable());
    }
    let head = BASE64URL_NOPAD.decode(head.as_bytes()).map_err(|_| undecodable())?;
    let head: Head = serde_json::from_slice(&head).map_err(|_| undecodable())?;
    let kid = head.kid.as_ref().and_then(serde_json::Value::as_str).filter(|kid| !kid.is_empty());
    let kid = kid.ok_or_else(|| ApiError::bad_request("Admin API kid missing.").with_code("MISSING_ADMIN_API_KID"))?;
    Ok(kid.parse().ok())
}

#[derive(Deserialize)]
struct Claims {
    iat: Option<i64>,
    exp: Option<i64>,
    nbf: Option<i64>,
    aud: Option<serde_json::Value>,
}

/// Whether a token is signed with a key, for us and for now.
fn check(token: &str, key: &[u8], now: Timestamp) -> Result<(), &'static str> {
    let mut validation = Validation::new(Algorithm::HS256);
    // The program's own clock says what time it is, and the audience has a form of its own.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key), &validation);
    let claims = claims.map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => "invalid algorithm",
        jsonwebtoken::errors::ErrorKind::InvalidSignature => "invalid signature",
        _ => "jwt malformed",
    })?;
    let (claims, now) = (claims.claims, now.seconds());
    let iat = claims.iat.ok_or("iat required when maxAge is specified")?;
    let exp = claims.exp.ok_or("exp required")?;
    if exp <= now {
        return Err("jwt expired");
    }
    if claims.nbf.is_some_and(|nbf| nbf > now + AHEAD) || iat > now + AHEAD {
        return Err("jwt not active");
    }
    if now - iat > LONGEST || exp - iat > LONGEST {
        return Err("maxAge exceeded");
    }
    let audience = claims.aud.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let end = audience.strip_suffix('/').unwrap_or(audience);
    // `/admin/`; older clients name their version before it.
    let is_ours = end == "admin" || end == "/admin" || (end.starts_with("/v") && end.ends_with("/admin"));
    if !is_ours {
        return Err("jwt audience invalid. expected: /\\/?admin\\/?$/");
    }
    Ok(())
}
