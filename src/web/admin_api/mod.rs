//! `/ghost/api/admin/`: what programs of the site manage, as Ghost's own clients ask for it (protocol D).
//!
//! [`program`] is the door: a key of administration, and for whatever changes something one that may.
//! Every change is written down with the program's name, in its own transaction.

mod catalogue;
mod members;
mod program;
mod query;

use self::program::Writer;
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::staff::audit::{self as log, Scribe};
use crate::web::error::ApiResult;
use crate::web::operations::{About, Body, Holds, Operation, Verb, operation};

/// Every address. Those that only look take a [`program::Reader`].
pub fn operations() -> Vec<Operation> {
    use Body::Json as TakesJson;
    use Holds::{Json, Nothing};
    use Verb::{Delete, Get, Post, Put};
    const PAGE: &[&str] = &["limit", "page", "filter", "order", "search", "include", "fields"];
    let look = |summary, query| About::api(summary).asks(query).gives(200, Json).refuses(&[401, 403, 404, 422]);
    let list = |summary, query| About::api(summary).asks(query).gives(200, Json).refuses(&[400, 401, 403, 422]);
    let add = |summary, root| About::api(summary).takes(TakesJson(root)).gives(201, Json).refuses(&[401, 403, 422]);
    let edit =
        |summary, root| About::api(summary).takes(TakesJson(root)).gives(200, Json).refuses(&[401, 403, 404, 422]);
    let remove = |summary| About::api(summary).gives(204, Nothing).refuses(&[401, 403, 404, 422]);
    vec![
        operation(
            Get,
            "/ghost/api/admin/site",
            catalogue::site,
            About::api("What the site is called; without a key").gives(200, Json),
        ),
        operation(Get, "/ghost/api/admin/members", members::browse, list("A page of members", PAGE)),
        operation(
            Post,
            "/ghost/api/admin/members",
            members::add,
            add("Adds a member", &["members"]).asks(&["send_email", "email_type", "include"]),
        ),
        operation(
            Get,
            "/ghost/api/admin/members/stats/count",
            members::count,
            look("How many there were on each day", &[]),
        ),
        operation(Get, "/ghost/api/admin/members/{id}", members::read, look("One member", &["include", "fields"])),
        operation(Put, "/ghost/api/admin/members/{id}", members::edit, edit("Changes a member", &["members"])),
        operation(
            Delete,
            "/ghost/api/admin/members/{id}",
            members::remove,
            remove("Erases a member").asks(&["cancel"]),
        ),
        operation(
            Get,
            "/ghost/api/admin/members/{id}/signin_urls",
            members::signin_url,
            look("A link to sign in", &[]),
        ),
        operation(
            Delete,
            "/ghost/api/admin/members/{id}/sessions",
            members::sign_out,
            remove("Signs a member out everywhere"),
        ),
        operation(
            Delete,
            "/ghost/api/admin/members/{id}/suppression",
            members::lift,
            remove("Mails may go to them again"),
        ),
        operation(Get, "/ghost/api/admin/labels", catalogue::labels, list("Labels", PAGE)),
        operation(Post, "/ghost/api/admin/labels", catalogue::add_label, add("Adds a label", &["labels"])),
        operation(Get, "/ghost/api/admin/labels/{id}", catalogue::label, look("One label", &["include"])),
        operation(Put, "/ghost/api/admin/labels/{id}", catalogue::rename_label, edit("Renames a label", &["labels"])),
        operation(Delete, "/ghost/api/admin/labels/{id}", catalogue::remove_label, remove("Removes a label")),
        operation(Get, "/ghost/api/admin/newsletters", catalogue::newsletters, list("Newsletters", PAGE)),
        operation(
            Post,
            "/ghost/api/admin/newsletters",
            catalogue::add_newsletter,
            add("Adds a newsletter", &["newsletters"]),
        ),
        operation(
            Get,
            "/ghost/api/admin/newsletters/{id}",
            catalogue::newsletter,
            look("One newsletter", &["include"]),
        ),
        operation(
            Put,
            "/ghost/api/admin/newsletters/{id}",
            catalogue::edit_newsletter,
            edit("Changes a newsletter", &["newsletters"]),
        ),
        operation(Get, "/ghost/api/admin/tiers", catalogue::tiers, list("Tiers", PAGE)),
        operation(Post, "/ghost/api/admin/tiers", catalogue::add_tier, add("Adds a tier", &["tiers"])),
        operation(Get, "/ghost/api/admin/tiers/{id}", catalogue::tier, look("One tier", &["include"])),
        operation(Put, "/ghost/api/admin/tiers/{id}", catalogue::edit_tier, edit("Changes a tier", &["tiers"])),
        operation(Get, "/ghost/api/admin/offers", catalogue::offers, list("Offers", PAGE)),
        operation(Get, "/ghost/api/admin/offers/{id}", catalogue::offer, look("One offer", &["include"])),
    ]
}

/// Changes something and writes down which program did, in one transaction. `Err` undoes nothing that was
/// written: whoever refuses does so before writing.
async fn change<T: Send + 'static>(
    app: &App,
    writer: &Writer,
    f: impl FnOnce(&mut Conn, &mut Scribe<'_>, Timestamp) -> DbResult<T> + Send + 'static,
) -> ApiResult<T> {
    Ok(log::change(&app.db, app.policy.key.clone(), writer.actor(), app.now(), f).await?)
}
