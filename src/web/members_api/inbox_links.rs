//! Where the mail that was just asked for can be read (protocol B.3), told from the domain alone: no
//! lookup, and the same for known and unknown addresses.

use serde::Serialize;
use url::Url;

use crate::config::Sender;
use crate::members::address::EmailAddress;

/// Links into somebody's mailbox.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct InboxLinks {
    pub desktop: String,
    pub android: String,
    pub provider: &'static str,
}

/// A provider: its domains, its Android app.
struct Provider {
    name: &'static str,
    domains: &'static [&'static str],
    package: &'static str,
}

const PROVIDERS: [Provider; 8] = [
    Provider { name: "gmail", domains: &["gmail.com", "googlemail.com"], package: "com.google.android.gm" },
    Provider {
        name: "yahoo",
        domains: &["yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.es", "ymail.com", "rocketmail.com"],
        package: "com.yahoo.mobile.client.android.mail",
    },
    Provider {
        name: "outlook",
        domains: &["outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk", "outlook.de", "hotmail.fr"],
        package: "com.microsoft.office.outlook",
    },
    Provider { name: "proton", domains: &["proton.me", "protonmail.com", "pm.me"], package: "ch.protonmail.android" },
    Provider { name: "icloud", domains: &["icloud.com", "me.com", "mac.com"], package: "com.apple.mail" },
    Provider { name: "hey", domains: &["hey.com"], package: "com.basecamp.hey" },
    Provider { name: "aol", domains: &["aol.com"], package: "com.aol.mobile.aolapp" },
    Provider { name: "mailru", domains: &["mail.ru", "inbox.ru", "list.ru", "bk.ru"], package: "ru.mail.mailapp" },
];

pub fn of(email: &EmailAddress, sender: Option<&Sender>) -> Option<InboxLinks> {
    let provider = PROVIDERS.iter().find(|provider| provider.domains.contains(&email.domain()))?;
    let from = sender.map(|sender| sender.address.as_given()).unwrap_or_default();
    let desktop = desktop(provider.name, &email.as_given(), &from)?;
    let fallback: String = url::form_urlencoded::byte_serialize(desktop.as_bytes()).collect();
    let android = format!(
        "intent:#Intent;action=android.intent.action.MAIN;category=android.intent.category.LAUNCHER;\
         launchFlags=0x10000000;package={};S.browser_fallback_url={fallback};end",
        provider.package
    );
    Some(InboxLinks { desktop, android, provider: provider.name })
}

/// The mailbox in a browser, where the provider allows looking at the mails of one sender only.
fn desktop(provider: &str, email: &str, from: &str) -> Option<String> {
    let with = |base: &str, name: &str, value: &str| {
        let mut url = Url::parse(base).ok()?;
        url.query_pairs_mut().append_pair(name, value);
        Some(url)
    };
    let url = match provider {
        "gmail" => {
            let mut url = with("https://mail.google.com/mail/u/0/", "authuser", email)?;
            let search: String =
                url::form_urlencoded::byte_serialize(format!("from:({from}) in:anywhere newer_than:1h").as_bytes())
                    .collect();
            url.set_fragment(Some(&format!("search/{search}")));
            url
        }
        "outlook" => with("https://outlook.live.com/mail/", "login_hint", email)?,
        "yahoo" => with("https://mail.yahoo.com/d/search/", "keyword", from)?,
        "proton" => Url::parse(&format!("https://mail.proton.me/u/0/all-mail#from={from}")).ok()?,
        "icloud" => Url::parse("https://www.icloud.com/mail").ok()?,
        "hey" => Url::parse("https://app.hey.com/topics/everything").ok()?,
        "aol" => Url::parse("https://mail.aol.com/").ok()?,
        "mailru" => with("https://e.mail.ru/search/", "q_from", from)?,
        _ => return None,
    };
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(email: &str) -> Option<InboxLinks> {
        let sender: Sender = "REX Wire <wire@rexwire.test>".parse().unwrap();
        of(&EmailAddress::parse(email).unwrap(), Some(&sender))
    }

    #[test]
    fn well_known_mailboxes_have_links() {
        let gmail = links("ada.l@gmail.com").unwrap();
        assert_eq!(gmail.provider, "gmail");
        assert_eq!(
            gmail.desktop,
            "https://mail.google.com/mail/u/0/?authuser=ada.l%40gmail.com#search/from%3A%28wire%40rexwire.test%29+in%3Aanywhere+newer_than%3A1h"
        );
        assert!(gmail.android.starts_with("intent:#Intent;") && gmail.android.ends_with(";end"));
        for provider in &PROVIDERS {
            for domain in provider.domains {
                assert_eq!(links(&format!("a@{domain}")).unwrap().provider, provider.name);
            }
        }
        assert_eq!(links("ada@example.org"), None);
    }
}
