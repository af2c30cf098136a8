//! Months and years as Stripe counts them: from an anchor, clamped to the end of a shorter month.

use time::{Date, Month, OffsetDateTime};

pub const DAY: i64 = 86_400;

/// `count` intervals after `anchor`.
pub fn after(anchor: i64, interval: &str, count: i64) -> i64 {
    let months = match interval {
        "year" => 12 * count,
        "month" => count,
        "week" => return anchor + 7 * DAY * count,
        _ => return anchor + DAY * count,
    };
    let Ok(at) = OffsetDateTime::from_unix_timestamp(anchor) else { return anchor };
    let total = i64::from(at.year()) * 12 + i64::from(u8::from(at.month())) - 1 + months;
    let year = i32::try_from(total.div_euclid(12)).unwrap_or(9_999);
    let month = u8::try_from(total.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let month = month.unwrap_or(Month::January);
    let date = Date::from_calendar_date(year, month, at.day().min(month.length(year)));
    date.map_or(anchor, |date| at.replace_date(date).unix_timestamp())
}

/// The first moment after `now` that is a whole number of intervals after `anchor`.
pub fn next(anchor: i64, interval: &str, now: i64) -> i64 {
    (1..).map(|count| after(anchor, interval, count)).find(|at| *at > now).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn months_end_where_they_end() {
        let at = |at: OffsetDateTime| at.unix_timestamp();
        let anchor = at(datetime!(2027-01-31 10:00 UTC));
        assert_eq!(after(anchor, "month", 1), at(datetime!(2027-02-28 10:00 UTC)));
        assert_eq!(after(anchor, "month", 2), at(datetime!(2027-03-31 10:00 UTC)));
        assert_eq!(after(at(datetime!(2028-02-29 0:00 UTC)), "year", 1), at(datetime!(2029-02-28 0:00 UTC)));
        assert_eq!(next(anchor, "month", at(datetime!(2027-02-28 10:00 UTC))), at(datetime!(2027-03-31 10:00 UTC)));
    }
}
