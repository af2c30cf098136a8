//! Filters of programs, and what lists of members are asked for (`reliability.md` I6, A12).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::clock::Timestamp;
use readership::members::browsing::Column;
use readership::members::listing::Filter;
use readership::members::nql;

fuzz_target!(|text: &str| {
    // It may say no; it may not fall over, and what it takes has a bound.
    if nql::parse(text, Timestamp::from_millis(1_700_000_000_000)).is_ok() {
        assert!(text.len() <= 4_000, "{} bytes were taken", text.len());
    }
    let filter = Filter::of_query(text);
    assert_eq!(Filter::of_query(&filter.query()).query(), filter.query(), "an address keeps a filter");
    if Column::of_order(text).is_some() {
        assert!(text.len() < 40 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text:?}");
    }
});
