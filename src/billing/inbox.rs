//! The inbox: what Stripe tells is kept word for word in one durable commit before it is answered, and
//! worked off afterwards, each event once however often it comes (`reliability.md` P2, P3).

use std::time::Duration;

use diesel::prelude::*;

use super::stripe::objects::Event;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::stripe_events;
use crate::db::{Conn, DbResult, on_either};

/// Keeps an event; returns whether it is new.
pub fn keep(conn: &mut Conn, event: &Event, body: &str, now: Timestamp) -> DbResult<bool> {
    let row = (
        stripe_events::id.eq(&event.id),
        stripe_events::kind.eq(&event.kind),
        stripe_events::body.eq(body),
        stripe_events::is_live.eq(event.livemode),
        stripe_events::api_version.eq(event.api_version.as_deref()),
        stripe_events::happened_at.eq(Timestamp::from(event.created)),
        stripe_events::received_at.eq(now),
        stripe_events::state.eq("waiting"),
        stripe_events::next_attempt_at.eq(now),
    );
    let inserted = on_either!(conn, conn => diesel::insert_into(stripe_events::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(conn)?);
    Ok(inserted == 1)
}

/// An event that is to be worked off now.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = stripe_events)]
pub struct Waiting {
    pub id: String,
    pub kind: String,
    pub body: String,
    pub is_live: bool,
    pub attempts: i32,
}

/// How long an event is held by whoever works it off.
const LEASE: Duration = Duration::from_secs(60);

/// Takes events that are due, oldest first, and counts the try.
pub fn claim(conn: &mut Conn, most: i64, now: Timestamp) -> DbResult<Vec<Waiting>> {
    macro_rules! due {
        () => {
            stripe_events::table
                .filter(stripe_events::state.eq("waiting"))
                .filter(stripe_events::next_attempt_at.le(now))
                .order((stripe_events::next_attempt_at, stripe_events::id))
                .limit(most)
                .select(Waiting::as_select())
        };
    }
    let claimed: Vec<Waiting> = match conn {
        Conn::Postgres(conn) => due!().for_update().skip_locked().load(conn)?,
        Conn::Sqlite(conn) => due!().load(conn)?,
    };
    let ids: Vec<&str> = claimed.iter().map(|event| event.id.as_str()).collect();
    // Until the lease is over nobody else takes them; whoever dies meanwhile loses nothing.
    diesel::update(stripe_events::table.filter(stripe_events::id.eq_any(ids)))
        .set((
            stripe_events::attempts.eq(stripe_events::attempts + 1),
            stripe_events::next_attempt_at.eq(now.plus(LEASE)),
        ))
        .execute(conn)?;
    Ok(claimed)
}

/// On SQLite one process owns the file: what a dead one held need not wait for its lease.
pub fn take_over(conn: &mut Conn, now: Timestamp) -> DbResult<()> {
    if matches!(conn, Conn::Sqlite(_)) {
        diesel::update(
            stripe_events::table.filter(stripe_events::state.eq("waiting")).filter(stripe_events::attempts.gt(0)),
        )
        .set(stripe_events::next_attempt_at.eq(now))
        .execute(conn)?;
    }
    Ok(())
}

/// How working an event off ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(&'static str),
    /// None of ours, with the reason.
    Passed(&'static str),
    /// Not now.
    Later(String),
    /// Never.
    Failed(String),
}

/// Tries before an event that cannot be worked off is set aside for staff; away times do not count.
const TRIES: i32 = 20;

/// Writes down how it ended.
pub fn finish(conn: &mut Conn, event: &Waiting, outcome: &Outcome, now: Timestamp) -> DbResult<()> {
    let (state, said, again) = match outcome {
        Outcome::Done(what) => ("done", (*what).to_owned(), None),
        Outcome::Passed(why) => ("passed", (*why).to_owned(), None),
        Outcome::Later(why) => ("waiting", why.clone(), Some(now.plus(wait(event.attempts)))),
        Outcome::Failed(why) if event.attempts >= TRIES => ("parked", why.clone(), None),
        Outcome::Failed(why) => ("waiting", why.clone(), Some(now.plus(wait(event.attempts)))),
    };
    diesel::update(stripe_events::table.find(&event.id))
        .set((
            stripe_events::state.eq(state),
            stripe_events::outcome.eq(said.chars().take(500).collect::<String>()),
            stripe_events::next_attempt_at.eq(again.unwrap_or(now)),
            stripe_events::finished_at.eq(again.is_none().then_some(now)),
        ))
        .execute(conn)?;
    Ok(())
}

/// 2, 4, 8 … seconds, at most ten minutes.
fn wait(attempts: i32) -> Duration {
    seconds((2_u64 << attempts.clamp(0, 9)).min(600))
}

/// How the inbox stands, for `doctor`, `/readyz` and metrics.
#[derive(Clone, Debug, Default)]
pub struct Depth {
    pub waiting: i64,
    pub parked: i64,
    pub newest: Option<Timestamp>,
}

pub fn depth(conn: &mut Conn) -> DbResult<Depth> {
    let count = |conn: &mut Conn, state: &str| -> DbResult<i64> {
        Ok(stripe_events::table.filter(stripe_events::state.eq(state)).count().get_result(conn)?)
    };
    Ok(Depth {
        waiting: count(conn, "waiting")?,
        parked: count(conn, "parked")?,
        newest: stripe_events::table.select(diesel::dsl::max(stripe_events::received_at)).get_result(conn)?,
    })
}

/// Whether an event was kept.
pub fn knows(conn: &mut Conn, id: &str) -> DbResult<bool> {
    let found: i64 = stripe_events::table.find(id).count().get_result(conn)?;
    Ok(found > 0)
}

/// An event, as staff see it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = stripe_events)]
pub struct Told {
    pub id: String,
    pub kind: String,
    pub state: String,
    pub attempts: i32,
    pub outcome: Option<String>,
    pub happened_at: Timestamp,
    pub received_at: Timestamp,
}

/// Events in a state, or in any, before a place; the newest first.
pub fn told(conn: &mut Conn, state: &str, before: Option<(Timestamp, String)>, most: i64) -> DbResult<Vec<Told>> {
    let mut query = stripe_events::table
        .order((stripe_events::received_at.desc(), stripe_events::id.desc()))
        .limit(most)
        .select(Told::as_select())
        .into_boxed();
    if !state.is_empty() {
        query = query.filter(stripe_events::state.eq(state));
    }
    if let Some((at, id)) = before {
        let earlier = stripe_events::received_at.lt(at).or(stripe_events::id.lt(id));
        query = query.filter(stripe_events::received_at.le(at)).filter(earlier);
    }
    Ok(query.load(conn)?)
}

/// Lets an event be worked off once more; returns whether there is such an event.
pub fn replay(conn: &mut Conn, id: &str, now: Timestamp) -> DbResult<bool> {
    let replayed = diesel::update(stripe_events::table.find(id))
        .set((
            stripe_events::state.eq("waiting"),
            stripe_events::attempts.eq(0),
            stripe_events::next_attempt_at.eq(now),
            stripe_events::finished_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?;
    Ok(replayed == 1)
}

/// Lets parked events be tried again; returns how many.
pub fn retry_parked(conn: &mut Conn, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::update(stripe_events::table.filter(stripe_events::state.eq("parked")))
        .set((
            stripe_events::state.eq("waiting"),
            stripe_events::attempts.eq(0),
            stripe_events::next_attempt_at.eq(now),
            stripe_events::finished_at.eq(None::<Timestamp>),
        ))
        .execute(conn)?)
}

/// Drops events that were worked off long enough ago (`reliability.md` V8).
pub fn purge(conn: &mut Conn, kept: Duration, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::delete(stripe_events::table.filter(stripe_events::finished_at.lt(now.minus(kept)))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_ten_minutes() {
        let waits: Vec<u64> = [1, 2, 3, 8, 9, 100].into_iter().map(|tries| wait(tries).as_secs()).collect();
        assert_eq!(waits, [4, 8, 16, 512, 600, 600]);
    }
}
