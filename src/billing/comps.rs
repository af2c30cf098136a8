//! Free access that staff give, with or without an end.

use diesel::prelude::*;

use super::access::CompFacts;
use super::standing;
use crate::clock::Timestamp;
use crate::db::schema::comps;
use crate::db::{Conn, DbResult};
use crate::ids::{CompId, MemberId, TierId};
use crate::signin::Policy;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = comps)]
pub struct Comp {
    pub tier_id: TierId,
    pub until: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl Comp {
    pub fn facts(&self) -> CompFacts {
        CompFacts { tier: self.tier_id, until: self.until, ended_at: self.ended_at }
    }
}

pub fn of_member(conn: &mut Conn, member: MemberId) -> DbResult<Vec<Comp>> {
    Ok(comps::table
        .filter(comps::member_id.eq(member))
        .order((comps::created_at, comps::id))
        .select(Comp::as_select())
        .load(conn)?)
}

/// Gives a tier free of charge, in the place of what was given before.
pub fn give(
    conn: &mut Conn,
    policy: &Policy,
    member: MemberId,
    tier: TierId,
    until: Option<Timestamp>,
    note: Option<&str>,
    now: Timestamp,
) -> DbResult<()> {
    end_all(conn, member, now)?;
    diesel::insert_into(comps::table)
        .values((
            comps::id.eq(CompId::new(now)),
            comps::member_id.eq(member),
            comps::tier_id.eq(tier),
            comps::until.eq(until),
            comps::note.eq(note),
            comps::created_at.eq(now),
        ))
        .execute(conn)?;
    standing::refresh(conn, policy, member, now)
}

/// Takes back what was given.
pub fn take_back(conn: &mut Conn, policy: &Policy, member: MemberId, now: Timestamp) -> DbResult<()> {
    end_all(conn, member, now)?;
    standing::refresh(conn, policy, member, now)
}

fn end_all(conn: &mut Conn, member: MemberId, now: Timestamp) -> DbResult<()> {
    diesel::update(comps::table.filter(comps::member_id.eq(member)).filter(comps::ended_at.is_null()))
        .set(comps::ended_at.eq(now))
        .execute(conn)?;
    Ok(())
}
