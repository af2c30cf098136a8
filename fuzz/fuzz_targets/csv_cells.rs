//! Cells that go out to spreadsheets and come back (`reliability.md` I7).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::members::csv_cells::{guarded, unguarded};

fuzz_target!(|text: &str| {
    let out = guarded(text);
    assert!(!out.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']), "{out:?}");
    assert_eq!(unguarded(&out), text, "what goes out comes back");
});
