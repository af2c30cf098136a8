//! Links that make an account, give it another password, or open it again. Like those of members, a
//! link's token is derived from the key file and the link's id when it is written down for somebody,
//! and only its hash is kept.

use std::time::Duration;

use diesel::prelude::*;

use super::accounts::{self, Account};
use super::audit::{self, Actor, Deed};
use super::notices::{self, Notice};
use super::roles::Role;
use crate::clock::Timestamp;
use crate::config::{Staff as Settings, seconds};
use crate::db::schema::staff_links;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::{StaffId, StaffLinkId};
use crate::limits::{self, Verdict, Window};
use crate::mail::outbox;
use crate::members::address::EmailAddress;
use crate::secrets::{self, SecretKey, Token};
use serde_json::json;

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The first account there is, an owner's; or one that the command line makes.
    First,
    Invitation,
    /// Another password; also opens an account after too many wrong ones.
    Reset,
}

impl Purpose {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    fn parse(text: &str) -> DbResult<Self> {
        let all = [Self::First, Self::Invitation, Self::Reset];
        all.into_iter().find(|one| one.as_str() == text).ok_or_else(|| DbError::Corrupt(format!("purpose {text}")))
    }

    fn life(self, settings: &Settings) -> Duration {
        seconds(match self {
            Self::First => settings.first_link_s,
            Self::Invitation => settings.invitation_s,
            Self::Reset => settings.reset_s,
        })
    }
}

/// A link that works now.
#[derive(Clone, Debug)]
pub struct Link {
    pub id: StaffLinkId,
    pub purpose: Purpose,
    /// Whose it is; `None` for one that whoever opens it gives.
    pub email: Option<String>,
    pub role: Option<Role>,
    pub account: Option<StaffId>,
    pub made_by: Option<String>,
    pub expires_at: Timestamp,
}

pub fn token(key: &SecretKey, id: StaffLinkId) -> Token {
    Token::from_bytes(&key.hmac(secrets::Purpose::StaffLink, id.as_bytes()))
}

struct New<'a> {
    purpose: Purpose,
    email: Option<&'a EmailAddress>,
    role: Option<Role>,
    account: Option<StaffId>,
    made_by: Option<&'a str>,
}

fn insert(
    conn: &mut Conn,
    key: &SecretKey,
    settings: &Settings,
    new: &New<'_>,
    now: Timestamp,
) -> DbResult<(StaffLinkId, Timestamp)> {
    let id = StaffLinkId::new(now);
    let expires_at = now.plus(new.purpose.life(settings));
    diesel::insert_into(staff_links::table)
        .values((
            staff_links::id.eq(id),
            staff_links::token_hash.eq(&token(key, id).hash()[..]),
            staff_links::purpose.eq(new.purpose.as_str()),
            staff_links::email.eq(new.email.map(EmailAddress::as_given)),
            staff_links::role.eq(new.role.map(Role::as_str)),
            staff_links::staff_id.eq(new.account),
            staff_links::made_by.eq(new.made_by),
            staff_links::created_at.eq(now),
            staff_links::expires_at.eq(expires_at),
        ))
        .execute(conn)?;
    Ok((id, expires_at))
}

/// A new link that makes an owner, if there is nobody yet (`reliability.md` A11). Former ones end.
pub fn first(conn: &mut Conn, key: &SecretKey, settings: &Settings, now: Timestamp) -> DbResult<Option<Token>> {
    if accounts::count(conn)? > 0 {
        return Ok(None);
    }
    let open = staff_links::table.filter(staff_links::purpose.eq("first")).filter(staff_links::used_at.is_null());
    diesel::delete(open).execute(conn)?;
    let new = New { purpose: Purpose::First, email: None, role: Some(Role::Owner), account: None, made_by: None };
    let (id, _) = insert(conn, key, settings, &new, now)?;
    Ok(Some(token(key, id)))
}

/// A link from the command line that makes an account of any role.
pub fn from_command(
    conn: &mut Conn,
    key: &SecretKey,
    settings: &Settings,
    email: &EmailAddress,
    role: Role,
    now: Timestamp,
) -> DbResult<Token> {
    let made_by = Some("the command line");
    let new = New { purpose: Purpose::Invitation, email: Some(email), role: Some(role), account: None, made_by };
    let (id, _) = insert(conn, key, settings, &new, now)?;
    audit::record(
        conn,
        key,
        &Actor::command(),
        &Deed::to("staff.invite", "staff", email.as_given()).with(json!({"role": role.as_str()})),
        now,
    )?;
    Ok(token(key, id))
}

/// Why nobody was invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInvited {
    #[error("This address has an account already.")]
    HasAccount,
    #[error("Your role may not give this one.")]
    NotYours,
}

/// Invites somebody by mail. An invitation that they have already is replaced.
pub fn invite(
    conn: &mut Conn,
    key: &SecretKey,
    settings: &Settings,
    by: (&Actor, Role),
    email: &EmailAddress,
    role: Role,
    now: Timestamp,
) -> DbResult<Result<(), NotInvited>> {
    if !by.1.may_manage(role) {
        return Ok(Err(NotInvited::NotYours));
    }
    if accounts::find_by_email(conn, email)?.is_some() {
        return Ok(Err(NotInvited::HasAccount));
    }
    withdraw(conn, &email.as_given())?;
    let made_by = Some(by.0.name.as_str());
    let new = New { purpose: Purpose::Invitation, email: Some(email), role: Some(role), account: None, made_by };
    let (id, expires_at) = insert(conn, key, settings, &new, now)?;
    outbox::enqueue_staff_link(conn, id, &email.as_given(), expires_at, now)?;
    let (invited, after) = (email.as_given(), json!({"role": role.as_str()}));
    audit::record(conn, key, by.0, &Deed::to("staff.invite", "staff", &invited).with(after), now)?;
    Ok(Ok(()))
}

/// Takes an invitation back; returns whether there was one.
pub fn withdraw(conn: &mut Conn, email: &str) -> DbResult<bool> {
    let open = staff_links::table
        .filter(staff_links::email.eq(email))
        .filter(staff_links::purpose.eq("invitation").and(staff_links::used_at.is_null()));
    Ok(diesel::delete(open).execute(conn)? > 0)
}

/// Invitations that were not taken up yet.
pub fn invitations(conn: &mut Conn, now: Timestamp) -> DbResult<Vec<Link>> {
    let rows: Vec<Row> = staff_links::table
        .filter(staff_links::purpose.eq("invitation"))
        .filter(staff_links::used_at.is_null().and(staff_links::expires_at.gt(now)))
        .order(staff_links::id)
        .select(COLUMNS)
        .load(conn)?;
    rows.into_iter().map(link).collect()
}

/// Mails a link to another password, if the address has an account; the asker is told nothing of it
/// (`reliability.md` A10). Three an hour for one address.
pub fn ask_reset(
    conn: &mut Conn,
    key: &SecretKey,
    settings: &Settings,
    email: &EmailAddress,
    now: Timestamp,
) -> DbResult<()> {
    let bucket = limits::bucket("staff reset", &email.key());
    if limits::admit(conn, &bucket, &[Window::new(3_600, 3)], now)? != Verdict::Admitted {
        return Ok(());
    }
    let Some(account) = accounts::find_by_email(conn, email)? else { return Ok(()) };
    send_reset(conn, key, settings, &account, now)
}

/// Mails a link to another password.
pub fn send_reset(
    conn: &mut Conn,
    key: &SecretKey,
    settings: &Settings,
    account: &Account,
    now: Timestamp,
) -> DbResult<()> {
    let new = New { purpose: Purpose::Reset, email: None, role: None, account: Some(account.id), made_by: None };
    let (id, expires_at) = insert(conn, key, settings, &new, now)?;
    outbox::enqueue_staff_link(conn, id, &account.email, expires_at, now)
}

type Row = (StaffLinkId, String, Option<String>, Option<String>, Option<StaffId>, Option<String>, Timestamp);
type Columns = (
    staff_links::id,
    staff_links::purpose,
    staff_links::email,
    staff_links::role,
    staff_links::staff_id,
    staff_links::made_by,
    staff_links::expires_at,
);
const COLUMNS: Columns = (
    staff_links::id,
    staff_links::purpose,
    staff_links::email,
    staff_links::role,
    staff_links::staff_id,
    staff_links::made_by,
    staff_links::expires_at,
);

fn link(row: Row) -> DbResult<Link> {
    let (id, purpose, email, role, account, made_by, expires_at) = row;
    let role = role.as_deref().and_then(Role::parse);
    Ok(Link { id, purpose: Purpose::parse(&purpose)?, email, role, account, made_by, expires_at })
}

/// The link behind a token, if it works now. Changes nothing.
pub fn look(conn: &mut Conn, token: &Token, now: Timestamp) -> DbResult<Option<Link>> {
    let row: Option<Row> = staff_links::table
        .filter(staff_links::token_hash.eq(&token.hash()[..]))
        .filter(staff_links::used_at.is_null().and(staff_links::expires_at.gt(now)))
        .select(COLUMNS)
        .get_result(conn)
        .optional()?;
    let Some(found) = row.map(link).transpose()? else { return Ok(None) };
    // The first link is good only as long as there is nobody.
    let is_late = found.purpose == Purpose::First && accounts::count(conn)? > 0;
    Ok(Some(found).filter(|_| !is_late))
}

pub fn find(conn: &mut Conn, id: StaffLinkId, now: Timestamp) -> DbResult<Option<Link>> {
    let row: Option<Row> = staff_links::table
        .find(id)
        .filter(staff_links::used_at.is_null().and(staff_links::expires_at.gt(now)))
        .select(COLUMNS)
        .get_result(conn)
        .optional()?;
    row.map(link).transpose()
}

/// What whoever opened a link gave.
pub struct Given<'a> {
    /// Only for the first link, which has no address of its own.
    pub email: Option<&'a EmailAddress>,
    pub name: &'a str,
    /// Hashed.
    pub password: &'a str,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    Made(StaffId),
    /// The password of this account is another one now.
    Reset(StaffId),
    /// The link is dead, or was used meanwhile.
    Dead,
    /// The address has an account already.
    Taken,
}

/// Uses a link up, once.
pub fn redeem(
    conn: &mut Conn,
    key: &SecretKey,
    token: &Token,
    given: &Given<'_>,
    actor: &Actor,
    now: Timestamp,
) -> DbResult<Used> {
    // One at a time, so that of many who open the first link at once one becomes the owner.
    if let Conn::Postgres(conn) = conn {
        diesel::sql_query("LOCK TABLE staff IN SHARE ROW EXCLUSIVE MODE").execute(conn)?;
    }
    let Some(link) = look(conn, token, now)? else { return Ok(Used::Dead) };
    let used = diesel::update(staff_links::table.find(link.id).filter(staff_links::used_at.is_null()))
        .set(staff_links::used_at.eq(now))
        .execute(conn)?;
    if used != 1 {
        return Ok(Used::Dead);
    }
    if let Some(id) = link.account {
        let Some(account) = accounts::find(conn, id)? else { return Ok(Used::Dead) };
        accounts::set_password(conn, id, given.password, None)?;
        notices::tell(conn, &account, &Notice::PasswordChanged { client: actor.client.clone() }, now)?;
        let named = Actor { kind: "staff", id: id.to_string(), name: account.name.clone(), ..actor.clone() };
        audit::record(conn, key, &named, &Deed::to("staff.password", "staff", id), now)?;
        return Ok(Used::Reset(id));
    }
    let own = link.email.as_deref().map(EmailAddress::parse).transpose();
    let own = own.map_err(|error| DbError::Corrupt(error.to_string()))?;
    let (Some(email), Some(role)) = (own.as_ref().or(given.email), link.role) else { return Ok(Used::Dead) };
    let Some(id) = accounts::create(conn, email, given.name, role, given.password, now)? else {
        return Ok(Used::Taken);
    };
    let named = Actor { kind: "staff", id: id.to_string(), name: given.name.to_owned(), ..actor.clone() };
    let after = json!({"role": role.as_str()});
    audit::record(conn, key, &named, &Deed::to("staff.join", "staff", id).with(after), now)?;
    Ok(Used::Made(id))
}

/// Drops links that are over.
pub fn purge(conn: &mut Conn, now: Timestamp) -> DbResult<usize> {
    let kept = now.minus(Duration::from_secs(86_400));
    Ok(diesel::delete(staff_links::table.filter(staff_links::expires_at.lt(kept))).execute(conn)?)
}
