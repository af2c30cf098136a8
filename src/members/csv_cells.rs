//! Cells of CSV files that spreadsheets open: one that begins like a formula is kept from being one by an
//! apostrophe, which reading takes off again (`reliability.md` I7; OWASP, "CSV Injection").

/// What spreadsheets take for the beginning of a formula. The apostrophe is among them, so that a text
/// that begins with one comes back as it was.
const BEGINNINGS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\0', '\''];

/// A text as it may stand in a cell.
pub fn guarded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(BEGINNINGS) { format!("'{text}").into() } else { text.into() }
}

/// The text of a cell.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if text.starts_with(BEGINNINGS) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_comes_back_as_it_was() {
        for text in
            ["=1+1", "+49 30", "-1", "@cmd", "\tx", "\rx", "\0x", "'quoted", "''twice", "O'Neill", "plain", "", "'"]
        {
            let cell = guarded(text);
            assert_eq!(unguarded(&cell), text, "{cell:?}");
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']), "{cell:?}");
        }
        // Written by somebody else, who guards nothing.
        assert_eq!(unguarded("'tis the season"), "'tis the season");
    }
}
