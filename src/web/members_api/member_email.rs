use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::{identity, read_own};
use crate::app::App;
use crate::members::address::EmailAddress;
use crate::members::email_change::{self, Origin, Wish, Wished};
use crate::signin::links::Via;
use crate::signin::present;
use crate::web::answer::plain;
use crate::web::client::Client;
use crate::web::error::{ApiError, ApiResult};

#[derive(Deserialize)]
struct Body {
    identity: Option<String>,
    email: Option<String>,
}

/// `POST /members/api/member/email/` (protocol B.9): asks for another address. The answer is the same
/// whether the new address is somebody's or not.
///
/// The token alone does not change an account's address: the request carries the session of the same
/// member too. One that was opened a while ago first asks the present address (`reliability.md` S8).
pub async fn change(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> ApiResult<HttpResponse> {
    let body: Body = read_own(&app, &request, payload).await?;
    let Some(token) = body.identity.filter(|token| !token.is_empty()) else {
        return Ok(plain(StatusCode::FORBIDDEN, "No Permission."));
    };
    let unauthorized = || plain(StatusCode::UNAUTHORIZED, "Unauthorized.");
    let Some(member) = identity::proven(&app, &token).await? else {
        return Ok(unauthorized());
    };
    let Some(session) = client.session() else {
        return Ok(unauthorized());
    };
    let text = body.email.unwrap_or_default();
    let new = EmailAddress::parse(&text).map_err(|_| ApiError::bad_request("Email is not valid"))?;

    let (policy, agent, asked_by, now) = (app.policy.clone(), client.agent.clone(), client.asked_by(), app.now());
    let site_language = app.settings.language;
    let wished = app
        .db
        .write(move |conn| {
            let Some(who) = present::who(conn, &policy.lifetimes, &session, now)?
                .filter(|who| who.id == member && !who.is_of_staff)
            else {
                return Ok(None);
            };
            let wish = Wish {
                member,
                new: &new,
                signed_in_at: who.signed_in_at,
                origin: Origin {
                    via: Via::Api,
                    language: who.member.language.unwrap_or(site_language),
                    return_to: None,
                    asked_by,
                    agent: agent.as_deref(),
                },
            };
            email_change::request(conn, &policy, &wish, now).map(Some)
        })
        .await?;
    match wished {
        None => Ok(unauthorized()),
        Some(Wished::OverLimit { retry_after }) => Err(ApiError::too_many("Too many attempts.", retry_after)),
        Some(Wished::NewAddressAsked | Wished::PresentAddressAsked) => {
            app.mailroom.wake();
            Ok(plain(StatusCode::CREATED, "Created."))
        }
    }
}
