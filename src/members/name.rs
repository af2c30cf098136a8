//! What people call themselves.

use unicode_normalization::UnicodeNormalization;

/// The longest name, in characters (the protocol's `members.name`, D.2).
pub const LONGEST: usize = 191;

/// Why a text is not a name (`reliability.md` I4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    #[error("a name has at most {LONGEST} characters")]
    TooLong,
    #[error("a name is one line of visible characters")]
    NotVisible,
}

/// Normalises a name (NFC, no blanks around it). An empty one is no name.
pub fn parse(text: &str) -> Result<Option<String>, NotAName> {
    if text.len() > LONGEST * 8 {
        return Err(NotAName::TooLong);
    }
    let name: String = text.nfc().collect();
    let name = name.trim();
    if name.chars().any(|c| c.is_control() || is_unseen(c)) {
        return Err(NotAName::NotVisible);
    }
    if name.chars().count() > LONGEST {
        return Err(NotAName::TooLong);
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// A name as it is looked for.
pub fn key(name: &str) -> String {
    name.to_lowercase()
}

/// Characters that change the direction or the look of other text, or show nothing at all. The
/// joiners U+200C and U+200D stay: Persian and Indic names, and emoji, need them.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_pass() {
        for name in ["Ada Lovelace", "Ἀδα", "محمد", "O'Hara", "Zoë", "नरेंद्र\u{200D}", "<b>Ada</b>", "=cmd()", "👩‍🔬 Ada"]
        {
            assert_eq!(parse(name).unwrap().as_deref(), Some(name));
        }
        assert_eq!(parse("Zoe\u{308}").unwrap().as_deref(), Some("Zoë"));
        assert_eq!(parse("   ").unwrap(), None);
    }

    #[test]
    fn what_breaks_headers_or_hides_is_refused() {
        for name in ["a\r\nBcc: x", "a\0", "a\u{202E}b", "\u{200B}", "a\u{2028}b", "a\tb", "\u{1b}[31m"] {
            assert_eq!(parse(name), Err(NotAName::NotVisible), "{name:?}");
        }
        assert_eq!(parse(&"a".repeat(192)), Err(NotAName::TooLong));
    }
}
