//! Times, days and lengths of time in words.

use std::time::Duration;

use super::Language;
use crate::clock::Timestamp;

impl Language {
    /// `24 November 2026`, in UTC.
    pub fn day(self, at: Timestamp) -> String {
        let (year, month, day, _, _) = at.calendar_parts();
        let month = self.text(&format!("month-{month}"));
        // As a text: a year has no thousands to be set apart.
        let year = year.to_string();
        self.fill("date", &[("day", i64::from(day).into()), ("month", (&month).into()), ("year", (&year).into())])
    }

    /// `24 November 2026, 12:04 UTC`.
    pub fn moment(self, at: Timestamp) -> String {
        let (_, _, _, hour, minute) = at.calendar_parts();
        let (date, time) = (self.day(at), format!("{hour:02}:{minute:02}"));
        self.fill("moment", &[("date", (&date).into()), ("time", (&time).into())])
    }

    /// `60 minutes`, `24 hours`, `7 days`: in the largest unit of which there are at least two.
    pub fn length(self, time: Duration) -> String {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let (key, count) = match seconds {
            0..7_200 => ("minutes", seconds / 60),
            7_200..172_800 => ("hours", seconds / 3_600),
            _ => ("days", seconds / 86_400),
        };
        self.fill(key, &[("count", count.into())])
    }

    /// A browser that was noted as `Firefox on Linux`.
    pub fn browser(self, noted: &str) -> String {
        match noted.split_once(" on ") {
            Some((browser, system)) => {
                self.fill("browser-on", &[("browser", browser.into()), ("system", system.into())])
            }
            None => noted.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let at = Timestamp::from_millis(1_795_488_760_123);
        assert_eq!(Language::English.moment(at), "24 November 2026, 02:52 UTC");
        assert_eq!(Language::German.moment(at), "24. November 2026, 02:52 UTC");
        assert_eq!(Language::French.day(at), "24 novembre 2026");
        assert_eq!(Language::Spanish.day(at), "24 de noviembre de 2026");
        assert_eq!(Language::Arabic.day(at), "24 نوفمبر 2026");
    }

    #[test]
    fn lengths_read_well() {
        let length = |seconds| Language::English.length(Duration::from_secs(seconds));
        assert_eq!(length(3_600), "60 minutes");
        assert_eq!(length(60), "1 minute");
        assert_eq!(length(86_400), "24 hours");
        assert_eq!(length(604_800), "7 days");
    }

    #[test]
    fn browsers_are_named() {
        assert_eq!(Language::German.browser("Firefox on Linux"), "Firefox auf Linux");
        assert_eq!(Language::German.browser("Firefox"), "Firefox");
    }
}
