//! `identity` in a body: the token of `GET session`, sent back (protocol C.3).

use crate::app::App;
use crate::db::DbResult;
use crate::ids::MemberId;
use crate::members;
use crate::members::address::EmailAddress;
use crate::signin::tokens;

/// The member whom a token proves: it is good, and its account still is who it says. Whoever got a
/// freed address inherits nothing, and a deleted account proves nothing (`reliability.md` T15, S11).
pub async fn proven(app: &App, token: &str) -> DbResult<Option<MemberId>> {
    let Some(claims) = tokens::verify_identity(&app.keys, &app.settings.url, token, app.now()) else {
        return Ok(None);
    };
    let (Ok(id), Ok(email)) = (claims.member_id.parse::<MemberId>(), EmailAddress::parse(&claims.sub)) else {
        return Ok(None);
    };
    let owns = app.db.read(move |conn| members::owns(conn, id, &email)).await?;
    Ok(owns.then_some(id))
}
