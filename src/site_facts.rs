//! Facts about this installation that live in its database.

use std::time::Duration;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::settings;
use crate::db::{Conn, DbResult, on_either};
use crate::ids;

const SITE_UUID: &str = "site_uuid";
const SENDING_PAUSED: &str = "sending_paused";
const LAST_CHECKED: &str = "last_checked";

/// Reads a fact by its key.
pub fn read(conn: &mut Conn, key: &str) -> DbResult<Option<String>> {
    get(conn, key)
}

/// Writes a fact down.
pub fn write(conn: &mut Conn, key: &str, value: &str) -> DbResult<()> {
    set(conn, key, value)
}

/// Takes the turn at something that is done every so often, by one of all nodes. Returns whether it is
/// this one's.
pub fn take_turn(conn: &mut Conn, what: &str, every: Duration, now: Timestamp) -> DbResult<bool> {
    let last = get(conn, what)?;
    let last_at = last.as_deref().and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
    if last_at.is_some_and(|last| now < last.plus(every) && now >= last) {
        return Ok(false);
    }
    let Some(last) = last else {
        let row = (settings::key.eq(what), settings::value.eq(now.millis().to_string()));
        let first = on_either!(conn, conn => diesel::insert_into(settings::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(conn)?);
        return Ok(first == 1);
    };
    let taken = diesel::update(settings::table.find(what).filter(settings::value.eq(last)))
        .set(settings::value.eq(now.millis().to_string()))
        .execute(conn)?;
    Ok(taken == 1)
}

fn get(conn: &mut Conn, key: &str) -> DbResult<Option<String>> {
    Ok(settings::table.find(key).select(settings::value).get_result(conn).optional()?)
}

fn set(conn: &mut Conn, key: &str, value: &str) -> DbResult<()> {
    let row = (settings::key.eq(key), settings::value.eq(value));
    on_either!(conn, conn => diesel::insert_into(settings::table)
        .values(row)
        .on_conflict(settings::key)
        .do_update()
        .set(settings::value.eq(value))
        .execute(conn)?);
    Ok(())
}

/// The installation's own UUID, made at the first start.
pub fn site_uuid(conn: &mut Conn) -> DbResult<String> {
    if let Some(uuid) = get(conn, SITE_UUID)? {
        return Ok(uuid);
    }
    let row = (settings::key.eq(SITE_UUID), settings::value.eq(ids::uuid().to_string()));
    on_either!(conn, conn => diesel::insert_into(settings::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(settings::table.find(SITE_UUID).select(settings::value).get_result(conn)?)
}

/// Whether no mail may go out: after a backup was restored, until a person says so.
pub fn sending_is_paused(conn: &mut Conn) -> DbResult<bool> {
    Ok(get(conn, SENDING_PAUSED)?.as_deref() == Some("yes"))
}

pub fn pause_sending(conn: &mut Conn, paused: bool) -> DbResult<()> {
    set(conn, SENDING_PAUSED, if paused { "yes" } else { "no" })
}

/// Writes something for real, to learn whether a commit works.
pub fn prove_writable(conn: &mut Conn, now: Timestamp) -> DbResult<()> {
    set(conn, LAST_CHECKED, &now.iso8601())
}
