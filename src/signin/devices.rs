//! The browsers somebody is signed in with, and signing them out (`reliability.md` S9).

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use diesel::prelude::*;

use super::Policy;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::sessions;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::MemberId;
use crate::members::events::{self, Event};
use crate::secrets::{self, Sha256};

/// Names a session without being good for anything else: a hash of the hash that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceId([u8; 12]);

impl DeviceId {
    fn of(session: &[u8]) -> Self {
        let mut id = [0; 12];
        id.copy_from_slice(&secrets::sha256(session)[..12]);
        Self(id)
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for DeviceId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}

/// A browser that is signed in.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: DeviceId,
    /// As `Firefox on Linux`, if it was recognised.
    pub browser: Option<String>,
    pub signed_in_at: Timestamp,
    /// Written down every ten minutes at most.
    pub last_used_at: Timestamp,
    /// The one that asks.
    pub is_this: bool,
}

/// Every live session of a member, the one used last first.
pub fn of(conn: &mut Conn, policy: &Policy, member: MemberId, this: &Sha256, now: Timestamp) -> DbResult<Vec<Device>> {
    let idle_since = now.minus(seconds(policy.lifetimes.session_idle_s));
    let opened_before = now.minus(seconds(policy.lifetimes.session_absolute_s));
    let rows: Vec<(Vec<u8>, Option<String>, Timestamp, Timestamp)> = sessions::table
        .filter(sessions::member_id.eq(member))
        .filter(sessions::last_used_at.gt(idle_since).and(sessions::created_at.gt(opened_before)))
        .order((sessions::last_used_at.desc(), sessions::created_at.desc()))
        .select((sessions::token_hash, sessions::agent, sessions::created_at, sessions::last_used_at))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(session, browser, signed_in_at, last_used_at)| Device {
            id: DeviceId::of(&session),
            browser,
            signed_in_at,
            last_used_at,
            is_this: session == this[..],
        })
        .collect())
}

/// Signs one of a member's browsers out. False: it is none of theirs, or gone already.
pub fn sign_out(conn: &mut Conn, member: MemberId, device: DeviceId, now: Timestamp) -> DbResult<bool> {
    let known: Vec<Vec<u8>> =
        sessions::table.filter(sessions::member_id.eq(member)).select(sessions::token_hash).load(conn)?;
    let Some(session) = known.into_iter().find(|session| DeviceId::of(session) == device) else {
        return Ok(false);
    };
    let ended = diesel::delete(sessions::table.find(&session)).execute(conn)?;
    if ended == 1 {
        events::record(conn, member, Event::SignedOut, now)?;
    }
    Ok(ended == 1)
}

/// Signs out every other browser of a member; returns how many.
pub fn sign_out_others(conn: &mut Conn, member: MemberId, this: &Sha256, now: Timestamp) -> DbResult<u64> {
    let others = sessions::table.filter(sessions::member_id.eq(member)).filter(sessions::token_hash.ne(&this[..]));
    let ended = diesel::delete(others).execute(conn)?;
    if ended > 0 {
        events::record(conn, member, Event::SignedOutElsewhere, now)?;
    }
    u64::try_from(ended).map_err(|error| DbError::Corrupt(error.to_string()))
}
