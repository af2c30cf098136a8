//! Newsletters as staff see and change them.

use diesel::prelude::*;
use uuid::Uuid;

use crate::db::schema::newsletters;
use crate::db::{Conn, DbResult};
use crate::ids::NewsletterId;
use crate::members::address::EmailAddress;

/// A newsletter with everything that can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = newsletters)]
pub struct Edited {
    pub id: NewsletterId,
    uuid: Vec<u8>,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    pub status: String,
    /// Whoever signs up without choosing joins it.
    pub subscribe_on_signup: bool,
    pub sort_order: i32,
    /// Who its mails come from, beside the address that all mails have.
    pub sender_name: Option<String>,
    pub reply_to: Option<String>,
}

impl Edited {
    /// What strangers may see of its id.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_slice(&self.uuid).unwrap_or_default()
    }

    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
}

/// All of them, the archived ones last.
pub fn all(conn: &mut Conn) -> DbResult<Vec<Edited>> {
    let mut all: Vec<Edited> =
        newsletters::table.order((newsletters::sort_order, newsletters::id)).select(Edited::as_select()).load(conn)?;
    all.sort_by_key(|one| !one.is_active());
    Ok(all)
}

pub fn find(conn: &mut Conn, id: NewsletterId) -> DbResult<Option<Edited>> {
    Ok(newsletters::table.find(id).select(Edited::as_select()).get_result(conn).optional()?)
}

/// What staff wish.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub name: String,
    pub description: Option<String>,
    pub subscribe_on_signup: bool,
    pub sender_name: Option<String>,
    pub reply_to: Option<EmailAddress>,
}

/// Whether another active newsletter has this name.
pub fn is_taken(conn: &mut Conn, id: Option<NewsletterId>, name: &str) -> DbResult<bool> {
    Ok(all(conn)?.iter().any(|one| Some(one.id) != id && one.name == name))
}

/// Its slug stays: forms on the site name it.
pub fn edit(conn: &mut Conn, id: NewsletterId, wishes: &Wishes) -> DbResult<()> {
    diesel::update(newsletters::table.find(id))
        .set((
            newsletters::name.eq(&wishes.name),
            newsletters::description.eq(&wishes.description),
            newsletters::subscribe_on_signup.eq(wishes.subscribe_on_signup),
            newsletters::sender_name.eq(&wishes.sender_name),
            newsletters::reply_to.eq(wishes.reply_to.as_ref().map(EmailAddress::as_given)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Nobody can join an archived one; those who are on it are kept, and get nothing.
pub fn set_active(conn: &mut Conn, id: NewsletterId, is_active: bool) -> DbResult<()> {
    let status = if is_active { "active" } else { "archived" };
    diesel::update(newsletters::table.find(id)).set(newsletters::status.eq(status)).execute(conn)?;
    Ok(())
}

/// Moves one a place up or down; returns whether it moved.
pub fn reorder(conn: &mut Conn, id: NewsletterId, is_up: bool) -> DbResult<bool> {
    let mut order: Vec<NewsletterId> = all(conn)?.into_iter().filter(Edited::is_active).map(|one| one.id).collect();
    let Some(at) = order.iter().position(|one| *one == id) else { return Ok(false) };
    let to = if is_up { at.checked_sub(1) } else { Some(at + 1) };
    let Some(to) = to.filter(|to| *to < order.len()) else { return Ok(false) };
    order.swap(at, to);
    for (place, id) in order.into_iter().enumerate() {
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        diesel::update(newsletters::table.find(id)).set(newsletters::sort_order.eq(place)).execute(conn)?;
    }
    Ok(true)
}
