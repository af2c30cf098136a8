//! Bodies and header fields.
#![no_main]

use std::sync::OnceLock;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use readership::config::{DatabaseUrl, Settings};
use readership::texts::Language;
use readership::web::body::Form;
use readership::web::cookies::CookieKind;
use url::Url;

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let base = Url::parse("https://members.site.test/").unwrap();
        Settings::new(base, DatabaseUrl::Sqlite("nowhere.db".into()), "/nowhere".into())
    })
}

fuzz_target!(|bytes: &[u8]| {
    let form = Form::parse(bytes);
    let _ = form.get("email").map(str::len);
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, value);
        let _ = CookieKind::Session.read(settings(), &headers);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Language::of_tag(text);
    }
});
