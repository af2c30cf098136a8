//! Sessions of staff: rows on the server, apart from those of members (`reliability.md` A9).

use data_encoding::HEXLOWER;
use diesel::prelude::*;

use super::roles::Role;
use crate::clock::Timestamp;
use crate::config::{Staff as Settings, seconds};
use crate::db::schema::{staff, staff_sessions};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::StaffId;
use crate::secrets::{self, Sha256, Token};

/// Somebody of the staff, with the session they came with.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub session: Sha256,
    /// The session was opened with a second factor.
    pub proved_both: bool,
    /// The account has a second factor.
    pub has_second_factor: bool,
    pub proved_at: Timestamp,
    last_used_at: Timestamp,
}

impl Visitor {
    /// Password or code were asked for a moment ago.
    pub fn is_fresh(&self, settings: &Settings, now: Timestamp) -> bool {
        now < self.proved_at.plus(seconds(settings.proof_s))
    }

    /// The account must get a second factor before anything else can be done.
    pub const fn lacks_second_factor(&self, settings: &Settings) -> bool {
        !self.has_second_factor && is_needed(settings, self.role)
    }

    pub fn needs_touch(&self, now: Timestamp) -> bool {
        now >= self.last_used_at.plus(TOUCH)
    }
}

/// Whether a role takes a second factor.
pub const fn is_needed(settings: &Settings, role: Role) -> bool {
    match settings.second_factor {
        0 => false,
        1 => matches!(role, Role::Owner | Role::Administrator),
        _ => true,
    }
}

/// How often at most the last use is written down.
const TOUCH: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) fn open(
    conn: &mut Conn,
    id: StaffId,
    agent: Option<&str>,
    client: &str,
    has_second_factor: bool,
    now: Timestamp,
) -> DbResult<Token> {
    let token = Token::random();
    diesel::insert_into(staff_sessions::table)
        .values((
            staff_sessions::token_hash.eq(&token.hash()[..]),
            staff_sessions::staff_id.eq(id),
            staff_sessions::agent.eq(agent),
            staff_sessions::client.eq(client),
            staff_sessions::has_second_factor.eq(has_second_factor),
            staff_sessions::created_at.eq(now),
            staff_sessions::last_used_at.eq(now),
            staff_sessions::proved_at.eq(now),
        ))
        .execute(conn)?;
    Ok(token)
}

type Row = (StaffId, String, String, String, Option<Vec<u8>>, bool, Timestamp, Timestamp, Timestamp);

/// Who comes with this session, if it counts now. An account with a second factor is not entered by a
/// session that was opened without one.
pub fn who(conn: &mut Conn, settings: &Settings, session: &Sha256, now: Timestamp) -> DbResult<Option<Visitor>> {
    let row: Option<Row> = staff_sessions::table
        .inner_join(staff::table)
        .filter(staff_sessions::token_hash.eq(&session[..]))
        .select((
            staff::id,
            staff::email,
            staff::name,
            staff::role,
            staff::totp,
            staff_sessions::has_second_factor,
            staff_sessions::created_at,
            staff_sessions::last_used_at,
            staff_sessions::proved_at,
        ))
        .get_result(conn)
        .optional()?;
    let Some((id, email, name, role, totp, proved_both, created_at, last_used_at, proved_at)) = row else {
        return Ok(None);
    };
    let role = Role::parse(&role).ok_or_else(|| DbError::Corrupt(format!("role {role}")))?;
    let is_live = now < created_at.plus(seconds(settings.session_absolute_s))
        && now < last_used_at.plus(seconds(settings.session_idle_s));
    let has_second_factor = totp.is_some();
    let visitor =
        Visitor { id, email, name, role, session: *session, proved_both, has_second_factor, proved_at, last_used_at };
    Ok(Some(visitor).filter(|_| is_live && (proved_both || !has_second_factor)))
}

pub fn touch(conn: &mut Conn, visitor: &Visitor, now: Timestamp) -> DbResult<()> {
    diesel::update(staff_sessions::table.find(&visitor.session[..]))
        .set(staff_sessions::last_used_at.eq(now))
        .execute(conn)?;
    diesel::update(staff::table.find(visitor.id)).set(staff::last_seen_at.eq(now)).execute(conn)?;
    Ok(())
}

/// Password or code were given again.
pub(super) fn prove(conn: &mut Conn, session: &Sha256, with_second_factor: bool, now: Timestamp) -> DbResult<()> {
    let row = staff_sessions::table.find(&session[..]);
    diesel::update(row).set(staff_sessions::proved_at.eq(now)).execute(conn)?;
    if with_second_factor {
        diesel::update(row).set(staff_sessions::has_second_factor.eq(true)).execute(conn)?;
    }
    Ok(())
}

/// Gives a session another name.
pub(super) fn rename(conn: &mut Conn, session: &Sha256, name: &Sha256) -> DbResult<()> {
    diesel::update(staff_sessions::table.find(&session[..]))
        .set(staff_sessions::token_hash.eq(&name[..]))
        .execute(conn)?;
    Ok(())
}

pub fn close(conn: &mut Conn, session: &Sha256) -> DbResult<()> {
    diesel::delete(staff_sessions::table.find(&session[..])).execute(conn)?;
    Ok(())
}

/// A browser that staff are signed in with.
#[derive(Clone, Debug)]
pub struct Device {
    /// Names the session without being good for anything else.
    pub id: String,
    pub browser: Option<String>,
    pub client: String,
    pub signed_in_at: Timestamp,
    pub last_used_at: Timestamp,
    pub is_this: bool,
}

fn device_id(session: &[u8]) -> String {
    HEXLOWER.encode(&secrets::sha256(session)[..12])
}

type DeviceRow = (Vec<u8>, Option<String>, String, Timestamp, Timestamp);

pub fn devices(conn: &mut Conn, settings: &Settings, visitor: &Visitor, now: Timestamp) -> DbResult<Vec<Device>> {
    let rows: Vec<DeviceRow> = staff_sessions::table
        .filter(staff_sessions::staff_id.eq(visitor.id))
        .filter(staff_sessions::last_used_at.gt(now.minus(seconds(settings.session_idle_s))))
        .filter(staff_sessions::created_at.gt(now.minus(seconds(settings.session_absolute_s))))
        .order(staff_sessions::last_used_at.desc())
        .select((
            staff_sessions::token_hash,
            staff_sessions::agent,
            staff_sessions::client,
            staff_sessions::created_at,
            staff_sessions::last_used_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(session, browser, client, signed_in_at, last_used_at)| Device {
            id: device_id(&session),
            browser,
            client,
            signed_in_at,
            last_used_at,
            is_this: session == visitor.session,
        })
        .collect())
}

/// Signs one's own other browsers out: one of them, or all. Returns how many.
pub fn end_devices(conn: &mut Conn, visitor: &Visitor, device: Option<&str>) -> DbResult<usize> {
    let sessions: Vec<Vec<u8>> = staff_sessions::table
        .filter(staff_sessions::staff_id.eq(visitor.id))
        .filter(staff_sessions::token_hash.ne(&visitor.session[..]))
        .select(staff_sessions::token_hash)
        .load(conn)?;
    let meant: Vec<Vec<u8>> =
        sessions.into_iter().filter(|session| device.is_none_or(|id| device_id(session) == id)).collect();
    Ok(diesel::delete(staff_sessions::table.filter(staff_sessions::token_hash.eq_any(meant))).execute(conn)?)
}

/// Ends all sessions of somebody.
pub fn end_all(conn: &mut Conn, id: StaffId) -> DbResult<usize> {
    Ok(diesel::delete(staff_sessions::table.filter(staff_sessions::staff_id.eq(id))).execute(conn)?)
}

/// Drops sessions that are over.
pub fn purge(conn: &mut Conn, settings: &Settings, now: Timestamp) -> DbResult<usize> {
    let over = staff_sessions::last_used_at
        .le(now.minus(seconds(settings.session_idle_s)))
        .or(staff_sessions::created_at.le(now.minus(seconds(settings.session_absolute_s))));
    Ok(diesel::delete(staff_sessions::table.filter(over)).execute(conn)?)
}
