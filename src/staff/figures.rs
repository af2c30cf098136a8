//! How much of everything there is, and was: kept day by day, not counted when somebody looks.
//!
//! Standing figures (members, payers, what they pay a month) are counted in the background each minute
//! and stand for the day they were counted on; what happens (somebody left, began to pay, ceased to) is
//! added when it happens, in the transaction of it. A site that is small is counted when it is looked at.

use std::collections::BTreeMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::clock::Timestamp;
use crate::db::schema::{daily_figures, members, newsletter_subscriptions, paid_subscriptions};
use crate::db::{Conn, DbResult, on_either};
use crate::ids::{MemberId, NewsletterId};

/// Members up to whom everything is counted anew when it is looked at.
const SMALL: i64 = 20_000;
/// Days of which something is told.
pub const DAYS: i32 = 365;

pub const MEMBERS: &str = "members";
pub const PAYERS: &str = "payers";
pub const COMPED: &str = "comped";
pub const NEW: &str = "new";
/// Erased accounts.
pub const LOST: &str = "lost";
pub const PAID_NEW: &str = "paid_new";
pub const PAID_LOST: &str = "paid_lost";
/// What payers pay a month, by currency in its minor unit: `mrr:usd`.
const MRR: &str = "mrr:";

/// How many are on a newsletter.
pub fn on_list(list: NewsletterId) -> String {
    format!("list:{list}")
}

/// Days since 1970, in UTC.
pub fn day_of(at: Timestamp) -> i32 {
    i32::try_from(at.seconds().div_euclid(86_400)).unwrap_or(i32::MAX)
}

fn beginning(day: i32) -> Timestamp {
    Timestamp::from_millis(i64::from(day) * 86_400_000)
}

/// Adds one to a figure of today.
pub fn bump(conn: &mut Conn, figure: &'static str, now: Timestamp) -> DbResult<()> {
    let row = (daily_figures::day.eq(day_of(now)), daily_figures::figure.eq(figure), daily_figures::value.eq(1));
    on_either!(conn, conn => diesel::insert_into(daily_figures::table)
        .values(row)
        .on_conflict((daily_figures::day, daily_figures::figure))
        .do_update()
        .set(daily_figures::value.eq(daily_figures::value + 1))
        .execute(conn)?);
    Ok(())
}

fn put(conn: &mut Conn, day: i32, figure: &str, value: i64) -> DbResult<()> {
    let row = (daily_figures::day.eq(day), daily_figures::figure.eq(figure), daily_figures::value.eq(value));
    on_either!(conn, conn => diesel::insert_into(daily_figures::table)
        .values(row)
        .on_conflict((daily_figures::day, daily_figures::figure))
        .do_update()
        .set(daily_figures::value.eq(value))
        .execute(conn)?);
    Ok(())
}

/// Figures of a day, by name.
pub type Figures = BTreeMap<String, i64>;

/// Counts everything that stands.
pub fn count(conn: &mut Conn, now: Timestamp) -> DbResult<Figures> {
    let mut figures = Figures::new();
    let all: i64 = members::table.count().get_result(conn)?;
    figures.insert(MEMBERS.to_owned(), all);
    for (figure, status) in [(PAYERS, "paid"), (COMPED, "comped")] {
        let with = members::table.filter(members::status.eq(status)).filter(sql::<Bool>("status <> 'free'"));
        let count: i64 = with.count().get_result(conn)?;
        figures.insert(figure.to_owned(), count);
    }
    let on_lists: Vec<(NewsletterId, i64)> = newsletter_subscriptions::table
        .group_by(newsletter_subscriptions::newsletter_id)
        .select((newsletter_subscriptions::newsletter_id, diesel::dsl::count_star()))
        .load(conn)?;
    for (list, count) in on_lists {
        figures.insert(on_list(list), count);
    }
    figures.insert(NEW.to_owned(), made_on(conn, day_of(now))?);
    // A subscription that is to end still pays until then; one on trial pays nothing yet.
    let paying: Vec<(String, Option<i64>)> = paid_subscriptions::table
        .filter(paid_subscriptions::status.eq_any(["active", "past_due"]))
        .filter(paid_subscriptions::cancel_at_period_end.eq(false))
        .group_by(paid_subscriptions::currency)
        .select((
            paid_subscriptions::currency,
            sql::<diesel::sql_types::Nullable<BigInt>>(
                "CAST(SUM(CASE WHEN cadence = 'year' THEN amount_minor / 12 ELSE amount_minor END) AS BIGINT)",
            ),
        ))
        .load(conn)?;
    for (currency, sum) in paying {
        figures.insert(format!("{MRR}{currency}"), sum.unwrap_or(0));
    }
    Ok(figures)
}

/// Members whose id is of a day.
fn made_on(conn: &mut Conn, day: i32) -> DbResult<i64> {
    let (from, to) = (MemberId::edge(beginning(day)), MemberId::edge(beginning(day + 1)));
    Ok(members::table.filter(members::id.gt(from).and(members::id.lt(to))).count().get_result(conn)?)
}

/// Whether nothing was kept yet: then [`past`] has something to tell.
pub fn is_new(conn: &mut Conn) -> DbResult<bool> {
    let kept: i64 = daily_figures::table.filter(daily_figures::figure.eq(MEMBERS)).count().get_result(conn)?;
    Ok(kept == 0)
}

/// How members came, for the days before figures were kept. Those who left meanwhile are not known.
pub fn past(conn: &mut Conn, now: Timestamp) -> DbResult<Vec<(i32, i64, i64)>> {
    let today = day_of(now);
    let first = MemberId::edge(beginning(today - DAYS));
    let mut sum: i64 = members::table.filter(members::id.lt(first)).count().get_result(conn)?;
    let mut days = Vec::new();
    for day in today - DAYS..today {
        let new = made_on(conn, day)?;
        sum += new;
        days.push((day, sum, new));
    }
    Ok(days)
}

/// Keeps what was counted as figures of today.
pub fn keep(conn: &mut Conn, figures: &Figures, past: &[(i32, i64, i64)], now: Timestamp) -> DbResult<()> {
    for (day, members, new) in past {
        put(conn, *day, MEMBERS, *members)?;
        put(conn, *day, NEW, *new)?;
    }
    let today = day_of(now);
    // A currency that nobody pays in any more stands at nothing, and so does a list that nobody is on.
    let gone: Vec<String> = daily_figures::table
        .filter(daily_figures::day.ge(today - 1))
        .filter(daily_figures::figure.like("mrr:%").or(daily_figures::figure.like("list:%")))
        .select(daily_figures::figure)
        .distinct()
        .load(conn)?;
    for figure in gone.iter().filter(|figure| !figures.contains_key(*figure)) {
        put(conn, today, figure, 0)?;
    }
    figures.iter().try_for_each(|(figure, value)| put(conn, today, figure, *value))
}

/// How many members there are: exact where they are few, else as of the last minute.
pub fn members(conn: &mut Conn) -> DbResult<i64> {
    let kept: Option<i64> = daily_figures::table
        .filter(daily_figures::figure.eq(MEMBERS))
        .order(daily_figures::day.desc())
        .select(daily_figures::value)
        .first(conn)
        .optional()?;
    match kept {
        Some(kept) if kept > SMALL => Ok(kept),
        _ => Ok(members::table.count().get_result(conn)?),
    }
}

/// The figures of today, and of the days before, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub today: Figures,
    pub days: Vec<(i32, Figures)>,
}

impl Told {
    pub fn of_today(&self, figure: &str) -> i64 {
        self.today.get(figure).copied().unwrap_or(0)
    }

    /// What is paid a month, by currency, the largest first.
    pub fn mrr(&self) -> Vec<(String, i64)> {
        let mut all: Vec<(String, i64)> = self
            .today
            .iter()
            .filter_map(|(figure, value)| Some((figure.strip_prefix(MRR)?.to_owned(), *value)))
            .filter(|(_, value)| *value != 0)
            .collect();
        all.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
        all
    }

    /// What came together in the last `days` days, today's among them.
    pub fn sum(&self, figure: &str, days: usize) -> i64 {
        self.days.iter().rev().take(days).filter_map(|(_, figures)| figures.get(figure)).sum()
    }

    /// A figure on each of the last `days` days. A standing figure that was not kept on a day is as on the
    /// day before.
    pub fn line(&self, figure: &str, days: usize, stands: bool) -> Vec<(i32, i64)> {
        let mut last = 0;
        let all: Vec<(i32, i64)> = self
            .days
            .iter()
            .map(|(day, figures)| {
                let value = figures.get(figure).copied().unwrap_or(if stands { last } else { 0 });
                last = value;
                (*day, value)
            })
            .collect();
        all[all.len().saturating_sub(days)..].to_vec()
    }
}

/// What is told on the home page.
pub fn told(conn: &mut Conn, now: Timestamp) -> DbResult<Told> {
    let today = day_of(now);
    let rows: Vec<(i32, String, i64)> = daily_figures::table
        .filter(daily_figures::day.gt(today - DAYS))
        .order(daily_figures::day)
        .select((daily_figures::day, daily_figures::figure, daily_figures::value))
        .load(conn)?;
    let mut by_day: BTreeMap<i32, Figures> = (today - DAYS + 1..=today).map(|day| (day, Figures::new())).collect();
    for (day, figure, value) in rows {
        by_day.entry(day).or_default().insert(figure, value);
    }
    let mut figures = by_day.get(&today).cloned().unwrap_or_default();
    if members(conn)? <= SMALL {
        figures.extend(count(conn, now)?);
        by_day.insert(today, figures.clone());
    } else if !figures.contains_key(MEMBERS) {
        // In the first minute of a day.
        let yesterday = by_day.get(&(today - 1)).cloned().unwrap_or_default();
        let stand = |name: &str| {
            [MEMBERS, PAYERS, COMPED].contains(&name) || name.starts_with(MRR) || name.starts_with("list:")
        };
        figures.extend(yesterday.into_iter().filter(|(name, _)| stand(name)));
    }
    Ok(Told { today: figures, days: by_day.into_iter().collect() })
}
