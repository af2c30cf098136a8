use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::db::DbResult;
use crate::members::record;
use crate::newsletters::subscriptions;
use crate::secrets::Sha256;
use crate::signin::sessions;
use crate::web::client::Client;
use crate::web::cookies::CookieKind;
use crate::web::error::ApiResult;

/// `GET /members/api/member/` (protocol B.8): the own record, 204 when nobody is signed in.
///
/// The hottest path there is: two prepared statements stand between cookie and JSON.
pub async fn read(app: web::Data<App>, client: Client) -> ApiResult<HttpResponse> {
    let Some(session) = client.session() else {
        return Ok(HttpResponse::NoContent().finish());
    };
    match own_record(&app, session).await? {
        Some(json) => {
            Ok(HttpResponse::Ok().insert_header(("content-type", "application/json; charset=utf-8")).body(json))
        }
        None => Ok(signed_out(&app)),
    }
}

/// Nobody is signed in, and the cookie that says so is of no use any more.
pub fn signed_out(app: &App) -> HttpResponse {
    HttpResponse::NoContent().insert_header((SET_COOKIE, CookieKind::Session.take_away(&app.settings))).finish()
}

async fn own_record(app: &App, session: Sha256) -> DbResult<Option<String>> {
    let (now, lifetimes) = (app.now(), app.policy.lifetimes.clone());
    let found = app
        .db
        .read(move |conn| {
            let Some(who) = sessions::who(conn, &lifetimes, &session, now)? else {
                return Ok(None);
            };
            let newsletters = subscriptions::of(conn, who.id)?;
            Ok(Some((who, newsletters)))
        })
        .await?;
    let Some((who, newsletters)) = found else {
        return Ok(None);
    };
    if who.needs_touch {
        let id = who.id;
        app.db.write(move |conn| sessions::touch(conn, &session, id, now)).await?;
    }
    Ok(Some(record::to_json(&who.member, &newsletters, &app.settings.url, &app.policy.key)))
}
