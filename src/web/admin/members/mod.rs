//! Members: the list, one of them, and what staff do for them.

pub mod billing;
pub mod bulk;
pub mod list;
pub mod one;
pub mod words;

use actix_web::web::Path;

use super::error::{AdminError, AdminResult};
use super::id_of;
use crate::app::App;
use crate::db::Conn;
use crate::ids::MemberId;
use crate::members;

/// The member in an address, if there is such a member.
async fn known(app: &App, path: &Path<String>) -> AdminResult<MemberId> {
    let id = id_of(path)?;
    let is_known = move |conn: &mut Conn| members::exists(conn, id);
    if app.db.read(is_known).await? { Ok(id) } else { Err(AdminError::NotFound) }
}

/// Where a member's page is, under the pages of staff.
fn page_of(id: MemberId) -> String {
    format!("members/{id}/")
}
