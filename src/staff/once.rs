//! A form that is sent twice does its work once (`reliability.md` D11): each carries a random text that
//! counts for a day.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::rate_limits;
use crate::db::{Conn, DbResult};
use crate::limits::{self, Verdict, Window};
use crate::secrets::Sha256;

fn bucket(text: &str) -> Sha256 {
    limits::bucket("once", text)
}

/// Uses a form's text up, in the transaction of its work; returns whether it was used before.
pub fn is_repeated(conn: &mut Conn, text: &str, now: Timestamp) -> DbResult<bool> {
    if text.is_empty() {
        return Ok(false);
    }
    Ok(limits::admit(conn, &bucket(text), &[Window::new(86_400, 1)], now)? != Verdict::Admitted)
}

/// Whether a form's work was done.
pub fn was_done(conn: &mut Conn, text: &str) -> DbResult<bool> {
    let found: i64 = rate_limits::table.find(&bucket(text)[..]).count().get_result(conn)?;
    Ok(!text.is_empty() && found > 0)
}
