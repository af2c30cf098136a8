//! Where a browser is sent afterwards: never anywhere but to the site (`reliability.md` T12).
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use readership::config::{DatabaseUrl, Settings};
use readership::signin::return_to::ReturnTo;
use url::Url;

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let base = Url::parse("https://members.site.test/").unwrap();
        let mut settings = Settings::new(base, DatabaseUrl::Sqlite("nowhere.db".into()), "/nowhere".into());
        settings.site_url = Url::parse("https://www.site.test/").unwrap();
        settings
    })
}

fuzz_target!(|text: &str| {
    if let Some(there) = ReturnTo::parse(text, settings()) {
        let url = Url::parse(there.as_str()).expect("it is an address");
        let origin = url.origin().ascii_serialization();
        assert!(["https://www.site.test", "https://members.site.test"].contains(&origin.as_str()), "{text:?}: {url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{text:?}: {url}");
    }
});
