//! Who they are: a person who confirmed an address, what they said about themselves, and what
//! happened to them. A member is made when a link is confirmed and never before.

pub mod address;
pub mod attribution;
pub mod browsing;
pub mod by_programs;
pub mod csv_cells;
pub mod csv_export;
pub mod email_change;
pub mod events;
pub mod export;
mod export_billing;
pub mod for_programs;
pub mod labels;
pub mod leaving;
pub mod listing;
pub mod name;
pub mod notes;
pub mod nql;
pub mod preferences;
pub mod profile;
pub mod record;

use std::collections::HashMap;

use diesel::prelude::*;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::db::schema::members;
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::{self, MemberId};
use crate::texts::Language;
use address::EmailAddress;
use attribution::Attribution;
use events::Event;

/// What is known of somebody at the moment of confirming.
pub struct NewMember<'a> {
    pub email: &'a EmailAddress,
    pub name: Option<&'a str>,
    /// The page whose form was used.
    pub source_page: Option<&'a str>,
    /// Where the visitor had come from.
    pub referrer: Option<&'a str>,
    pub attribution: Option<&'a Attribution>,
    /// What they read when they signed up.
    pub language: Option<Language>,
}

pub fn find_by_email(conn: &mut Conn, email: &EmailAddress) -> DbResult<Option<MemberId>> {
    Ok(members::table.filter(members::email_key.eq(email.key())).select(members::id).get_result(conn).optional()?)
}

/// The members among some keys of addresses.
pub fn find_by_keys(conn: &mut Conn, keys: &[&str]) -> DbResult<HashMap<String, MemberId>> {
    let found: Vec<(String, MemberId)> =
        members::table.filter(members::email_key.eq_any(keys)).select((members::email_key, members::id)).load(conn)?;
    Ok(found.into_iter().collect())
}

/// Whom a mail to an account goes to, and in what language.
#[derive(Queryable)]
pub struct Contact {
    pub id: MemberId,
    /// As it was given: never what somebody else typed (`reliability.md` I2).
    pub email: String,
    language: Option<String>,
}

impl Contact {
    /// The language they read, if they ever showed one.
    pub fn language(&self) -> Option<Language> {
        self.language.as_deref().and_then(Language::of_tag)
    }
}

pub fn contact_by_email(conn: &mut Conn, email: &EmailAddress) -> DbResult<Option<Contact>> {
    let found = members::table.filter(members::email_key.eq(email.key()));
    Ok(found.select((members::id, members::email, members::language)).get_result(conn).optional()?)
}

/// Reads an address that was checked before it was stored.
pub fn stored_address(text: &str) -> DbResult<EmailAddress> {
    EmailAddress::parse(text).map_err(|error| DbError::Corrupt(error.to_string()))
}

/// Makes a member, or finds the one who confirmed the same address a moment before.
///
/// Returns the id and whether it is new.
pub fn create(conn: &mut Conn, new: &NewMember<'_>, now: Timestamp) -> DbResult<(MemberId, bool)> {
    let id = MemberId::new(now);
    let row = (
        members::id.eq(id),
        members::uuid.eq(ids::uuid().as_bytes().to_vec()),
        members::email.eq(new.email.as_given()),
        members::email_key.eq(new.email.key()),
        members::name.eq(new.name),
        members::name_key.eq(new.name.map(name::key)),
        members::source_page.eq(new.source_page),
        members::referrer.eq(new.referrer),
        members::language.eq(new.language.map(Language::tag)),
        members::created_at.eq(now),
        members::updated_at.eq(now),
        members::last_seen_at.eq(now),
    );
    let inserted = on_either!(conn, conn => diesel::insert_into(members::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    if inserted == 1 {
        if let Some(attribution) = new.attribution {
            attribution::keep(conn, id, attribution)?;
        }
        return Ok((id, true));
    }
    let existing =
        members::table.filter(members::email_key.eq(new.email.key())).select(members::id).get_result(conn)?;
    Ok((existing, false))
}

/// A member from a file, who proved nothing here.
pub struct Imported<'a> {
    pub email: &'a EmailAddress,
    pub name: Option<&'a str>,
    pub language: Option<Language>,
    /// Since when they are one elsewhere.
    pub created_at: Timestamp,
}

/// Makes members of some who are none; returns their ids in the same order. Each id is of the time since
/// which they are a member, so that ids go on sorting by it.
pub fn bring_in(conn: &mut Conn, new: &[Imported<'_>], now: Timestamp) -> DbResult<Vec<MemberId>> {
    let ids: Vec<MemberId> = new.iter().map(|one| MemberId::new(one.created_at)).collect();
    let rows: Vec<_> = ids
        .iter()
        .zip(new)
        .map(|(id, one)| {
            (
                members::id.eq(*id),
                members::uuid.eq(ids::uuid().as_bytes().to_vec()),
                members::email.eq(one.email.as_given()),
                members::email_key.eq(one.email.key()),
                members::name.eq(one.name),
                members::name_key.eq(one.name.map(name::key)),
                members::language.eq(one.language.map(Language::tag)),
                members::created_at.eq(one.created_at),
                members::updated_at.eq(now),
            )
        })
        .collect();
    on_either!(conn, conn => diesel::insert_into(members::table).values(&rows).execute(conn)?);
    events::record_all(conn, &ids, Event::Imported, now)?;
    Ok(ids)
}

/// Gives a name to somebody who has none.
pub fn name_if_none(conn: &mut Conn, id: MemberId, name: &str, now: Timestamp) -> DbResult<()> {
    diesel::update(members::table.find(id).filter(members::name.is_null()))
        .set((members::name.eq(name), members::name_key.eq(name::key(name)), members::updated_at.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// Whether `id` still is the account of `email` (a link follows neither of the two alone, T7).
pub fn owns(conn: &mut Conn, id: MemberId, email: &EmailAddress) -> DbResult<bool> {
    let found: Option<MemberId> = members::table
        .find(id)
        .filter(members::email_key.eq(email.key()))
        .select(members::id)
        .get_result(conn)
        .optional()?;
    Ok(found.is_some())
}

pub fn seen(conn: &mut Conn, id: MemberId, now: Timestamp) -> DbResult<()> {
    diesel::update(members::table.find(id)).set(members::last_seen_at.eq(now)).execute(conn)?;
    Ok(())
}

pub fn count(conn: &mut Conn) -> DbResult<u64> {
    let count: i64 = members::table.count().get_result(conn)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub fn exists(conn: &mut Conn, id: MemberId) -> DbResult<bool> {
    let found: i64 = members::table.find(id).count().get_result(conn)?;
    Ok(found > 0)
}

/// The address of an account, as it was given.
pub fn email_of(conn: &mut Conn, id: MemberId) -> DbResult<String> {
    Ok(members::table.find(id).select(members::email).get_result(conn)?)
}

/// Lets nobody else change what hangs on a member until this transaction ends. SQLite has one writer
/// anyhow.
pub fn lock(conn: &mut Conn, id: MemberId) -> DbResult<()> {
    if let Conn::Postgres(conn) = conn {
        let _: Option<MemberId> =
            members::table.find(id).select(members::id).for_update().get_result(conn).optional()?;
    }
    Ok(())
}

/// The address of an account and the name of its owner.
pub fn email_and_name_of(conn: &mut Conn, id: MemberId) -> DbResult<(String, Option<String>)> {
    Ok(members::table.find(id).select((members::email, members::name)).get_result(conn)?)
}

/// The language a member reads, if they ever showed one.
pub fn language_of(conn: &mut Conn, id: MemberId) -> DbResult<Option<Language>> {
    let tag: Option<Option<String>> = members::table.find(id).select(members::language).get_result(conn).optional()?;
    Ok(tag.flatten().and_then(|tag| Language::of_tag(&tag)))
}

/// What strangers may know an account by, and what is in its unsubscribe links.
pub fn uuid_of(conn: &mut Conn, id: MemberId) -> DbResult<Option<Uuid>> {
    let bytes: Option<Vec<u8>> = members::table.find(id).select(members::uuid).get_result(conn).optional()?;
    bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(|error| DbError::Corrupt(error.to_string()))).transpose()
}
