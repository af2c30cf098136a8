//! Tokens: bytes of any kind, and claims of any kind that the right key signed (`reliability.md` T14).
#![no_main]

use std::sync::OnceLock;

use jsonwebtoken::{Algorithm, Header, encode};
use libfuzzer_sys::fuzz_target;
use readership::clock::{Clock, Timestamp};
use readership::config::{DatabaseUrl, Lifetimes};
use readership::db;
use readership::secrets::SecretKey;
use readership::signin::signing_keys::{self, KeyRing};
use readership::signin::tokens;
use url::Url;

struct Desk {
    ring: KeyRing,
    base: Url,
    now: Timestamp,
}

fn desk() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    DESK.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseUrl::Sqlite(folder.path().join("keys.db"));
        db::migrate(&file).unwrap();
        let mut conn = db::open_beside(&file).unwrap();
        let (secret, now) = (SecretKey::from_bytes([7; 32]), Clock::system().now());
        signing_keys::store_first(&mut conn, &signing_keys::generate(&secret).unwrap(), now).unwrap();
        let ring = KeyRing::load(&mut conn, &secret, &Lifetimes::default()).unwrap();
        Desk { ring, base: Url::parse("https://members.site.test/").unwrap(), now }
    })
}

fuzz_target!(|text: &str| {
    let Desk { ring, base, now } = desk();
    assert!(tokens::verify_identity(ring, base, text, *now).is_none(), "nobody signed {text:?}");
    // A signature costs more than a thousand of the above: for what looks like claims only.
    let Ok(claims) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if !claims.is_object() {
        return;
    }
    let key = ring.signing(*now);
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::RS512) };
    let token = encode(&header, &claims, &key.encoding).unwrap();
    if let Some(identity) = tokens::verify_identity(ring, base, &token, *now) {
        assert_eq!((identity.scope.as_str(), identity.iss), ("members:identity", tokens::issuer(base)));
        assert!(identity.exp > now.seconds() && identity.iat <= now.seconds() + 60);
    }
});
