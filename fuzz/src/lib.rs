//! What the fuzz targets share.

use std::sync::OnceLock;

use readership::config::{DatabaseUrl, Settings};
use url::Url;

/// A site and its members at addresses of their own; nothing of it is opened.
pub fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let base = Url::parse("https://members.site.test/").unwrap();
        let mut settings = Settings::new(base, DatabaseUrl::Sqlite("nowhere.db".into()), "/nowhere".into());
        settings.site_url = Url::parse("https://www.site.test/").unwrap();
        settings.mail_from = "REX Wire <wire@rexwire.test>".parse().ok();
        settings
    })
}
