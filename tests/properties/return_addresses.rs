use proptest::prelude::*;
use readership::config::{DatabaseUrl, Settings};
use readership::signin::return_to::{Note, ReturnTo, State};
use url::Url;

fn settings() -> Settings {
    let members = Url::parse("https://members.example.com/").unwrap();
    let mut settings = Settings::new(members, DatabaseUrl::Sqlite("unused".into()), "unused".into());
    settings.site_url = Url::parse("https://example.com/").unwrap();
    settings
}

const HOSTS: [&str; 2] = ["example.com", "members.example.com"];

/// Pieces that open redirects are made of.
fn attempt() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https:".to_owned()),
        Just("http:".to_owned()),
        Just("javascript:".to_owned()),
        Just("data:".to_owned()),
        Just("//".to_owned()),
        Just("/\\".to_owned()),
        Just("\\".to_owned()),
        Just("/".to_owned()),
        Just("@".to_owned()),
        Just(".".to_owned()),
        Just("%2f".to_owned()),
        Just("%00".to_owned()),
        Just("\t".to_owned()),
        Just("\r\n".to_owned()),
        Just("\u{ff0f}".to_owned()),
        Just("\u{3002}".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("example.com".to_owned()),
        Just("evil.example".to_owned()),
        Just(":443".to_owned()),
        Just(":444".to_owned()),
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

const NOTE: Note = Note { action: Some("subscribe"), ..Note::of_state(State::Subscribed) };

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is accepted leads, as a browser reads it, to the site and nowhere else.
    #[test]
    fn nothing_leads_off_the_site(text in attempt()) {
        let Some(to) = ReturnTo::parse(&text, &settings()) else { return Ok(()) };
        let target = to.with_note(&NOTE);
        let url = Url::parse(&target).unwrap();
        prop_assert_eq!(url.scheme(), "https");
        prop_assert!(HOSTS.contains(&url.host_str().unwrap()), "{}", target);
        prop_assert_eq!(url.port(), None);
        prop_assert!(url.username().is_empty() && url.password().is_none());
        prop_assert!(target.is_ascii() && !target.bytes().any(|byte| byte.is_ascii_control()), "{}", target);
    }

    /// The page's own query and fragment come back as they went.
    #[test]
    fn the_pages_own_address_is_kept(path in "[a-z0-9/]{0,10}", query in prop::collection::vec(("[a-z]{1,6}", "[a-zA-Z0-9 äß&=+%]{0,8}"), 0..4), fragment in "[a-z]{0,5}") {
        let mut url = Url::parse("https://example.com/").unwrap();
        url.set_path(&path.replace("//", "/"));
        let own: Vec<_> = query.into_iter().filter(|(name, _)| !["action", "success"].contains(&name.as_str())).collect();
        if !own.is_empty() { url.query_pairs_mut().extend_pairs(&own); }
        if !fragment.is_empty() { url.set_fragment(Some(&fragment)); }

        let target = Url::parse(&ReturnTo::parse(url.as_str(), &settings()).unwrap().with_note(&NOTE)).unwrap();
        prop_assert_eq!(target.path(), url.path());
        let pairs: Vec<(String, String)> = target.query_pairs().into_owned().collect();
        let mut expected = own;
        expected.extend([("action".to_owned(), "subscribe".to_owned()), ("success".to_owned(), "true".to_owned())]);
        prop_assert_eq!(pairs, expected);
        prop_assert_eq!(target.fragment().unwrap(), if fragment.is_empty() { "members-subscribe-ok" } else { fragment.as_str() });
        // Coming back twice changes nothing.
        let again = ReturnTo::parse(target.as_str(), &settings()).unwrap().with_note(&NOTE);
        prop_assert_eq!(again, target.to_string());
    }
}
