//! Accounts of staff.

use diesel::prelude::*;

use super::roles::Role;
use crate::clock::Timestamp;
use crate::db::schema::{staff, staff_places, staff_recovery_codes, staff_sessions};
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::ids::StaffId;
use crate::members::address::EmailAddress;

/// An account, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub has_second_factor: bool,
    /// Too many wrong passwords in a row: only a link by mail opens it.
    pub failures: i32,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

type Row = (StaffId, String, String, String, Option<Vec<u8>>, i32, Timestamp, Option<Timestamp>);

fn account(row: Row) -> DbResult<Account> {
    let (id, email, name, role, totp, failures, created_at, last_seen_at) = row;
    let role = Role::parse(&role).ok_or_else(|| DbError::Corrupt(format!("role {role}")))?;
    Ok(Account { id, email, name, role, has_second_factor: totp.is_some(), failures, created_at, last_seen_at })
}

macro_rules! accounts {
    () => {
        staff::table.select((
            staff::id,
            staff::email,
            staff::name,
            staff::role,
            staff::totp,
            staff::failures,
            staff::created_at,
            staff::last_seen_at,
        ))
    };
}

/// Everybody, by their names.
pub fn all(conn: &mut Conn) -> DbResult<Vec<Account>> {
    let rows: Vec<Row> = accounts!().order((staff::name, staff::id)).load(conn)?;
    rows.into_iter().map(account).collect()
}

pub fn find(conn: &mut Conn, id: StaffId) -> DbResult<Option<Account>> {
    let row: Option<Row> = accounts!().filter(staff::id.eq(id)).get_result(conn).optional()?;
    row.map(account).transpose()
}

pub fn find_by_email(conn: &mut Conn, email: &EmailAddress) -> DbResult<Option<Account>> {
    let row: Option<Row> = accounts!().filter(staff::email_key.eq(email.key())).get_result(conn).optional()?;
    row.map(account).transpose()
}

pub fn count(conn: &mut Conn) -> DbResult<i64> {
    Ok(staff::table.count().get_result(conn)?)
}

/// The hash of an account's password.
pub(super) fn password_of(conn: &mut Conn, id: StaffId) -> DbResult<String> {
    Ok(staff::table.find(id).select(staff::password).get_result(conn)?)
}

/// Makes an account. `None`: the address has one.
pub(super) fn create(
    conn: &mut Conn,
    email: &EmailAddress,
    name: &str,
    role: Role,
    password: &str,
    now: Timestamp,
) -> DbResult<Option<StaffId>> {
    let id = StaffId::new(now);
    let row = (
        staff::id.eq(id),
        staff::email.eq(email.as_given()),
        staff::email_key.eq(email.key()),
        staff::name.eq(name),
        staff::role.eq(role.as_str()),
        staff::password.eq(password),
        staff::created_at.eq(now),
    );
    let made =
        on_either!(conn, conn => diesel::insert_into(staff::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok((made == 1).then_some(id))
}

/// Another password ends every session but `kept`, and forgets wrong ones.
pub(super) fn set_password(conn: &mut Conn, id: StaffId, password: &str, kept: Option<&[u8]>) -> DbResult<()> {
    diesel::update(staff::table.find(id)).set((staff::password.eq(password), staff::failures.eq(0))).execute(conn)?;
    let of_account = staff_sessions::table.filter(staff_sessions::staff_id.eq(id));
    match kept {
        Some(kept) => diesel::delete(of_account.filter(staff_sessions::token_hash.ne(kept))).execute(conn)?,
        None => diesel::delete(of_account).execute(conn)?,
    };
    Ok(())
}

pub fn rename(conn: &mut Conn, id: StaffId, name: &str) -> DbResult<()> {
    diesel::update(staff::table.find(id)).set(staff::name.eq(name)).execute(conn)?;
    Ok(())
}

/// Why an account stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    #[error("There is no such account.")]
    Unknown,
    #[error("Your role may not change this account.")]
    NotYours,
    #[error("This is the only owner. Make somebody else an owner first.")]
    LastOwner,
    #[error("Somebody else changed this account meanwhile. Look again.")]
    Changed,
}

/// Gives an account another role; it counts with the very next request.
pub fn set_role(conn: &mut Conn, by: Role, id: StaffId, was: Role, role: Role) -> DbResult<Result<Account, NotDone>> {
    let account = match changeable(conn, by, id)? {
        Ok(account) => account,
        Err(why) => return Ok(Err(why)),
    };
    if account.role != was {
        return Ok(Err(NotDone::Changed));
    }
    if !by.may_manage(role) {
        return Ok(Err(NotDone::NotYours));
    }
    if role != Role::Owner && is_last_owner(conn, &account)? {
        return Ok(Err(NotDone::LastOwner));
    }
    diesel::update(staff::table.find(id)).set(staff::role.eq(role.as_str())).execute(conn)?;
    Ok(Ok(account))
}

/// Removes an account with its sessions. What it did stays in the audit log.
pub fn remove(conn: &mut Conn, by: Role, id: StaffId) -> DbResult<Result<Account, NotDone>> {
    let account = match changeable(conn, by, id)? {
        Ok(account) => account,
        Err(why) => return Ok(Err(why)),
    };
    if is_last_owner(conn, &account)? {
        return Ok(Err(NotDone::LastOwner));
    }
    diesel::delete(staff_sessions::table.filter(staff_sessions::staff_id.eq(id))).execute(conn)?;
    diesel::delete(staff_places::table.filter(staff_places::staff_id.eq(id))).execute(conn)?;
    diesel::delete(staff_recovery_codes::table.filter(staff_recovery_codes::staff_id.eq(id))).execute(conn)?;
    diesel::delete(staff::table.find(id)).execute(conn)?;
    Ok(Ok(account))
}

fn changeable(conn: &mut Conn, by: Role, id: StaffId) -> DbResult<Result<Account, NotDone>> {
    // Of two who change owners at once on PostgreSQL, one waits for the other.
    if let Conn::Postgres(conn) = conn {
        let _: Vec<StaffId> = staff::table.select(staff::id).order(staff::id).for_update().load(conn)?;
    }
    Ok(match find(conn, id)? {
        None => Err(NotDone::Unknown),
        Some(account) if !by.may_manage(account.role) => Err(NotDone::NotYours),
        Some(account) => Ok(account),
    })
}

fn is_last_owner(conn: &mut Conn, account: &Account) -> DbResult<bool> {
    let owners: i64 = staff::table.filter(staff::role.eq(Role::Owner.as_str())).count().get_result(conn)?;
    Ok(account.role == Role::Owner && owners <= 1)
}
