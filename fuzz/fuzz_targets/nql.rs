//! Filters of programs (`reliability.md` I6, A12).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::clock::Timestamp;
use readership::members::listing::Filter;
use readership::members::nql;

fuzz_target!(|text: &str| {
    // It may say no; it may not fall over.
    let _ = nql::parse(text, Timestamp::from_millis(1_700_000_000_000));
    let filter = Filter::of_query(text);
    assert_eq!(Filter::of_query(&filter.query()).query(), filter.query(), "an address keeps a filter");
});
