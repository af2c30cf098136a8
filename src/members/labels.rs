//! Words on members. A form may put some on those who come through it.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::{labels, member_labels};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{LabelId, MemberId};
use crate::members::name;
use crate::texts::dashed;

/// How many labels one form may give.
pub const MOST: usize = 20;

/// Labels of a form: normalised like names, empty ones dropped, doubles once.
pub fn parse<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    // A comma or semicolon stands between labels, wherever several are written in one line.
    let whole = texts.map(|text| text.replace([',', ';'], " "));
    for label in whole.filter_map(|text| name::parse(&text).ok().flatten()).take(MOST) {
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
        let label = ensure(conn, name, now)?;
        put(conn, member, label)?;
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

/// A label.
#[derive(Clone, Debug)]
pub struct Label {
    pub id: LabelId,
    pub name: String,
}

impl Label {
    /// Its name in addresses and filters.
    pub fn slug(&self) -> String {
        let slug = dashed(&self.name);
        if slug.is_empty() { self.id.to_string() } else { slug }
    }
}

pub fn find(conn: &mut Conn, id: LabelId) -> DbResult<Option<Label>> {
    let name: Option<String> = labels::table.find(id).select(labels::name).get_result(conn).optional()?;
    Ok(name.map(|name| Label { id, name }))
}

/// Gives a label another name; `false`: another has it, or there is no such label.
pub fn rename(conn: &mut Conn, id: LabelId, name: &str) -> DbResult<bool> {
    let others = labels::table.filter(labels::name_key.eq(key(name)).and(labels::id.ne(id)));
    if others.count().get_result::<i64>(conn)? > 0 {
        return Ok(false);
    }
    let renamed = diesel::update(labels::table.find(id)).set((labels::name.eq(name), labels::name_key.eq(key(name))));
    Ok(renamed.execute(conn)? == 1)
}

/// Takes a label off everybody and away; returns whether there was one.
pub fn remove(conn: &mut Conn, id: LabelId) -> DbResult<bool> {
    Ok(diesel::delete(labels::table.find(id)).execute(conn)? == 1)
}

/// How many members have each label.
pub fn counts(conn: &mut Conn) -> DbResult<HashMap<LabelId, i64>> {
    let counts = member_labels::table.group_by(member_labels::label_id);
    let counts: Vec<(LabelId, i64)> = counts.select((member_labels::label_id, count_star())).load(conn)?;
    Ok(counts.into_iter().collect())
}

/// Every label there is.
pub fn all(conn: &mut Conn) -> DbResult<Vec<Label>> {
    let rows: Vec<(LabelId, String)> =
        labels::table.order(labels::name_key).select((labels::id, labels::name)).load(conn)?;
    Ok(rows.into_iter().map(|(id, name)| Label { id, name }).collect())
}

/// Makes these the labels of a member, and no others.
pub fn set(conn: &mut Conn, member: MemberId, names: &[String], now: Timestamp) -> DbResult<()> {
    diesel::delete(member_labels::table.filter(member_labels::member_id.eq(member))).execute(conn)?;
    attach(conn, member, names, now)
}

/// The label of this name, made if there is none.
pub fn ensure(conn: &mut Conn, name: &str, now: Timestamp) -> DbResult<LabelId> {
    let new = (labels::id.eq(LabelId::new(now)), labels::name.eq(name), labels::name_key.eq(key(name)));
    on_either!(conn, conn => diesel::insert_into(labels::table).values(new).on_conflict_do_nothing().execute(conn)?);
    Ok(labels::table.filter(labels::name_key.eq(key(name))).select(labels::id).get_result(conn)?)
}

/// Puts a label on a member; returns whether it is new to them.
pub fn put(conn: &mut Conn, member: MemberId, label: LabelId) -> DbResult<bool> {
    let put = (member_labels::member_id.eq(member), member_labels::label_id.eq(label));
    let inserted = on_either!(conn, conn => diesel::insert_into(member_labels::table).values(put).on_conflict_do_nothing().execute(conn)?);
    Ok(inserted == 1)
}

/// Puts a label on members who do not have it.
pub fn put_first(conn: &mut Conn, members: &[MemberId], label: LabelId) -> DbResult<()> {
    let rows: Vec<_> = members
        .iter()
        .map(|member| (member_labels::member_id.eq(*member), member_labels::label_id.eq(label)))
        .collect();
    on_either!(conn, conn => diesel::insert_into(member_labels::table).values(&rows).execute(conn)?);
    Ok(())
}

/// Takes a label off a member; returns whether they had it.
pub fn take_off(conn: &mut Conn, member: MemberId, label: LabelId) -> DbResult<bool> {
    Ok(diesel::delete(member_labels::table.find((member, label))).execute(conn)? == 1)
}
