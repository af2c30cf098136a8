//! What becomes of a row of the outbox, one rule at a time, while nothing is sent.

use std::time::Duration;

use readership::clock::Timestamp;
use readership::config::Lifetimes;
use readership::db::{Conn, DbResult};
use readership::ids::OutboxId;
use readership::mail::outbox::{self, About, Claimed, Kind, Lane, Next, Node, State};
use readership::site_facts;

use crate::story;
use crate::support::world::World;

const NODE: Node = [1; 16];
const OTHER: Node = [2; 16];
const MINUTE: Duration = Duration::from_secs(60);

async fn paused(world: &World) {
    world.app().db.write(|conn| site_facts::pause_sending(conn, true)).await.unwrap();
}

async fn rows<T: Send + 'static>(world: &World, act: impl FnMut(&mut Conn) -> DbResult<T> + Send + 'static) -> T {
    world.app().db.write(act).await.unwrap()
}

fn claim(conn: &mut Conn, node: &Node, lane: Lane, now: Timestamp) -> DbResult<Vec<Claimed>> {
    outbox::claim(conn, node, &[], lane, 10, MINUTE, now)
}

fn recipients(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|mail| mail.recipient.as_str()).collect()
}

fn enqueue(conn: &mut Conn, kind: Kind, recipient: &str, now: Timestamp) -> DbResult<()> {
    outbox::enqueue_notice(conn, kind, recipient, About::default(), now)
}

fn ends(state: State) -> Next {
    Next { state, next_attempt_at: None, reason: Some("550 no".to_owned()) }
}

fn ids(claimed: &[Claimed]) -> Vec<OutboxId> {
    claimed.iter().map(|mail| mail.id).collect()
}

story! {
    /// Whoever waits for a mail at the screen does not wait behind those who do not.
    async fn each_kind_has_its_lane(world: World) {
        paused(&world).await;
        let now = world.clock.now();
        let (first, other) = rows(&world, move |conn| {
            for kind in [Kind::Welcome, Kind::Billing, Kind::AddressChanged, Kind::AddressTaken, Kind::StaffNotice] {
                enqueue(conn, kind, &format!("{kind:?}@reader.test"), now)?;
            }
            Ok((claim(conn, &NODE, Lane::SignIn, now)?, claim(conn, &NODE, Lane::Other, now)?))
        })
        .await;
        let mut names = recipients(&first);
        names.sort_unstable();
        assert_eq!(names, ["AddressChanged@reader.test", "AddressTaken@reader.test", "StaffNotice@reader.test"]);
        assert_eq!(recipients(&other).len(), 2);
    }
}

story! {
    async fn a_row_is_claimed_by_one_and_lost_with_its_lease(world: World) {
        paused(&world).await;
        let now = world.clock.now();
        rows(&world, move |conn| {
            enqueue(conn, Kind::Welcome, "ada@reader.test", now)?;
            let mine = claim(conn, &NODE, Lane::Other, now)?;
            assert_eq!((mine.len(), mine[0].attempts), (1, 1));
            assert!(!outbox::is_due(conn, now)?);
            assert!(claim(conn, &OTHER, Lane::Other, now.plus(MINUTE))?.is_empty(), "the lease has not ended");
            // Only its own leases are made longer.
            assert_eq!(outbox::renew(conn, &OTHER, MINUTE, now.plus(MINUTE))?, 0);
            assert_eq!(outbox::renew(conn, &NODE, MINUTE, now.plus(MINUTE))?, 1);
            let later = now.plus(Duration::from_secs(121));
            assert!(!outbox::is_due(conn, now.plus(Duration::from_secs(120)))?);
            assert!(outbox::is_due(conn, later)?);
            // Whoever has it in the air still does not take it again.
            assert!(outbox::claim(conn, &NODE, &ids(&mine), Lane::Other, 10, MINUTE, later)?.is_empty());
            let theirs = claim(conn, &OTHER, Lane::Other, later)?;
            assert_eq!((theirs.len(), theirs[0].attempts), (1, 2));
            // The first one comes too late: the row is not its own any more.
            outbox::finish(conn, mine[0].id, &NODE, &ends(State::Refused), later)?;
            assert_eq!(outbox::shown(conn, "sending", None, 10)?.len(), 1);
            outbox::finish(conn, mine[0].id, &OTHER, &ends(State::Accepted), later)?;
            let shown = outbox::shown(conn, "accepted", None, 10)?;
            assert_eq!((shown.len(), shown[0].finished_at, shown[0].may_retry()), (1, Some(later), false));
            Ok(())
        })
        .await;
    }
}

story! {
    /// The end of a process gives back what it did not begin, and that try does not count.
    async fn what_was_not_begun_is_given_back(world: World) {
        paused(&world).await;
        let now = world.clock.now();
        rows(&world, move |conn| {
            enqueue(conn, Kind::Welcome, "ada@reader.test", now)?;
            assert_eq!(claim(conn, &NODE, Lane::Other, now)?[0].attempts, 1);
            assert_eq!((outbox::release(conn, &OTHER, now)?, outbox::release(conn, &NODE, now)?), (0, 1));
            let again = claim(conn, &NODE, Lane::Other, now)?;
            assert_eq!(again[0].attempts, 1);
            // Of a process that was killed: at the next start, where one process owns the file.
            let is_sqlite = matches!(conn, Conn::Sqlite(_));
            assert_eq!(outbox::take_over_abandoned(conn, now)?, usize::from(is_sqlite));
            assert_eq!(outbox::is_due(conn, now)?, is_sqlite);
            assert_eq!(claim(conn, &NODE, Lane::Other, now)?.first().map(|mail| mail.attempts), is_sqlite.then_some(2));
            Ok(())
        })
        .await;
        assert_eq!(world.count("outbox", "state = 'sending'").await, 1);
    }
}

story! {
    async fn staff_see_what_stands_where_and_try_again(world: World) {
        paused(&world).await;
        let now = world.clock.now();
        rows(&world, move |conn| {
            for number in 0..5 {
                enqueue(conn, Kind::Welcome, &format!("reader{number}@reader.test"), now.plus(Duration::from_millis(number)))?;
            }
            let later = now.plus(MINUTE);
            let taken = outbox::claim(conn, &NODE, &[], Lane::Other, 4, MINUTE, later)?;
            assert_eq!(recipients(&taken), ["reader0@reader.test", "reader1@reader.test", "reader2@reader.test", "reader3@reader.test"]);
            let waits = Next { state: State::Waiting, next_attempt_at: Some(later.plus(MINUTE)), reason: None };
            for (mail, next) in taken.iter().zip([ends(State::Parked), ends(State::Refused), ends(State::Accepted), waits]) {
                outbox::finish(conn, mail.id, &NODE, &next, later)?;
            }
            let depth = outbox::depth(conn)?;
            assert_eq!((depth.open, depth.parked, depth.refused), (2, 1, 1));
            assert_eq!(depth.oldest, Some(now.plus(Duration::from_millis(3))));
            let of = |conn: &mut Conn, state: &str| -> DbResult<Vec<String>> {
                Ok(outbox::shown(conn, state, None, 10)?.into_iter().map(|mail| mail.recipient).collect())
            };
            assert_eq!(of(conn, "parked")?, ["reader0@reader.test"]);
            assert_eq!(of(conn, "refused")?, ["reader1@reader.test"]);
            assert_eq!(of(conn, "accepted")?, ["reader2@reader.test"]);
            assert_eq!(of(conn, "waiting")?, ["reader4@reader.test", "reader3@reader.test"]);
            assert_eq!(of(conn, "")?.len(), 5);
            let newest = outbox::shown(conn, "", None, 2)?;
            let rest = outbox::shown(conn, "", Some(newest[1].id), 10)?;
            assert_eq!(rest.iter().map(|mail| mail.recipient.as_str()).collect::<Vec<_>>(), ["reader2@reader.test", "reader1@reader.test", "reader0@reader.test"]);

            // What was given up, or waits for its next try, may be tried at once; nothing else.
            let all = outbox::shown(conn, "", None, 10)?;
            let may: Vec<bool> = all.iter().rev().map(|mail| mail.may_retry()).collect();
            assert_eq!(may, [true, false, false, true, false]);
            let retried: Vec<bool> = taken.iter().map(|mail| outbox::retry(conn, mail.id, later)).collect::<DbResult<_>>()?;
            assert_eq!(retried, [true, false, false, true]);
            assert!(outbox::is_due(conn, later)?);
            let again = claim(conn, &NODE, Lane::Other, later)?;
            assert!(again.len() == 3 && again.iter().all(|mail| mail.attempts == 1), "{again:?}");

            // What ended is kept for a while; what is open is kept.
            let lifetimes = Lifetimes::default();
            let kept = Duration::from_secs(lifetimes.retention_outbox_s);
            assert_eq!(outbox::purge(conn, &lifetimes, later.plus(kept))?, 0);
            assert_eq!(outbox::purge(conn, &lifetimes, later.plus(kept).plus(MINUTE))?, 2);
            assert_eq!(outbox::shown(conn, "", None, 10)?.len(), 3);
            // Nothing is tried again whose reason is over.
            outbox::finish(conn, taken[0].id, &NODE, &ends(State::Parked), later)?;
            assert!(!outbox::retry(conn, taken[0].id, now.plus(Duration::from_secs(80 * 3_600)))?);
            Ok(())
        })
        .await;
    }
}
