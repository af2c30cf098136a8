//! Bytes that are said to be a mail: signing them, and reading what a server answers.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use mail_parser::MessageParser;
use readership::clock::Timestamp;
use readership::config::DatabaseUrl;
use readership::db;
use readership::mail::dkim::{self, Signer};
use readership::mail::suppression;
use readership::secrets::SecretKey;

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = DatabaseUrl::Sqlite(folder.path().join("keys.db"));
        db::migrate(&file).unwrap();
        let mut conn = db::open_beside(&file).unwrap();
        let (secret, now) = (SecretKey::from_bytes([7; 32]), Timestamp::from_millis(1_700_000_000_000));
        let key = dkim::generate(&secret, "rexwire.test", now).unwrap();
        dkim::store(&mut conn, &key, now).unwrap();
        Signer::read(&mut conn, &secret, key.selector()).unwrap()
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = suppression::is_hard(550, text, bytes.len() % 2 == 0);
    }
    if let Some(signed) = signer().sign(bytes, Timestamp::from_millis(1_700_000_000_000)) {
        assert!(signed.ends_with(bytes), "what is signed stands behind the signature as it was");
        let own = &signed[..signed.len() - bytes.len()];
        assert!(own.starts_with(b"DKIM-Signature: v=1;") && own.ends_with(b"\r\n"));
        assert!(own.split(|byte| *byte == b'\n').all(|line| line.len() <= 998), "no line is too long");
        let _ = MessageParser::default().parse(&signed);
    }
});
