//! `/members/account/` and `/members/signout/`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFERER, SET_COOKIE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_urlencoded;
use super::pages::{self, Frame};
use crate::app::App;
use crate::signin::present::Present;
use crate::signin::return_to::ReturnTo;
use crate::signin::sessions;
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::{PageError, PageResult};
use crate::web::origin;

#[derive(Template)]
#[template(path = "site/account.html")]
struct AccountPage<'a> {
    frame: Frame,
    present: &'a Present,
    since: String,
}

#[derive(Template)]
#[template(path = "site/signout.html")]
struct SignOutPage {
    frame: Frame,
    return_to: Option<String>,
}

/// `GET /members/account/`: who I am here. Signed out, it leads to the sign-in form and back.
pub async fn show(app: web::Data<App>, client: Client) -> PageResult<HttpResponse> {
    let account = app.settings.link("members/account/");
    let mut sign_in = app.settings.link("members/signin/");
    sign_in.query_pairs_mut().append_pair("return_to", account.as_str());
    let Some(session) = client.session() else {
        return Ok(pages::see_other(sign_in.as_str()));
    };

    let Some(present) = app.presence.of(session, app.now()).await? else {
        return Ok(pages::see_other(sign_in.as_str()));
    };
    let page = AccountPage {
        frame: Frame::new(&app.settings),
        present: &present,
        since: present.member.created_at.for_people(),
    };
    pages::page(StatusCode::OK, &page.frame, &page)
}

/// `GET /members/signout/`: asks, for pages that have only a link.
pub async fn signout_page(app: web::Data<App>, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let referer = request.headers().get(REFERER).and_then(|value| value.to_str().ok());
    let return_to = query.get("return_to").or(referer).and_then(|text| ReturnTo::parse(text, &app.settings));
    let page = SignOutPage { frame: Frame::new(&app.settings), return_to: return_to.map(|to| to.as_str().to_owned()) };
    pages::page(StatusCode::OK, &page.frame, &page)
}

/// `POST /members/signout/`, with `all` for every device.
pub async fn signout(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    if !origin::is_trusted(request.headers(), &app.settings) {
        return Err(PageError::foreign_form());
    }
    let form = read_urlencoded(&app, &request, payload).await?;
    let everywhere = form.get("all").is_some();
    if let Some(session) = client.session() {
        let now = app.now();
        app.db
            .write(move |conn| {
                if everywhere { sessions::close_all(conn, &session, now) } else { sessions::close(conn, &session, now) }
            })
            .await?;
    }
    let target = form
        .get("return_to")
        .and_then(|text| ReturnTo::parse(text, &app.settings))
        .unwrap_or_else(|| ReturnTo::home(&app.settings));
    let mut response = pages::see_other(target.as_str());
    if let Ok(cookie) = HeaderValue::from_str(&CookieKind::Session.take_away(&app.settings)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}
