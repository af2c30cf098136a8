//! `/ghost/api/admin/`: what programs of the site manage, as Ghost's own clients ask for it (protocol D).
//!
//! [`program`] is the door: a key of administration, and for whatever changes something one that may.
//! Every change is written down with the program's name, in its own transaction.

mod catalogue;
mod members;
mod program;
mod query;

use actix_web::{Resource, web};

use self::program::Writer;
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{Conn, DbResult};
use crate::staff::audit::{self as log, Scribe};
use crate::web::error::ApiResult;

/// What an address takes: its methods.
pub type Routes = fn(Resource) -> Resource;

/// Every address, without its last slash. Those that only look take a [`program::Reader`].
pub fn addresses() -> Vec<(&'static str, Routes)> {
    vec![
        ("/ghost/api/admin/site", |at| at.route(web::get().to(catalogue::site))),
        ("/ghost/api/admin/members", |at| at.route(web::get().to(members::browse)).route(web::post().to(members::add))),
        ("/ghost/api/admin/members/stats/count", |at| at.route(web::get().to(members::count))),
        ("/ghost/api/admin/members/{id}", |at| {
            at.route(web::get().to(members::read))
                .route(web::put().to(members::edit))
                .route(web::delete().to(members::remove))
        }),
        ("/ghost/api/admin/members/{id}/signin_urls", |at| at.route(web::get().to(members::signin_url))),
        ("/ghost/api/admin/members/{id}/sessions", |at| at.route(web::delete().to(members::sign_out))),
        ("/ghost/api/admin/members/{id}/suppression", |at| at.route(web::delete().to(members::lift))),
        ("/ghost/api/admin/labels", |at| {
            at.route(web::get().to(catalogue::labels)).route(web::post().to(catalogue::add_label))
        }),
        ("/ghost/api/admin/labels/{id}", |at| {
            at.route(web::get().to(catalogue::label))
                .route(web::put().to(catalogue::rename_label))
                .route(web::delete().to(catalogue::remove_label))
        }),
        ("/ghost/api/admin/newsletters", |at| {
            at.route(web::get().to(catalogue::newsletters)).route(web::post().to(catalogue::add_newsletter))
        }),
        ("/ghost/api/admin/newsletters/{id}", |at| {
            at.route(web::get().to(catalogue::newsletter)).route(web::put().to(catalogue::edit_newsletter))
        }),
        ("/ghost/api/admin/tiers", |at| {
            at.route(web::get().to(catalogue::tiers)).route(web::post().to(catalogue::add_tier))
        }),
        ("/ghost/api/admin/tiers/{id}", |at| {
            at.route(web::get().to(catalogue::tier)).route(web::put().to(catalogue::edit_tier))
        }),
        ("/ghost/api/admin/offers", |at| at.route(web::get().to(catalogue::offers))),
        ("/ghost/api/admin/offers/{id}", |at| at.route(web::get().to(catalogue::offer))),
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
