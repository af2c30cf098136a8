use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::send_magic_link::return_to;
use super::{integrity_token, read_own};
use crate::app::App;
use crate::mail::letters;
use crate::signin::codes::{self, Tried, Try, Whose};
use crate::signin::links::Purpose;
use crate::web::client::Client;
use crate::web::error::{ApiError, ApiResult};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    otc: Option<Value>,
    otc_ref: Option<Value>,
    redirect: Option<Value>,
    auto_redirect: Option<Value>,
    integrity_token: Option<Value>,
}

/// `POST /members/api/verify-otc/` (protocol B.6): a right code is answered with the address that
/// signs in, good for five minutes and once.
pub async fn verify(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Body = read_own(&app, &request, payload).await?;
    let now = app.now();
    let nonce = integrity_token::of_body(&app, &client, body.integrity_token.as_ref(), now)?;

    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    let (code, reference) = (text(&body.otc), text(&body.otc_ref));
    if code.is_empty() || reference.is_empty() {
        return Err(ApiError::bad_request("Bad Request.")
            .with_context("otc and otcRef are required")
            .with_code("OTC_VERIFICATION_MISSING_PARAMS"));
    }
    // A reference of another form leads nowhere, like one that nobody was given.
    let reference = reference.parse().unwrap_or(Uuid::nil());
    let tried = Try { whose: Whose::Reference(reference), given: code, client: client.network, nonce: Some(nonce) };
    let policy = app.policy.clone();
    match app.db.write(move |conn| codes::try_code(conn, &policy, &tried, now)).await? {
        Tried::Right(link) => {
            let (token, proof) = codes::exchange(&app.policy, &link, now);
            let back = return_to(&app, &client, body.redirect.as_ref(), body.auto_redirect.as_ref());
            let back = back.map(|to| to.as_str().to_owned()).or(link.return_to);
            let mut url = letters::link_url(&app.settings, &token, Purpose::SignIn, back.as_deref());
            url.query_pairs_mut().append_pair("otc_verification", &proof);
            Ok(HttpResponse::Ok().json(json!({"redirectUrl": url.as_str()})))
        }
        // Spelled as Portal knows it (protocol A.6).
        Tried::Wrong => Err(ApiError::bad_request("Invalid verification code").with_code("INVALID_OTC")),
        Tried::TooOften => {
            Err(ApiError::too_many("Too many attempts for this verification code, ask for a new one", LATER)
                .with_code("OTC_CODE_ATTEMPTS_RATE_LIMITED"))
        }
        Tried::OverLimit { retry_after } => {
            let minutes = retry_after.as_secs().div_ceil(60).max(1);
            let message =
                format!("Too many verification attempts across multiple codes, try again in {minutes} minutes");
            Err(ApiError::too_many(message, retry_after).with_code("OTC_TOTAL_ATTEMPTS_RATE_LIMITED"))
        }
        Tried::NonceUsed => Err(integrity_token::not_understood()),
    }
}

/// A code that was tried too often stays dead; asking again makes another.
const LATER: std::time::Duration = std::time::Duration::from_secs(60);
