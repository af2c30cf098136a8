//! The passwords most often found in breaches, which attackers try first (`reliability.md` A1). `make.py`
//! says which lists they are from.

use crate::secrets;

/// Bytes of each hash.
const WIDTH: usize = 5;

/// Beginnings of the SHA-256 of each password's lower-case form, in order. Those too short to be taken
/// at all are not among them.
static LIST: &[u8] = include_bytes!("list.bin");

/// Whether a password, written in whatever case, stands on the lists.
pub fn contains(password: &str) -> bool {
    let hash = secrets::sha256(password.to_lowercase().as_bytes());
    let (hashes, _) = LIST.as_chunks::<WIDTH>();
    hashes.binary_search_by(|kept| kept[..].cmp(&hash[..WIDTH])).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        let (hashes, rest) = LIST.as_chunks::<WIDTH>();
        assert!(hashes.len() > 40_000 && rest.is_empty() && hashes.is_sorted());
    }

    #[test]
    fn what_was_breached_is_found() {
        for password in ["password", "PassWord", "12345678", "1qaz2wsx3edc4rfv", "23176djivanfros"] {
            assert!(contains(password), "{password}");
        }
        assert!(!contains("plum ferry lantern oat") && !contains(""));
    }
}
