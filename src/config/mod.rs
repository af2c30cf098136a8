//! Every setting: its key, its default, its meaning. Read from the environment, or from the same
//! keys in a TOML file; the environment wins. All that is wrong is said in one message.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::mail::smtp::SmtpServer;
use crate::members::address::EmailAddress;
use crate::secrets::{KeyError, SecretKey};
use crate::texts::Language;

mod numbers;
mod source;
mod stripe;

pub use numbers::{Billing, Database, Http, Lifetimes, Limits, Sending, Staff};
use source::Source;
pub use stripe::{Donations, StripeSettings};

/// A key of the table below, for `doctor` and for the documentation.
pub struct Key {
    pub name: &'static str,
    pub default: String,
    pub meaning: &'static str,
}

const PLAIN_KEYS: &[(&str, &str, &str)] = &[
    ("READERSHIP_LISTEN", "127.0.0.1:8080", "address and port to answer on"),
    ("READERSHIP_URL", "", "public base URL of this service; every link in a mail starts with it (required)"),
    ("READERSHIP_SITE_URL", "= READERSHIP_URL", "home of the website; its origin may be returned to"),
    ("READERSHIP_SITE_ORIGINS", "", "further origins that may be returned to, separated by commas"),
    ("READERSHIP_SITE_TITLE", "host of the site", "name of the site in mails and pages; also the first newsletter's"),
    ("READERSHIP_SITE_DESCRIPTION", "", "one sentence about the site"),
    ("READERSHIP_LANGUAGE", "en", "language of readers who show no other: en, de, fr, es or ar"),
    ("READERSHIP_ACCENT_COLOR", "#1f4e5f", "colour of Ghost's widgets, as #rrggbb"),
    (
        "READERSHIP_UNSUBSCRIBE_PAGE",
        "hosted",
        "where unsubscribe links lead: hosted (a page here), or site (the site's home, where Ghost's widget does it)",
    ),
    ("READERSHIP_WELCOME_MAIL", "off", "whether those who joined a newsletter get a mail that says so: on or off"),
    ("READERSHIP_TRACK_SOURCES", "on", "whether the page and the source that brought a new member are kept: on or off"),
    ("READERSHIP_SUPPORT_EMAIL", "", "address readers may write to; Reply-To of mails"),
    ("READERSHIP_DATA_DIR", "./data", "folder of the SQLite file and the key file"),
    ("DATABASE_URL", "sqlite:{data}/readership.db", "sqlite:FILE or postgres://…"),
    (
        "READERSHIP_SECRET_KEY",
        "made on first start in {data}/secret.key",
        "32 bytes in base64; nodes on one database share it",
    ),
    (
        "READERSHIP_SMTP_URL",
        "",
        "smtps://user:password@host, smtp+starttls://…, or smtp:// without TLS (loopback only, elsewhere with ?tls=off)",
    ),
    ("READERSHIP_SMTP_CA_FILE", "", "PEM file of a further certificate authority to trust for the mail server"),
    ("READERSHIP_MAIL_FROM", "", "sender of mails, Name <address> (required with READERSHIP_SMTP_URL)"),
    (
        "READERSHIP_STRIPE_SECRET_KEY",
        "",
        "secret or restricted key of the Stripe account; without it the paid parts are off",
    ),
    ("READERSHIP_STRIPE_PUBLISHABLE_KEY", "", "publishable key of the same account (required with the secret one)"),
    (
        "READERSHIP_STRIPE_WEBHOOK_SECRET",
        "",
        "signing secret of the webhook endpoint; two, separated by a comma, while one replaces the other",
    ),
    (
        "READERSHIP_STRIPE_API_BASE",
        "https://api.stripe.com/",
        "where Stripe's API is; https, or plain http on loopback",
    ),
    (
        "READERSHIP_DONATIONS",
        "",
        "currency and suggested amount in its minor unit, such as usd:500, to take one-time payments of a chosen amount",
    ),
    ("READERSHIP_TRUSTED_PROXIES", "", "networks (10.0.0.0/8, ::1) whose X-Forwarded-For counts, separated by commas"),
    (
        "READERSHIP_DNS_RESOLVER",
        "the system's",
        "address and port of the resolver that the sender's records are looked up with",
    ),
    ("READERSHIP_METRICS_LISTEN", "", "address and port of /metrics"),
    ("READERSHIP_LOG", "info", "what is logged: error, warn, info, debug, or a filter per module"),
    ("READERSHIP_LOG_FORMAT", "text", "text or json"),
];

/// All keys with their defaults, in the order of the documentation.
pub fn keys() -> Vec<Key> {
    let plain = PLAIN_KEYS.iter().map(|(name, default, meaning)| Key { name, default: (*default).to_owned(), meaning });
    plain
        .chain(Limits::keys())
        .chain(Lifetimes::keys())
        .chain(Sending::keys())
        .chain(Billing::keys())
        .chain(Staff::keys())
        .chain(Http::keys())
        .chain(Database::keys())
        .collect()
}

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseUrl {
    /// The address with its password left out.
    pub fn masked(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => mask_password(url),
        }
    }
}

/// Who mails come from.
#[derive(Clone, Debug)]
pub struct Sender {
    pub name: Option<String>,
    pub address: EmailAddress,
}

/// Where an unsubscribe link that is opened leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubscribePage {
    /// A page here, which asks first.
    Hosted,
    /// The site's home, with the query that Ghost's widget understands (protocol B.18).
    Site,
}

/// A network of trusted proxies, such as `10.0.0.0/8`.
#[derive(Clone, Debug)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| ())?;
        (prefix <= longest).then_some(Self { address, prefix }).ok_or(())
    }
}

/// What is in force. Made once at start and never changed.
#[derive(Clone)]
pub struct Settings {
    pub listen: SocketAddr,
    pub url: Url,
    pub site_url: Url,
    pub site_origins: Vec<Url>,
    pub site_title: String,
    pub site_description: Option<String>,
    pub language: Language,
    pub accent_color: String,
    pub unsubscribe_page: UnsubscribePage,
    pub track_sources: bool,
    pub welcome_mail: bool,
    pub support_email: Option<EmailAddress>,
    pub data_dir: PathBuf,
    pub database: DatabaseUrl,
    pub secret_key: Option<SecretKey>,
    pub smtp: Option<SmtpServer>,
    pub mail_from: Option<Sender>,
    /// `None`: the paid parts are off.
    pub stripe: Option<StripeSettings>,
    pub donations: Option<Donations>,
    pub trusted_proxies: Vec<Network>,
    /// `None`: the system's.
    pub dns_resolver: Option<SocketAddr>,
    pub metrics_listen: Option<SocketAddr>,
    pub log: String,
    pub log_json: bool,
    pub limits: Limits,
    pub lifetimes: Lifetimes,
    pub sending: Sending,
    pub billing: Billing,
    pub staff: Staff,
    pub http: Http,
    pub db: Database,
    /// Keys that stand in the environment or the file, and cannot be changed in the pages.
    pub fixed: BTreeSet<String>,
    /// Every text that was given, by its key. Secrets are among them.
    pub given: BTreeMap<String, String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// The least a running service needs, everything else at its default.
    pub fn new(url: Url, database: DatabaseUrl, data_dir: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            site_title: url.host_str().unwrap_or("this site").to_owned(),
            site_url: url.clone(),
            url,
            site_origins: Vec::new(),
            site_description: None,
            language: Language::default(),
            accent_color: "#1f4e5f".to_owned(),
            unsubscribe_page: UnsubscribePage::Hosted,
            track_sources: true,
            welcome_mail: false,
            support_email: None,
            data_dir,
            database,
            secret_key: None,
            smtp: None,
            mail_from: None,
            stripe: None,
            donations: None,
            trusted_proxies: Vec::new(),
            dns_resolver: None,
            metrics_listen: None,
            log: "info".to_owned(),
            log_json: false,
            limits: Limits::default(),
            lifetimes: Lifetimes::default(),
            sending: Sending::default(),
            billing: Billing::default(),
            staff: Staff::default(),
            http: Http::default(),
            db: Database::default(),
            fixed: BTreeSet::new(),
            given: BTreeMap::new(),
            file: None,
        }
    }

    /// Reads the environment and, where given, a TOML file with the same keys.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::load_with(file, &BTreeMap::new())
    }

    /// The same, with what was changed in the pages of staff below it.
    pub fn load_with(file: Option<&Path>, stored: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let mut source = Source::from_environment(std::env::vars());
        if let Some(path) = file {
            source.add_file(path);
        }
        let fixed = source.add_stored(stored);
        let given = source.given();
        let settings = Self::read(source)?;
        Ok(Self { fixed, given, file: file.map(Path::to_owned), ..settings })
    }

    fn read(mut source: Source) -> Result<Self, SettingsError> {
        let url = source.base_url("READERSHIP_URL");
        if url.is_none() && !source.has("READERSHIP_URL") {
            source.complain(
                "READERSHIP_URL",
                "is required: the public address of this service, such as https://members.example.com/",
            );
        }
        let data_dir = PathBuf::from(source.text("READERSHIP_DATA_DIR").unwrap_or_else(|| "./data".to_owned()));
        let database = source.database(&data_dir);
        let placeholder = || Url::parse("http://localhost/").expect("a constant address parses");
        let url = url.unwrap_or_else(placeholder);

        let mut settings = Self::new(url, database, data_dir);
        if let Some(listen) = source.parsed("READERSHIP_LISTEN", "an address and a port, such as 127.0.0.1:8080") {
            settings.listen = listen;
        }
        if let Some(site_url) = source.base_url("READERSHIP_SITE_URL") {
            settings.site_url = site_url;
        }
        settings.site_title = settings.site_url.host_str().unwrap_or("this site").to_owned();
        settings.site_origins =
            source.list("READERSHIP_SITE_ORIGINS", "an origin, such as https://www.example.com", web_url);
        if let Some(title) = source.line("READERSHIP_SITE_TITLE") {
            settings.site_title = title;
        }
        settings.site_description = source.line("READERSHIP_SITE_DESCRIPTION");
        if let Some(language) = source.parsed("READERSHIP_LANGUAGE", "one of en, de, fr, es, ar") {
            settings.language = language;
        }
        if let Some(color) = source.text("READERSHIP_ACCENT_COLOR") {
            let is_hex =
                color.len() == 7 && color.starts_with('#') && color[1..].bytes().all(|b| b.is_ascii_hexdigit());
            if is_hex {
                settings.accent_color = color;
            } else {
                source.complain("READERSHIP_ACCENT_COLOR", "is a colour such as #1f4e5f");
            }
        }
        let choice = [("hosted", UnsubscribePage::Hosted), ("site", UnsubscribePage::Site)];
        if let Some(page) = source.one_of("READERSHIP_UNSUBSCRIBE_PAGE", &choice) {
            settings.unsubscribe_page = page;
        }
        if let Some(track) = source.one_of("READERSHIP_TRACK_SOURCES", &[("on", true), ("off", false)]) {
            settings.track_sources = track;
        }
        if let Some(welcome) = source.one_of("READERSHIP_WELCOME_MAIL", &[("on", true), ("off", false)]) {
            settings.welcome_mail = welcome;
        }
        settings.support_email = source.parsed("READERSHIP_SUPPORT_EMAIL", "an e-mail address");
        settings.secret_key = source.secret_key();
        settings.smtp = source.smtp();
        settings.mail_from = source.parsed("READERSHIP_MAIL_FROM", "Name <address>");
        if settings.smtp.is_some() && settings.mail_from.is_none() && !source.has("READERSHIP_MAIL_FROM") {
            source.complain(
                "READERSHIP_MAIL_FROM",
                "is required with READERSHIP_SMTP_URL: who mails come from, Name <address>",
            );
        }
        settings.stripe = source.stripe();
        settings.donations = source.parsed("READERSHIP_DONATIONS", "a currency and an amount, such as usd:500");
        settings.trusted_proxies =
            source.list("READERSHIP_TRUSTED_PROXIES", "an address or a network, such as 10.0.0.0/8", |text| {
                text.parse().ok()
            });
        settings.dns_resolver = source.parsed("READERSHIP_DNS_RESOLVER", "an address and a port");
        settings.metrics_listen = source.parsed("READERSHIP_METRICS_LISTEN", "an address and a port");
        if let Some(log) = source.text("READERSHIP_LOG") {
            settings.log = log;
        }
        settings.log_json =
            source.one_of("READERSHIP_LOG_FORMAT", &[("text", false), ("json", true)]).unwrap_or_default();
        settings.limits = Limits::read(&mut source);
        settings.lifetimes = Lifetimes::read(&mut source);
        settings.sending = Sending::read(&mut source);
        settings.billing = Billing::read(&mut source);
        settings.staff = Staff::read(&mut source);
        settings.http = Http::read(&mut source);
        settings.db = Database::read(&mut source);
        source.finish().map(|()| settings)
    }

    /// `{url}` joined with a path that has no leading slash.
    pub fn link(&self, path: &str) -> Url {
        self.url.join(path).unwrap_or_else(|_| self.url.clone())
    }

    /// Whether the public address is https, so that cookies are `Secure`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub fn key_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }

    /// The secret key that is set, or stands in its file; `None` before the first start.
    pub fn existing_key(&self) -> Result<Option<SecretKey>, KeyError> {
        let path = self.key_file();
        match &self.secret_key {
            Some(key) => Ok(Some(key.clone())),
            None if path.exists() => SecretKey::read(&path).map(Some),
            None => Ok(None),
        }
    }
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct SettingsError(Vec<String>);

impl SettingsError {
    /// A line each, beginning with the key it is about.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = if self.0.len() == 1 { "a setting is" } else { "settings are" };
        write!(f, "{many} wrong:")?;
        for line in &self.0 {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}

impl FromStr for Sender {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name.trim().trim_matches('"'), rest.strip_suffix('>').ok_or(())?),
            None => ("", text),
        };
        if name.chars().any(char::is_control) {
            return Err(());
        }
        let address = address.parse().map_err(|_| ())?;
        Ok(Self { name: (!name.is_empty()).then(|| name.to_owned()), address })
    }
}

/// An http or https address with a host and without user and password.
fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then_some(url)
}

/// A URL with its password replaced, for logs and `doctor`.
pub fn mask_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Cannot fail: a URL that has a password can have another one.
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        Ok(parsed) => parsed.to_string(),
        Err(_) => "***".to_owned(),
    }
}

/// Milliseconds of a setting as a duration.
pub const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Seconds of a setting as a duration.
pub const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(Source::from_environment(variables))
    }

    #[test]
    fn the_address_is_all_that_is_required() {
        let settings = read(&[("READERSHIP_URL", "https://members.example.com")]).unwrap();
        assert_eq!(settings.url.as_str(), "https://members.example.com/");
        assert_eq!(settings.site_url, settings.url);
        assert_eq!(settings.site_title, "members.example.com");
        assert_eq!(settings.limits.client_per_minute, 10);
    }

    #[test]
    fn says_everything_that_is_wrong_at_once() {
        let error = read(&[
            ("READERSHIP_URL", "ftp://members.example.com"),
            ("READERSHIP_LISTEN", "nowhere"),
            ("READERSHIP_LIMTS_CLIENT_PER_MINUTE", "3"),
            ("READERSHIP_LIMITS_CLIENT_PER_HOUR", "many"),
            ("READERSHIP_SMTP_URL", "smtp://mail.example.com"),
            ("READERSHIP_SECRET_KEY", "short"),
        ])
        .err()
        .expect("these settings are wrong")
        .to_string();
        for key in [
            "READERSHIP_URL",
            "READERSHIP_LISTEN",
            "did you mean READERSHIP_LIMITS_CLIENT_PER_MINUTE?",
            "READERSHIP_LIMITS_CLIENT_PER_HOUR",
            "without TLS",
            "READERSHIP_MAIL_FROM",
            "READERSHIP_SECRET_KEY",
        ] {
            assert!(error.contains(key), "{key} is missing in {error}");
        }
    }

    #[test]
    fn a_file_gives_what_the_environment_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readership.toml");
        std::fs::write(&path, "READERSHIP_URL = \"https://a.example/\"\nREADERSHIP_SITE_TITLE = \"From the file\"\nREADERSHIP_LIMITS_CLIENT_PER_MINUTE = 3\n").unwrap();
        let mut source = Source::from_environment(
            [("READERSHIP_SITE_TITLE".to_owned(), "From the environment".to_owned())].into_iter(),
        );
        source.add_file(&path);
        let settings = Settings::read(source).unwrap();
        assert_eq!(settings.site_title, "From the environment");
        assert_eq!(settings.limits.client_per_minute, 3);
    }

    #[test]
    fn networks_contain_their_addresses() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.200.3".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.200.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("192.0.2.1".parse().unwrap()));
    }
}
