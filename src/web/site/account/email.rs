use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::{Visit, act, done};
use crate::app::App;
use crate::members::address::EmailAddress;
use crate::members::email_change::{self, Origin, Wish, Wished};
use crate::secrets::Token;
use crate::signin::links::Via;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::page_error::{PageError, PageResult};
use crate::web::site::forms::{email_error, read_own};
use crate::web::site::pages::{self, Frame, with_cookie};

const PATH: &str = "members/account/email/";

#[derive(Template)]
#[template(path = "site/account/email.html")]
struct Page<'a> {
    frame: &'a Frame,
    visit: &'a Visit,
    typed: String,
    error: Option<String>,
}

/// `GET /members/account/email/`.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    match Visit::begin(&app, &client, &request, PATH).await? {
        Ok(visit) => page(StatusCode::OK, &visit, String::new(), None),
        Err(elsewhere) => Ok(elsewhere),
    }
}

fn page(status: StatusCode, visit: &Visit, typed: String, error: Option<String>) -> PageResult<HttpResponse> {
    let page = Page { frame: &visit.frame, visit, typed, error };
    pages::page(status, page.frame, &page)
}

/// `POST /members/account/email/`: asks for another address (`reliability.md` S8).
pub async fn change(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
    let typed: String = form.get("email").unwrap_or_default().chars().take(320).collect();
    let Ok(new) = EmailAddress::parse(&typed) else {
        return match Visit::begin(&app, &client, &request, PATH).await? {
            Ok(visit) => {
                let error = email_error(&visit.frame, &typed);
                page(StatusCode::UNPROCESSABLE_ENTITY, &visit, typed, Some(error))
            }
            Err(elsewhere) => Ok(elsewhere),
        };
    };
    let asked = client.asked.clone().unwrap_or_else(Token::random);
    let (policy, agent, asked_by, now) = (app.policy.clone(), client.agent.clone(), asked.hash(), app.now());
    let (site_language, back) = (app.settings.language, app.settings.link(PATH).to_string());
    let wished = act(&app, &client, move |conn, who| {
        let origin = Origin {
            via: Via::Form,
            language: who.member.language.unwrap_or(site_language),
            return_to: Some(&back),
            asked_by: Some(asked_by),
            agent: agent.as_deref(),
        };
        let wish = Wish { member: who.id, new: &new, signed_in_at: who.signed_in_at, origin };
        email_change::request(conn, &policy, &wish, now)
    })
    .await?;
    let what = match wished {
        Wished::OverLimit { .. } => return Err(PageError::too_often()),
        Wished::NewAddressAsked => "email",
        Wished::PresentAddressAsked => "email-approve",
    };
    app.mailroom.wake();
    let response = done(&app, &client, PATH, what).await?;
    Ok(with_cookie(response, &CookieKind::Asked.give(&app.settings, &asked)))
}
