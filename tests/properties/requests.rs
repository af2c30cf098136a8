//! Tokens, cookies and bodies: whatever comes is read or refused, never misread.

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use proptest::prelude::*;
use readership::config::{DatabaseUrl, Settings};
use readership::secrets::{SecretKey, Token};
use readership::web::body::Form;
use readership::web::cookies::CookieKind;
use url::Url;

fn settings() -> Settings {
    let url = Url::parse("https://members.example.com/").unwrap();
    Settings::new(url, DatabaseUrl::Sqlite("unused".into()), "unused".into())
}

fn cookies(header: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(header).unwrap());
    headers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_is_43_characters_and_nothing_else(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{40,46}", "[A-Za-z0-9_+/=. -]{43}"]) {
        let shape = text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        match Token::parse(&text) {
            Some(token) => prop_assert!(shape && token.reveal() == text),
            None => prop_assert!(!shape || data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).is_err()),
        }
    }

    #[test]
    fn every_token_made_is_read_back(bytes in any::<[u8; 32]>()) {
        let token = Token::from_bytes(&bytes);
        let again = Token::parse(token.reveal()).unwrap();
        prop_assert_eq!(again.hash(), token.hash());
    }

    #[test]
    fn the_session_is_found_among_any_other_cookies(before in "[ -:<-~]{0,30}", after in "[ -~]{0,30}", bytes in any::<[u8; 32]>()) {
        prop_assume!(!before.contains("readership"));
        let token = Token::from_bytes(&bytes);
        let header = format!("{before}; __Host-readership-session={}; {after}", token.reveal());
        let found = CookieKind::Session.read(&settings(), &cookies(header.as_bytes()));
        prop_assert_eq!(found.map(|found| found.hash()), Some(token.hash()));
    }

    /// Any bytes that can be a header: what is read was sent, under that very name.
    #[test]
    fn no_cookie_is_made_up(header in prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..120)) {
        let found = CookieKind::Session.read(&settings(), &cookies(&header));
        let was_sent = |token: &Token| {
            String::from_utf8_lossy(&header).contains(&format!("__Host-readership-session={}", token.reveal()))
        };
        prop_assert!(found.is_none_or(|token| was_sent(&token)));
    }

    #[test]
    fn a_form_comes_back_as_it_was_typed(fields in prop::collection::vec(("[a-z_]{1,8}", any::<String>()), 0..6)) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let form = Form::parse(body.as_bytes());
        for (name, _) in &fields {
            let sent: Vec<&str> = fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(form.all(name).collect::<Vec<_>>(), sent);
        }
    }

    #[test]
    fn any_bytes_are_a_form_of_some_kind(body in any::<Vec<u8>>()) {
        let _ = Form::parse(&body).get("email");
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_context_only(plain in any::<Vec<u8>>(), flip in any::<prop::sample::Index>()) {
        let key = SecretKey::from_bytes([1; 32]);
        let mut sealed = key.seal("one", &plain);
        prop_assert_eq!(key.open("one", &sealed), Some(plain));
        prop_assert_eq!(key.open("two", &sealed), None);
        prop_assert_eq!(SecretKey::from_bytes([2; 32]).open("one", &sealed), None);
        let at = flip.index(sealed.len());
        sealed[at] ^= 1;
        prop_assert_eq!(key.open("one", &sealed), None);
        sealed.truncate(at);
        prop_assert_eq!(key.open("one", &sealed), None);
    }
}
