//! Days, as one types them.

use std::time::Duration;

use anyhow::Context;

use crate::clock::Timestamp;

/// The last moment of a day, `YYYY-MM-DD`, in UTC.
pub fn end_of(day: &str) -> anyhow::Result<Timestamp> {
    let begin = Timestamp::of_day(day).with_context(|| format!("{day:?} is no day; write it as 2027-12-31"))?;
    Ok(begin.plus(Duration::from_secs(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        assert_eq!(end_of("2026-12-31").unwrap().iso8601(), "2027-01-01T00:00:00.000Z");
        for wrong in ["", "31.12.2026", "2026-13-01", "2026-02-30", "tomorrow"] {
            assert!(end_of(wrong).is_err(), "{wrong}");
        }
    }
}
