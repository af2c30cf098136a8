//! `/members/signout/`.

use actix_web::http::StatusCode;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::forms::read_own;
use super::pages::{self, Frame, with_cookie};
use crate::app::App;
use crate::signin::return_to::ReturnTo;
use crate::signin::sessions;
use crate::web::body::Form;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::page_error::PageResult;

#[derive(Template)]
#[template(path = "site/signout.html")]
struct SignOutPage {
    frame: Frame,
    return_to: Option<String>,
}

/// `GET /members/signout/`: asks, for pages that have only a link.
pub async fn show(app: web::Data<App>, client: Client, request: HttpRequest) -> PageResult<HttpResponse> {
    let query = Form::parse(request.query_string().as_bytes());
    let wanted = query.get("return_to").or(client.referer.as_deref());
    let return_to = wanted.and_then(|text| ReturnTo::parse(text, &app.settings)).map(|to| to.as_str().to_owned());
    let (frame, _) = Frame::of(&app, &client).await?;
    let page = SignOutPage { frame, return_to };
    pages::page(StatusCode::OK, &page.frame, &page)
}

/// `POST /members/signout/`, with `all` for every device.
pub async fn sign_out(
    app: web::Data<App>,
    client: Client,
    request: HttpRequest,
    payload: Payload,
) -> PageResult<HttpResponse> {
    let form = read_own(&app, &request, payload).await?;
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
    Ok(with_cookie(pages::see_other(target.as_str()), &CookieKind::Session.take_away(&app.settings)))
}
