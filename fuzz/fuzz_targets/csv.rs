//! Files of members, and cells that go out to spreadsheets and come back (`reliability.md` I7, O7).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::jobs::import::rows::{self, Header};
use readership::members::csv_cells::{guarded, unguarded};

/// Reads a file as a job does, in steps that see so many bytes at once.
fn lines(file: &[u8], window: usize) -> Option<Vec<(i64, Result<Vec<String>, String>)>> {
    let header = Header::read(file).ok()?;
    let (size, mut place, mut all) = (file.len() as u64, header.ends, Vec::new());
    loop {
        let from = usize::try_from(place.at).unwrap().min(file.len());
        let bytes = &file[from..(from + window).min(file.len())];
        let batch = rows::batch(header.clone(), bytes, place, size).ok()?;
        for (line, cells) in batch.lines {
            assert!(line >= 1);
            if let Ok(cells) = &cells {
                let _ = rows::read(cells, &header.columns);
            }
            all.push((line, cells));
        }
        if batch.is_last {
            return Some(all);
        }
        assert!(batch.next.at > place.at, "a step that does not get further");
        place = batch.next;
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let out = guarded(text);
        assert!(!out.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']), "{out:?}");
        assert_eq!(unguarded(&out), text, "what goes out comes back");
    }
    let whole = lines(bytes, usize::MAX / 2);
    // Where no line is longer than the window, steps make no difference.
    if let Some(in_steps) = lines(bytes, 64) {
        assert_eq!(whole, Some(in_steps));
    }
});
