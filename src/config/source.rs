//! Where settings come from: the environment and a TOML file, read into texts, with everything that
//! is wrong collected on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use data_encoding::BASE64;
use url::Url;

use super::{DatabaseUrl, Key, SettingsError, keys, web_url};
use crate::mail::smtp::{SmtpServer, TlsMode};
use crate::secrets::SecretKey;

/// The raw texts, and what is wrong with them so far.
pub(super) struct Source {
    values: BTreeMap<String, (String, String)>,
    pub(super) wrong: Vec<String>,
}

impl Source {
    pub(super) fn from_environment(variables: impl Iterator<Item = (String, String)>) -> Self {
        let values = variables
            .filter(|(name, _)| name.starts_with("READERSHIP_") || name == "DATABASE_URL")
            .map(|(name, value)| (name, (value, "environment".to_owned())))
            .collect();
        let mut source = Self { values, wrong: Vec::new() };
        source.refuse_unknown();
        source
    }

    pub(super) fn add_file(&mut self, path: &Path) {
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

    /// What was changed in the pages of staff, below everything else. Returns the keys that stand in the
    /// environment or the file.
    pub(super) fn add_stored(&mut self, stored: &BTreeMap<String, String>) -> BTreeSet<String> {
        let fixed = self.values.keys().cloned().collect();
        for (name, value) in stored {
            self.values.entry(name.clone()).or_insert((value.clone(), "changed in the pages".to_owned()));
        }
        self.refuse_unknown();
        fixed
    }

    /// Every text that is given, by its key.
    pub(super) fn given(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    }

    pub(super) fn refuse_unknown(&mut self) {
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

    pub(super) fn complain(&mut self, name: &str, what: &str) {
        let origin = self.values.get(name).map_or(String::new(), |(_, origin)| format!(" ({origin})"));
        self.wrong.push(format!("{name}{origin} {what}"));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The text of a key; one that is empty counts as not given.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|(value, _)| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A text that appears in mail headers and pages: one line, at most 191 characters.
    pub(super) fn line(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().any(char::is_control) || text.chars().count() > 191 {
            self.complain(name, "is one line of at most 191 characters");
            return None;
        }
        Some(text)
    }

    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.complain(name, &format!("is {expected}"));
        }
        value
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, name: &str, choice: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let chosen = choice.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            let words: Vec<&str> = choice.iter().map(|(word, _)| *word).collect();
            self.complain(name, &format!("is {}", words.join(" or ")));
        }
        chosen
    }

    pub(super) fn number(&mut self, name: &str, default: u64, least: u64, most: u64) -> u64 {
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

    pub(super) fn list<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
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

    pub(super) fn base_url(&mut self, name: &str) -> Option<Url> {
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

    pub(super) fn database(&mut self, data_dir: &Path) -> DatabaseUrl {
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

    pub(super) fn secret_key(&mut self) -> Option<SecretKey> {
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

    pub(super) fn smtp(&mut self) -> Option<SmtpServer> {
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

    pub(super) fn finish(self) -> Result<(), SettingsError> {
        if self.wrong.is_empty() { Ok(()) } else { Err(SettingsError(self.wrong)) }
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
