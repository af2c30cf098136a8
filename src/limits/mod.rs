//! Budgets: how often something may happen within some time.
//!
//! A budget is a row with the times of what it admitted. It is read, decided upon and written in
//! the asker's own transaction, so it is exact under parallel requests, survives a restart, and
//! is shared by the nodes on one PostgreSQL (`reliability.md` X1 to X4).

mod client;

use std::time::Duration;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::rate_limits;
use crate::db::{Conn, DbResult, on_either};
use crate::secrets::{self, Sha256};
pub use client::ClientNetwork;

/// At most `most` within `length`. A `most` of zero is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub length: Duration,
    pub most: u64,
}

impl Window {
    pub const fn new(length_s: u64, most: u64) -> Self {
        Self { length: Duration::from_secs(length_s), most }
    }
}

/// Whether something may happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    /// It may be asked again after this time.
    Refused {
        retry_after: Duration,
    },
}

/// More entries than this are merged two into one, at the later time: a row stays small and a
/// budget errs towards refusing.
const MOST_ENTRIES: usize = 128;

/// The times at which a budget admitted something, oldest first, with how many each stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct History(Vec<(i64, u32)>);

impl History {
    fn decode(bytes: &[u8]) -> Self {
        let (entries, _) = bytes.as_chunks::<12>();
        Self(
            entries
                .iter()
                .map(|entry| {
                    let (at, count) = entry.split_at(8);
                    // The two parts of a chunk of twelve have eight and four bytes.
                    (
                        i64::from_be_bytes(at.try_into().unwrap_or_default()),
                        u32::from_be_bytes(count.try_into().unwrap_or_default()),
                    )
                })
                .collect(),
        )
    }

    fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(at, count)| at.to_be_bytes().into_iter().chain(count.to_be_bytes())).collect()
    }

    /// Decides, and notes an admission. Pure.
    fn admit(&mut self, windows: &[Window], now: Timestamp) -> Verdict {
        let windows = windows.iter().filter(|window| window.most > 0);
        let longest = windows.clone().map(|window| window.length).max().unwrap_or_default();
        let retry_after = windows.filter_map(|window| self.wait(*window, now)).max();
        if let Some(retry_after) = retry_after {
            return Verdict::Refused { retry_after };
        }
        let kept_from = now.minus(longest).millis();
        self.0.retain(|(at, _)| *at > kept_from);
        self.0.push((now.millis(), 1));
        if self.0.len() > MOST_ENTRIES {
            self.0 = self
                .0
                .chunks(2)
                .map(|pair| pair.iter().fold((0, 0), |sum, entry| (entry.0, sum.1 + entry.1)))
                .collect();
        }
        Verdict::Admitted
    }

    /// How long until `window` has room, if it has none now.
    fn wait(&self, window: Window, now: Timestamp) -> Option<Duration> {
        let opened = now.minus(window.length).millis();
        let mut inside: u64 = self.0.iter().filter(|(at, _)| *at > opened).map(|(_, count)| u64::from(*count)).sum();
        if inside < window.most {
            return None;
        }
        for (at, count) in self.0.iter().filter(|(at, _)| *at > opened) {
            inside -= u64::from(*count);
            if inside < window.most {
                let free_at = Timestamp::from_millis(*at).plus(window.length);
                return Some(free_at.since(now).max(Duration::from_secs(1)));
            }
        }
        Some(window.length)
    }
}

/// The row of a budget: a hash, so that no address stands in this table.
pub fn bucket(kind: &str, who: &str) -> Sha256 {
    secrets::sha256(format!("{kind}\0{who}").as_bytes())
}

/// Asks a budget for one admission and takes it, in the caller's transaction.
pub fn admit(conn: &mut Conn, bucket: &Sha256, windows: &[Window], now: Timestamp) -> DbResult<Verdict> {
    let Some(longest) = windows.iter().filter(|window| window.most > 0).map(|window| window.length).max() else {
        return Ok(Verdict::Admitted);
    };
    let mut history = load_locked(conn, bucket, now)?;
    let verdict = history.admit(windows, now);
    if verdict == Verdict::Admitted {
        let entries = history.encode();
        let expires_at = now.plus(longest);
        let row = (rate_limits::entries.eq(&entries), rate_limits::expires_at.eq(expires_at));
        diesel::update(rate_limits::table.find(&bucket[..])).set(row).execute(conn)?;
    } else {
        metrics::counter!("readership_limit_refusals_total").increment(1);
    }
    Ok(verdict)
}

/// Reads a budget's row, made when it is missing, and keeps it locked until the transaction ends.
/// SQLite needs no lock: it has one writer.
fn load_locked(conn: &mut Conn, bucket: &Sha256, now: Timestamp) -> DbResult<History> {
    let empty =
        (rate_limits::key.eq(&bucket[..]), rate_limits::entries.eq(&[][..] as &[u8]), rate_limits::expires_at.eq(now));
    on_either!(conn, conn => diesel::insert_into(rate_limits::table)
        .values(empty)
        .on_conflict_do_nothing()
        .execute(conn)?);
    let entries = rate_limits::table.find(&bucket[..]).select(rate_limits::entries);
    let entries: Vec<u8> = match conn {
        Conn::Postgres(conn) => entries.for_update().get_result(conn)?,
        Conn::Sqlite(conn) => entries.get_result(conn)?,
    };
    Ok(History::decode(&entries))
}

/// Drops budgets that hold nothing any more.
pub fn purge(conn: &mut Conn, now: Timestamp) -> DbResult<usize> {
    Ok(diesel::delete(rate_limits::table.filter(rate_limits::expires_at.lt(now))).execute(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Window = Window::new(60, 3);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1000)
    }

    #[test]
    fn admits_exactly_as_many_as_the_window_allows() {
        let mut history = History::default();
        for second in 0..3 {
            assert_eq!(history.admit(&[MINUTE], at(second)), Verdict::Admitted);
        }
        assert_eq!(history.admit(&[MINUTE], at(10)), Verdict::Refused { retry_after: Duration::from_secs(50) });
        assert_eq!(history.admit(&[MINUTE], at(60)), Verdict::Admitted);
        assert!(matches!(history.admit(&[MINUTE], at(60)), Verdict::Refused { .. }));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let mut history = History::default();
        let one = Window::new(60, 1);
        assert_eq!(history.admit(&[one], at(0)), Verdict::Admitted);
        let before = history.clone();
        assert!(matches!(history.admit(&[one], at(1)), Verdict::Refused { .. }));
        assert_eq!(history, before);
    }

    #[test]
    fn no_window_ever_holds_more_than_it_may() {
        let windows = [Window::new(60, 2), Window::new(600, 5), Window::new(3600, 300)];
        let mut history = History::default();
        let admitted: Vec<i64> =
            (0..7200).filter(|second| history.admit(&windows, at(*second)) == Verdict::Admitted).collect();
        for window in windows {
            let length = i64::try_from(window.length.as_secs()).unwrap();
            for start in 0..7200 {
                let inside = admitted.iter().filter(|at| (start..start + length).contains(*at)).count();
                assert!(inside as u64 <= window.most);
            }
        }
        assert!(admitted.len() > 20);
    }

    #[test]
    fn a_window_begins_after_its_first_moment() {
        let (short, long) = (Window::new(60, 2), Window::new(600, 10));
        let mut history = History::default();
        for second in [0, 30, 60] {
            assert_eq!(history.admit(&[short, long], at(second)), Verdict::Admitted);
        }
        // The one of second 0 is over, and the one of second 30 holds the place.
        assert_eq!(history.admit(&[short, long], at(60)), Verdict::Refused { retry_after: Duration::from_secs(30) });
        // What no window looks at any more is not kept.
        assert_eq!(history.admit(&[long], at(600)), Verdict::Admitted);
        assert_eq!(history.0, [30, 60, 600].map(|second| (at(second).millis(), 1)));
    }

    #[test]
    fn a_budget_that_was_made_smaller_waits_for_as_many_as_are_too_many() {
        let history = History([0, 10, 20].map(|second| (at(second).millis(), 1)).to_vec());
        assert_eq!(history.wait(Window::new(60, 2), at(30)), Some(Duration::from_secs(40)));
    }

    #[test]
    fn entries_are_merged_when_there_are_too_many() {
        let wide = Window::new(3600, 100_000);
        let mut history = History::default();
        for millis in 0..MOST_ENTRIES as u64 {
            history.admit(&[wide], at(0).plus(Duration::from_millis(millis)));
        }
        assert_eq!(history.0.len(), MOST_ENTRIES);
        history.admit(&[wide], at(1));
        assert_eq!(history.0.len(), MOST_ENTRIES / 2 + 1);
        assert_eq!(history.0[0], (at(0).millis() + 1, 2), "two stand at the later of their times");
    }

    #[test]
    fn a_row_stays_small_and_reads_back() {
        let mut history = History::default();
        let wide = Window::new(3600, 100_000);
        for millis in 0..10_000 {
            assert_eq!(history.admit(&[wide], Timestamp::from_millis(millis)), Verdict::Admitted);
        }
        assert!(history.0.len() <= MOST_ENTRIES);
        assert_eq!(history.0.iter().map(|(_, count)| u64::from(*count)).sum::<u64>(), 10_000);
        assert_eq!(History::decode(&history.encode()), history);
    }
}
