//! Asking for access from other servers: the sub-request of a proxy before it hands out a file
//! (`docs/running.md` has the recipes).

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::billing::tiers::{self, Kind, Tier};
use crate::web::body::Form;
use crate::web::client::SessionOf;
use crate::web::error::ApiResult;

/// `GET /members/api/access/?tier=…`: 204 to whoever may read, 401 to whoever is not signed in, 403 to
/// everybody else. `tier` is an id or a slug, and may stand there several times: any of them will do.
/// Without one, any paid tier does; the free one only asks for a member.
pub async fn ask(app: web::Data<App>, SessionOf(session): SessionOf, request: HttpRequest) -> ApiResult<HttpResponse> {
    let now = app.now();
    let present = match session {
        Some(session) => app.presence.of(session, now).await?,
        None => None,
    };
    let Some(present) = present else { return Ok(HttpResponse::Unauthorized().finish()) };
    let query = Form::parse(request.query_string().as_bytes());
    let mut wanted = query.all("tier").filter(|name| !name.is_empty()).peekable();
    let access = present.access(app.policy.grace, now);
    let may_read = if wanted.peek().is_none() {
        !access.tiers().is_empty()
    } else {
        let wanted: Vec<String> = wanted.map(str::to_owned).collect();
        let all = match &present.billing {
            Some(billing) => Arc::clone(&billing.tiers),
            None => app.db.read(tiers::all).await?.into(),
        };
        // The slug first: an id has to be written out to be compared.
        let is_wanted = |tier: &Tier| wanted.iter().any(|name| tier.slug == *name || tier.id.to_string() == *name);
        all.iter().any(|tier| (tier.kind == Kind::Free || access.reads(tier.id)) && is_wanted(tier))
    };
    Ok(if may_read { HttpResponse::NoContent().finish() } else { HttpResponse::Forbidden().finish() })
}
