//! The members API, as Ghost's widgets and clients speak it (protocol B).

pub mod access;
pub mod checkout;
pub mod identity;
mod inbox_links;
pub mod integrity_token;
pub mod jwks;
pub mod member;
pub mod member_email;
pub mod member_newsletters;
pub mod send_magic_link;
pub mod session;
pub mod site;
pub mod small;
pub mod subscriptions;
pub mod verify_otc;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ApiError, ApiResult};
use super::operations::{About, Body, Holds, Operation, Verb, operation};
use super::{body, openapi, origin};
use crate::app::App;

/// Every address, the hottest first.
pub fn operations() -> Vec<Operation> {
    use Body::Json as TakesJson;
    use Holds::{Json, Nothing, Text};
    use Verb::{Delete, Get, Post, Put};
    let api = About::api;
    vec![
        operation(
            Get,
            "/members/api/member",
            member::read,
            api("The own record; 204 when nobody is signed in").gives(200, Json).gives(204, Nothing),
        ),
        operation(
            Put,
            "/members/api/member",
            member::edit,
            api("Changes the own record")
                .takes(TakesJson(&[
                    "name",
                    "expertise",
                    "newsletters",
                    "subscribed",
                    "enable_comment_notifications",
                    "enable_updates_and_announcements",
                ]))
                .gives(200, Json)
                .refuses(&[401])
                .refuses(&[403, 422]),
        ),
        operation(
            Get,
            "/members/api/session",
            session::identity,
            api("A token that says who is signed in").gives(200, Text).gives(204, Nothing).refuses(&[403]),
        ),
        operation(
            Delete,
            "/members/api/session",
            session::sign_out,
            api("Signs out, here or everywhere").takes(TakesJson(&["all"])).gives(204, Nothing).refuses(&[403]),
        ),
        operation(
            Get,
            "/members/api/entitlements",
            session::entitlements,
            api("A token that says what somebody may read").gives(200, Text).gives(204, Nothing),
        ),
        operation(
            Get,
            "/members/api/access",
            access::ask,
            api("Whether somebody may read, for a proxy")
                .asks(&["tier"])
                .gives(204, Nothing)
                .gives(401, Nothing)
                .gives(403, Nothing),
        ),
        operation(
            Get,
            "/members/api/member/newsletters",
            member_newsletters::read,
            api("Which newsletters a link of a mail is about")
                .asks(&["uuid", "key"])
                .gives(200, Json)
                .gives(400, Text)
                .refuses(&[401])
                .gives(404, Text),
        ),
        operation(
            Put,
            "/members/api/member/newsletters",
            member_newsletters::edit,
            api("Changes them")
                .asks(&["uuid", "key"])
                .takes(TakesJson(&["newsletters", "enable_comment_notifications", "enable_updates_and_announcements"]))
                .gives(200, Json)
                .gives(400, Text)
                .refuses(&[401])
                .gives(404, Text),
        ),
        operation(
            Post,
            "/members/api/member/email",
            member_email::change,
            api("Asks for another address: a link goes there")
                .takes(TakesJson(&["identity", "email"]))
                .gives(201, Nothing)
                .gives(401, Text)
                .gives(403, Text)
                .refuses(&[401, 403, 429]),
        ),
        operation(
            Delete,
            "/members/api/member/suppression",
            member::lift_suppression,
            api("Mails may come again").gives(204, Nothing).refuses(&[401]).refuses(&[403]),
        ),
        operation(
            Post,
            "/members/api/member/offers",
            subscriptions::offers,
            api("What may keep a subscriber")
                .takes(TakesJson(&["identity"]))
                .gives(200, Json)
                .gives(401, Text)
                .refuses(&[401]),
        ),
        operation(
            Get,
            "/members/api/integrity-token",
            integrity_token::issue,
            api("A token for the next request, good once").gives(200, Text),
        ),
        operation(
            Post,
            "/members/api/send-magic-link",
            send_magic_link::send,
            api("Asks for a link: a mail is on its way, for known and unknown addresses alike")
                .takes(TakesJson(&[
                    "email",
                    "emailType",
                    "integrityToken",
                    "honeypot",
                    "name",
                    "labels",
                    "newsletters",
                    "redirect",
                    "autoRedirect",
                    "urlHistory",
                    "includeOTC",
                    "lang",
                ]))
                .gives(201, Json)
                .gives(400, Text)
                .refuses(&[403, 422, 429]),
        ),
        operation(
            Post,
            "/members/api/verify-otc",
            verify_otc::verify,
            api("Takes the code of a mail; opening the address it gives signs in")
                .takes(TakesJson(&["otc", "otcRef", "redirect", "autoRedirect", "integrityToken"]))
                .gives(200, Json)
                .refuses(&[403, 429]),
        ),
        operation(Get, "/members/api/site", site::read, api("The public face of the site").gives(200, Json)),
        operation(Get, "/members/api/announcement", small::announcement, api("There is none").gives(200, Json)),
        operation(
            Post,
            "/members/api/recommendations/{id}/clicked",
            small::recommendation,
            api("No site is recommended").refuses(&[404]),
        ),
        operation(
            Post,
            "/members/api/recommendations/{id}/subscribed",
            small::recommendation,
            api("No site is recommended").refuses(&[404]),
        ),
        operation(
            Post,
            "/members/api/create-stripe-checkout-session",
            checkout::create,
            api("Opens a visit to Checkout")
                .takes(TakesJson(&[
                    "type",
                    "identity",
                    "customerEmail",
                    "tierId",
                    "cadence",
                    "offerId",
                    "successUrl",
                    "cancelUrl",
                    "metadata",
                    "personalNote",
                ]))
                .gives(200, Json)
                .refuses(&[401, 403, 404, 409, 429]),
        ),
        operation(
            Post,
            "/members/api/create-stripe-update-session",
            checkout::update_card,
            api("The page for another card")
                .takes(TakesJson(&["identity", "subscription_id", "successUrl", "cancelUrl"]))
                .gives(200, Json)
                .gives(400, Nothing)
                .refuses(&[401, 404, 429]),
        ),
        operation(
            Post,
            "/members/api/create-stripe-billing-portal-session",
            checkout::portal,
            api("Stripe's own page about a plan")
                .takes(TakesJson(&["identity", "returnUrl", "subscription_id"]))
                .gives(200, Json)
                .gives(400, Nothing)
                .refuses(&[401, 404, 429]),
        ),
        operation(
            Put,
            "/members/api/subscriptions/{id}",
            subscriptions::edit,
            api("Changes a plan, ends it, or lets it go on")
                .takes(TakesJson(&[
                    "identity",
                    "tierId",
                    "cadence",
                    "cancel_at_period_end",
                    "smart_cancel",
                    "cancellation_reason",
                ]))
                .gives(204, Nothing)
                .gives(400, Text)
                .gives(401, Text)
                .refuses(&[401, 402, 403, 404]),
        ),
        operation(
            Post,
            "/members/api/subscriptions/{id}/apply-offer",
            subscriptions::apply_offer,
            api("Takes up what may keep a subscriber")
                .takes(TakesJson(&["identity", "offer_id"]))
                .gives(204, Nothing)
                .gives(401, Text)
                .refuses(&[401, 403, 404]),
        ),
        operation(
            Get,
            "/members/.well-known/jwks.json",
            jwks::read,
            api("The public keys of the tokens (RFC 7517)").gives(200, Json),
        ),
        operation(Get, "/members/api/openapi.json", openapi::read, api("This description").gives(200, Json)),
    ]
}

/// A text in a body; nothing where it is missing, or is no text.
fn text<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Refuses what a page of another site sends.
fn admit_own(app: &App, request: &HttpRequest) -> ApiResult<()> {
    if origin::is_trusted(request.headers(), &app.settings) { Ok(()) } else { Err(ApiError::foreign()) }
}

/// Reads the JSON body that a page of the site's own sends.
async fn read_own<T: DeserializeOwned>(app: &App, request: &HttpRequest, payload: Payload) -> ApiResult<T> {
    admit_own(app, request)?;
    body::json(request, payload, &app.settings.http).await
}
