//! Every setting: its key, its default, its meaning. Read from the environment, or from the same
//! keys in a TOML file; the environment wins. All that is wrong is said in one message.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use data_encoding::BASE64;
use url::Url;

use crate::mail::smtp::{SmtpServer, TlsMode};
use crate::members::address::EmailAddress;
use crate::secrets::SecretKey;

/// A key of the table below, for `doctor` and for the documentation.
pub struct Key {
    pub name: &'static str,
    pub default: String,
    pub meaning: &'static str,
}

/// Declares a group of numbers: a struct with a field each, its defaults, and their keys
/// (`READERSHIP_<GROUP>_<FIELD>`).
macro_rules! numbers {
    ($(#[$meta:meta])* $group:ident, $prefix:literal { $($field:ident, $key:literal, $default:literal, $min:literal ..= $max:literal, $meaning:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $group { $(#[doc = $meaning] pub $field: u64,)* }

        impl Default for $group {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $group {
            fn keys() -> Vec<Key> {
                vec![$(Key {
                    name: concat!("READERSHIP_", $prefix, "_", $key),
                    default: stringify!($default).replace('_', ""),
                    meaning: $meaning,
                },)*]
            }

            fn read(source: &mut Source) -> Self {
                Self { $($field: source.number(
                    concat!("READERSHIP_", $prefix, "_", $key), $default, $min, $max,
                ),)* }
            }
        }
    };
}

numbers! {
    /// How often a mail may be asked for (`reliability.md` §4); 0 means no limit.
    Limits, "LIMITS" {
        client_per_minute, "CLIENT_PER_MINUTE", 10, 0..=1_000_000, "asks for a mail from one client network (IPv4 address or IPv6 /64) in a minute";
        client_per_hour, "CLIENT_PER_HOUR", 60, 0..=1_000_000, "the same in an hour";
        address_gap_s, "ADDRESS_GAP_S", 60, 0..=86_400, "seconds between two mails to one address";
        address_per_15m, "ADDRESS_PER_15M", 3, 0..=1_000, "mails to one address in 15 minutes";
        address_per_hour, "ADDRESS_PER_HOUR", 5, 0..=1_000, "mails to one address in an hour";
        address_per_day, "ADDRESS_PER_DAY", 10, 0..=1_000, "mails to one address in a day";
        site_unconfirmed_per_hour, "SITE_UNCONFIRMED_PER_HOUR", 300, 0..=10_000_000, "mails to addresses that are no members, in an hour, for the whole site (1 % of the members where that is more)";
        live_links, "LIVE_LINKS", 3, 1..=20, "links that work at the same time for one address; a further one voids the oldest";
    }
}

numbers! {
    /// How long things live, in seconds (`reliability.md` §4).
    Lifetimes, "LIFETIMES" {
        signin_link_s, "SIGNIN_LINK_S", 3_600, 60..=604_800, "a link to sign in";
        signup_link_s, "SIGNUP_LINK_S", 86_400, 60..=604_800, "a link that confirms a sign-up or a subscription";
        integrity_token_s, "INTEGRITY_TOKEN_S", 600, 10..=86_400, "a token of /members/api/integrity-token/, good once";
        identity_token_s, "IDENTITY_TOKEN_S", 600, 60..=3_600, "a member token of /members/api/session/";
        session_idle_s, "SESSION_IDLE_S", 2_592_000, 60..=31_536_000, "a session that is not used";
        session_absolute_s, "SESSION_ABSOLUTE_S", 15_552_000, 60..=63_072_000, "a session at all";
        session_touch_s, "SESSION_TOUCH_S", 600, 0..=86_400, "how often at most the last use of a session is written down";
        retention_links_s, "RETENTION_LINKS_S", 86_400, 0..=2_592_000, "how long a link is remembered after it ended, so that its page can offer a new one";
        retention_unconfirmed_s, "RETENTION_UNCONFIRMED_S", 604_800, 3_600..=7_776_000, "how long what an unconfirmed request said is kept";
        retention_outbox_s, "RETENTION_OUTBOX_S", 604_800, 3_600..=7_776_000, "how long the fate of a mail is kept";
    }
}

numbers! {
    /// Deadlines and bounds of sending (`reliability.md` §4).
    Sending, "SMTP" {
        connections, "CONNECTIONS", 8, 1..=64, "connections to the mail server; two of them, or the only one, send sign-in mail and nothing else";
        mails_per_connection, "MAILS_PER_CONNECTION", 100, 1..=100_000, "mails over one connection before it is opened anew";
        idle_s, "IDLE_S", 60, 1..=3_600, "seconds an unused connection is kept";
        connect_ms, "CONNECT_MS", 10_000, 10..=600_000, "milliseconds to connect, with TLS";
        command_ms, "COMMAND_MS", 30_000, 10..=600_000, "milliseconds for the answer to a command";
        dot_ms, "DOT_MS", 120_000, 10..=600_000, "milliseconds for the answer to a whole mail";
        mail_ms, "MAIL_MS", 180_000, 10..=900_000, "milliseconds for everything about one mail";
        lease_s, "LEASE_S", 60, 2..=3_600, "seconds after which a mail that a dead process was sending is taken up again";
        attempts, "ATTEMPTS", 12, 1..=100, "tries before a mail is parked";
    }
}

numbers! {
    /// Deadlines and caps of the HTTP side (`reliability.md` §4).
    Http, "HTTP" {
        workers, "WORKERS", 0, 0..=256, "threads that answer requests; 0 is one a core";
        header_ms, "HEADER_MS", 5_000, 50..=120_000, "milliseconds for the head of a request, also of a second one on the same connection";
        body_idle_ms, "BODY_IDLE_MS", 10_000, 50..=120_000, "milliseconds between two pieces of a body";
        body_total_ms, "BODY_TOTAL_MS", 30_000, 50..=900_000, "milliseconds for a whole body";
        handler_ms, "HANDLER_MS", 10_000, 50..=120_000, "milliseconds to make an answer";
        write_ms, "WRITE_MS", 30_000, 50..=900_000, "milliseconds a client may take nothing of an answer";
        keep_alive_ms, "KEEP_ALIVE_MS", 15_000, 100..=600_000, "milliseconds an idle connection is kept";
        connection_age_s, "CONNECTION_AGE_S", 600, 1..=86_400, "seconds after which a connection is closed behind an answer";
        requests_per_connection, "REQUESTS_PER_CONNECTION", 1_000, 1..=1_000_000_000, "requests after which a connection is closed";
        connections, "CONNECTIONS", 4_096, 16..=1_000_000, "open connections";
        connections_per_client, "CONNECTIONS_PER_CLIENT", 256, 1..=1_000_000, "open connections of one client network; proxies that are trusted and loopback are not counted";
        body_bytes, "BODY_BYTES", 16_384, 1_024..=1_048_576, "bytes of a form or JSON body";
        header_bytes, "HEADER_BYTES", 16_384, 1_024..=65_536, "bytes of all header fields";
        header_fields, "HEADER_FIELDS", 64, 8..=100, "header fields";
        shutdown_s, "SHUTDOWN_S", 10, 0..=600, "seconds that running requests get at the end";
    }
}

numbers! {
    /// Bounds of the database layer (`design.md` §6).
    Database, "DB" {
        readers, "READERS", 4, 1..=64, "SQLite: threads that read";
        connections, "CONNECTIONS", 8, 1..=128, "PostgreSQL: connections";
        queue, "QUEUE", 2_048, 16..=65_536, "operations that may wait; more are answered 503";
        batch, "BATCH", 256, 1..=4_096, "SQLite: changes in one commit";
        kept_sessions, "KEPT_SESSIONS", 100_000, 2..=100_000_000, "SQLite: sessions whose member is kept in memory, about 400 bytes each";
    }
}

const PLAIN_KEYS: &[(&str, &str, &str)] = &[
    ("READERSHIP_LISTEN", "127.0.0.1:8080", "address and port to answer on"),
    ("READERSHIP_URL", "", "public base URL of this service; every link in a mail starts with it (required)"),
    ("READERSHIP_SITE_URL", "= READERSHIP_URL", "home of the website; its origin may be returned to"),
    ("READERSHIP_SITE_ORIGINS", "", "further origins that may be returned to, separated by commas"),
    ("READERSHIP_SITE_TITLE", "host of the site", "name of the site in mails and pages; also the first newsletter's"),
    ("READERSHIP_SITE_DESCRIPTION", "", "one sentence about the site"),
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
    ("READERSHIP_TRUSTED_PROXIES", "", "networks (10.0.0.0/8, ::1) whose X-Forwarded-For counts, separated by commas"),
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
    pub support_email: Option<EmailAddress>,
    pub data_dir: PathBuf,
    pub database: DatabaseUrl,
    pub secret_key: Option<SecretKey>,
    pub smtp: Option<SmtpServer>,
    pub mail_from: Option<Sender>,
    pub trusted_proxies: Vec<Network>,
    pub metrics_listen: Option<SocketAddr>,
    pub log: String,
    pub log_json: bool,
    pub limits: Limits,
    pub lifetimes: Lifetimes,
    pub sending: Sending,
    pub http: Http,
    pub db: Database,
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
            support_email: None,
            data_dir,
            database,
            secret_key: None,
            smtp: None,
            mail_from: None,
            trusted_proxies: Vec::new(),
            metrics_listen: None,
            log: "info".to_owned(),
            log_json: false,
            limits: Limits::default(),
            lifetimes: Lifetimes::default(),
            sending: Sending::default(),
            http: Http::default(),
            db: Database::default(),
        }
    }

    /// Reads the environment and, where given, a TOML file with the same keys.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut source = Source::from_environment(std::env::vars());
        if let Some(path) = file {
            source.add_file(path);
        }
        Self::read(source)
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
        settings.trusted_proxies =
            source.list("READERSHIP_TRUSTED_PROXIES", "an address or a network, such as 10.0.0.0/8", |text| {
                text.parse().ok()
            });
        settings.metrics_listen = source.parsed("READERSHIP_METRICS_LISTEN", "an address and a port");
        if let Some(log) = source.text("READERSHIP_LOG") {
            settings.log = log;
        }
        settings.log_json = match source.text("READERSHIP_LOG_FORMAT").as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(_) => {
                source.complain("READERSHIP_LOG_FORMAT", "is text or json");
                false
            }
        };
        settings.limits = Limits::read(&mut source);
        settings.lifetimes = Lifetimes::read(&mut source);
        settings.sending = Sending::read(&mut source);
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
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct SettingsError(Vec<String>);

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

/// The raw texts, and what is wrong with them so far.
struct Source {
    values: BTreeMap<String, (String, String)>,
    wrong: Vec<String>,
}

impl Source {
    fn from_environment(variables: impl Iterator<Item = (String, String)>) -> Self {
        let values = variables
            .filter(|(name, _)| name.starts_with("READERSHIP_") || name == "DATABASE_URL")
            .map(|(name, value)| (name, (value, "environment".to_owned())))
            .collect();
        let mut source = Self { values, wrong: Vec::new() };
        source.refuse_unknown();
        source
    }

    fn add_file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.wrong.push(format!("{shown}: {error}")),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                return self.wrong.push(format!("{shown}: {}", error.to_string().trim_end()));
            }
        };
        for (name, value) in table {
            let line = text.lines().position(|line| line.trim_start().starts_with(&name)).map_or(0, |at| at + 1);
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
                    items.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                other => {
                    self.wrong.push(format!(
                        "{name} ({shown}, line {line}): expected text, a whole number or a list of texts, found {}",
                        other.type_str()
                    ));
                    continue;
                }
            };
            self.values.entry(name).or_insert((value, format!("{shown}, line {line}")));
        }
        self.refuse_unknown();
    }

    fn refuse_unknown(&mut self) {
        let known: Vec<Key> = keys();
        let unknown: Vec<String> =
            self.values.keys().filter(|name| !known.iter().any(|key| key.name == *name)).cloned().collect();
        for name in unknown {
            let nearest = known.iter().min_by_key(|key| distance(key.name, &name));
            let hint = nearest
                .filter(|key| distance(key.name, &name) <= 4)
                .map_or(String::new(), |key| format!("; did you mean {}?", key.name));
            self.complain(&name, &format!("is not a setting{hint}"));
            self.values.remove(&name);
        }
    }

    fn complain(&mut self, name: &str, what: &str) {
        let origin = self.values.get(name).map_or(String::new(), |(_, origin)| format!(" ({origin})"));
        self.wrong.push(format!("{name}{origin} {what}"));
    }

    fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The text of a key; one that is empty counts as not given.
    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|(value, _)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A text that appears in mail headers and pages: one line, at most 191 characters.
    fn line(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().any(char::is_control) || text.chars().count() > 191 {
            self.complain(name, "is one line of at most 191 characters");
            return None;
        }
        Some(text)
    }

    fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.complain(name, &format!("is {expected}"));
        }
        value
    }

    fn number(&mut self, name: &str, default: u64, least: u64, most: u64) -> u64 {
        let Some(text) = self.text(name) else {
            return default;
        };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.complain(name, &format!("is a whole number from {least} to {most}"));
                default
            }
        }
    }

    fn list<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.text(name).unwrap_or_default();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let mut list = Vec::new();
        for item in items {
            match parse(item) {
                Some(value) => list.push(value),
                None => self.complain(name, &format!("is a list of {expected}; it holds {item:?}")),
            }
        }
        list
    }

    fn base_url(&mut self, name: &str) -> Option<Url> {
        let text = self.text(name)?;
        let url = web_url(&text).filter(|url| url.query().is_none() && url.fragment().is_none());
        let Some(mut url) = url else {
            self.complain(name, "is an http or https address without user, query and fragment");
            return None;
        };
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Some(url)
    }

    fn database(&mut self, data_dir: &Path) -> DatabaseUrl {
        match self.text("DATABASE_URL") {
            None => DatabaseUrl::Sqlite(data_dir.join("readership.db")),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                DatabaseUrl::Postgres(url)
            }
            Some(url) if url.starts_with("sqlite:") => {
                let path = url.trim_start_matches("sqlite:");
                DatabaseUrl::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
            }
            Some(_) => {
                self.complain("DATABASE_URL", "starts with sqlite: or postgres://");
                DatabaseUrl::Sqlite(data_dir.join("readership.db"))
            }
        }
    }

    fn secret_key(&mut self) -> Option<SecretKey> {
        let text = self.text("READERSHIP_SECRET_KEY")?;
        let key = SecretKey::parse(&text, "READERSHIP_SECRET_KEY").ok();
        if key.is_none() {
            let example = BASE64.encode(&[0; 32]).len();
            self.complain(
                "READERSHIP_SECRET_KEY",
                &format!("is 32 bytes in base64 ({example} characters); `openssl rand -base64 32` makes one"),
            );
        }
        key
    }

    fn smtp(&mut self) -> Option<SmtpServer> {
        let text = self.text("READERSHIP_SMTP_URL")?;
        let authority = self.text("READERSHIP_SMTP_CA_FILE").map(PathBuf::from);
        match SmtpServer::parse(&text, authority.as_deref()) {
            Ok(server) => {
                if server.tls == TlsMode::None && !server.is_loopback() && !server.plain_allowed {
                    self.complain("READERSHIP_SMTP_URL", "would send passwords and mails without TLS; use smtps:// or smtp+starttls://, or add ?tls=off if you mean it");
                }
                Some(server)
            }
            Err(reason) => {
                self.complain("READERSHIP_SMTP_URL", &reason);
                None
            }
        }
    }

    fn finish(self) -> Result<(), SettingsError> {
        if self.wrong.is_empty() { Ok(()) } else { Err(SettingsError(self.wrong)) }
    }
}

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

/// Levenshtein's distance, for "did you mean".
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
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
