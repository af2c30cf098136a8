//! Settings that were changed in the pages. They are sealed under the key file; what the environment or
//! the settings file says comes first.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::stored_settings;
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::secrets::SecretKey;

/// Keys and texts, as they would stand in the environment.
pub type Stored = BTreeMap<String, String>;

fn context(key: &str) -> String {
    format!("setting {key}")
}

/// All that is stored.
pub fn read(conn: &mut Conn, key: &SecretKey) -> DbResult<Stored> {
    let rows: Vec<(String, Vec<u8>)> =
        stored_settings::table.select((stored_settings::key, stored_settings::sealed)).load(conn)?;
    rows.into_iter()
        .map(|(name, sealed)| {
            let text = key.open(&context(&name), &sealed).and_then(|plain| String::from_utf8(plain).ok());
            let text =
                text.ok_or_else(|| DbError::Corrupt(format!("the secret key does not fit the setting {name}")))?;
            Ok((name, text))
        })
        .collect()
}

/// Stores a setting, or with `None` forgets it.
pub fn write(conn: &mut Conn, key: &SecretKey, name: &str, text: Option<&str>, now: Timestamp) -> DbResult<()> {
    let Some(text) = text else {
        diesel::delete(stored_settings::table.find(name)).execute(conn)?;
        return Ok(());
    };
    let sealed = key.seal(&context(name), text.as_bytes());
    let row = (stored_settings::key.eq(name), stored_settings::sealed.eq(&sealed), stored_settings::changed_at.eq(now));
    on_either!(conn, conn => diesel::insert_into(stored_settings::table)
        .values(row)
        .on_conflict(stored_settings::key)
        .do_update()
        .set((stored_settings::sealed.eq(&sealed), stored_settings::changed_at.eq(now)))
        .execute(conn)?);
    Ok(())
}

/// Says what is stored without saying it: another text as soon as anything changes, on whatever node.
pub fn version(conn: &mut Conn) -> DbResult<String> {
    let (count, newest): (i64, Option<Timestamp>) = stored_settings::table
        .select((diesel::dsl::count_star(), diesel::dsl::max(stored_settings::changed_at)))
        .get_result(conn)?;
    Ok(format!("{count} {}", newest.map_or(0, Timestamp::millis)))
}
