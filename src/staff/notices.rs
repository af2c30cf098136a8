//! What staff are told about their own account, by mail.

use std::time::Duration;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::accounts::Account;
use crate::clock::Timestamp;
use crate::db::schema::{staff, staff_notices};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::StaffNoticeId;
use crate::mail::outbox;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Notice {
    /// Signed in with a browser or from a network that was not seen before (`reliability.md` A14).
    NewDevice {
        browser: Option<String>,
        client: String,
    },
    PasswordChanged {
        client: String,
    },
    SecondFactorOff {
        client: String,
    },
    /// Too many wrong passwords in a row; the mail after this one opens the account.
    Closed,
    /// Somebody wanted to know whether mails go out.
    Test,
}

/// Queues a notice, in the transaction of what it tells.
pub fn tell(conn: &mut Conn, account: &Account, notice: &Notice, now: Timestamp) -> DbResult<()> {
    let id = StaffNoticeId::new(now);
    let facts = serde_json::to_string(notice).map_err(|error| DbError::Corrupt(error.to_string()))?;
    diesel::insert_into(staff_notices::table)
        .values((
            staff_notices::id.eq(id),
            staff_notices::staff_id.eq(account.id),
            staff_notices::kind.eq(""),
            staff_notices::facts.eq(facts),
            staff_notices::created_at.eq(now),
        ))
        .execute(conn)?;
    outbox::enqueue_staff_notice(conn, id, &account.email, now)
}

/// A notice, when it was made, and the name of whom it is for.
pub fn find(conn: &mut Conn, id: StaffNoticeId) -> DbResult<Option<(Notice, Timestamp, String)>> {
    let row: Option<(String, Timestamp, String)> = staff_notices::table
        .inner_join(staff::table.on(staff::id.eq(staff_notices::staff_id)))
        .filter(staff_notices::id.eq(id))
        .select((staff_notices::facts, staff_notices::created_at, staff::name))
        .get_result(conn)
        .optional()?;
    row.map(|(facts, at, name)| {
        let notice = serde_json::from_str(&facts).map_err(|error| DbError::Corrupt(error.to_string()))?;
        Ok((notice, at, name))
    })
    .transpose()
}

/// Drops notices that were sent long ago.
pub fn purge(conn: &mut Conn, kept: Duration, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::delete(staff_notices::table.filter(staff_notices::created_at.lt(now.minus(kept)))).execute(conn)?)
}
