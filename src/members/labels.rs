//! Words on members. A form may put some on those who come through it.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{labels, member_labels};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{LabelId, MemberId};
use crate::members::name;

/// How many labels one form may give.
pub const MOST: usize = 20;

/// Labels of a form: normalised like names, empty ones dropped, doubles once.
pub fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for label in texts.filter_map(|text| name::parse(text).ok().flatten()).take(MOST) {
        if !labels.iter().any(|known| key(known) == key(&label)) {
            labels.push(label);
        }
    }
    labels
}

/// Labels that differ only in case are one.
fn key(label: &str) -> String {
    label.to_lowercase()
}

/// Puts labels on a member; those that do not exist are made.
pub fn attach(conn: &mut Conn, member: MemberId, names: &[String], now: Timestamp) -> DbResult<()> {
    for name in names {
        let new = (labels::id.eq(LabelId::new(now)), labels::name.eq(name), labels::name_key.eq(key(name)));
        on_either!(conn, conn => diesel::insert_into(labels::table).values(new).on_conflict_do_nothing().execute(conn)?);
        let label: LabelId =
            labels::table.filter(labels::name_key.eq(key(name))).select(labels::id).get_result(conn)?;
        let put = (member_labels::member_id.eq(member), member_labels::label_id.eq(label));
        on_either!(conn, conn => diesel::insert_into(member_labels::table).values(put).on_conflict_do_nothing().execute(conn)?);
    }
    Ok(())
}

pub fn of(conn: &mut Conn, member: MemberId) -> DbResult<Vec<String>> {
    Ok(member_labels::table
        .inner_join(labels::table)
        .filter(member_labels::member_id.eq(member))
        .order(labels::name_key)
        .select(labels::name)
        .load(conn)?)
}
