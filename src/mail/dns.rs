//! What the world must know of the sender: SPF, DKIM, DMARC, and the name of the mail server's address.
//! Each gap is told with the very record to add (`reliability.md` M18).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;

use super::dkim::Key;
use crate::config::Settings;
use crate::findings::Finding;

/// Something that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// `SPF`, `DKIM`, `DMARC` or `PTR`.
    pub what: &'static str,
    pub finding: Finding,
    /// The record to add: its name and its text.
    pub record: Option<(String, String)>,
}

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

fn resolver(at: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match at {
        Some(at) => {
            let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
            (udp.port, tcp.port) = (at.port(), at.port());
            let server = NameServerConfig::new(at.ip(), true, vec![udp, tcp]);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()?,
    };
    builder.options_mut().timeout = PATIENCE;
    builder.options_mut().attempts = 1;
    builder.build()
}

/// The texts under a name; none when there is no such name.
async fn texts(resolver: &TokioResolver, name: &str) -> Result<Vec<String>, NetError> {
    match resolver.txt_lookup(format!("{name}.")).await {
        Ok(found) => Ok(found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::TXT(text) => Some(text.txt_data.concat()),
                _ => None,
            })
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Looks everything up. `keys`: those that mails are signed with, or are to be.
pub async fn check(settings: &Settings, keys: &[Key]) -> Vec<Checked> {
    let Some(domain) = settings.mail_from.as_ref().map(|from| from.address.domain().to_owned()) else {
        return vec![Checked { what: "SPF", finding: Finding::Fault("No sender is set.".to_owned()), record: None }];
    };
    let resolver = match resolver(settings.dns_resolver) {
        Ok(resolver) => resolver,
        Err(error) => {
            let finding = Finding::Fault(format!("No resolver can be used: {error}"));
            return vec![Checked { what: "DNS", finding, record: None }];
        }
    };
    let server = settings.smtp.as_ref().map(|server| server.host.clone());
    let mut all = vec![spf(&resolver, &domain, server.as_deref()).await];
    if keys.is_empty() {
        let advice = "Mails are not signed here. Make a key above, unless your mail service signs them.".to_owned();
        all.push(Checked { what: "DKIM", finding: Finding::Advice(advice), record: None });
    }
    for key in keys {
        all.push(dkim(&resolver, key).await);
    }
    all.push(dmarc(&resolver, &domain).await);
    if let Some(server) = server {
        all.push(ptr(&resolver, &server).await);
    }
    all
}

fn unanswered(what: &'static str, error: &NetError) -> Checked {
    Checked { what, finding: Finding::Fault(format!("The resolver did not answer: {error}")), record: None }
}

async fn spf(resolver: &TokioResolver, domain: &str, server: Option<&str>) -> Checked {
    let what = "SPF";
    let found = match texts(resolver, domain).await {
        Ok(found) => found,
        Err(error) => return unanswered(what, &error),
    };
    let spf: Vec<&String> = found.iter().filter(|text| text.starts_with("v=spf1")).collect();
    match spf.as_slice() {
        [] => {
            let allowed = server.map_or_else(|| "mx".to_owned(), |server| format!("a:{server}"));
            Checked {
                what,
                finding: Finding::Fault(format!(
                    "{domain} does not say which servers may send its mails. Add this; where a mail service sends, put the “include:” that it names in the place of “{allowed}”."
                )),
                record: Some((domain.to_owned(), format!("v=spf1 {allowed} ~all"))),
            }
        }
        [one] if one.contains("+all") => Checked {
            what,
            finding: Finding::Fault(format!("{domain} lets every server of the world send its mails: “{one}”.")),
            record: None,
        },
        [one] => Checked { what, finding: Finding::Good(format!("{domain} says “{one}”")), record: None },
        several => Checked {
            what,
            finding: Finding::Fault(format!(
                "{domain} has {} SPF records, and may have one: join them.",
                several.len()
            )),
            record: None,
        },
    }
}

async fn dkim(resolver: &TokioResolver, key: &Key) -> Checked {
    let (what, name, wanted) = ("DKIM", key.name(), key.record());
    let found = match texts(resolver, &name).await {
        Ok(found) => found,
        Err(error) => return unanswered(what, &error),
    };
    let public = |text: &str| {
        let tags = text.split(';').filter_map(|tag| tag.trim().strip_prefix("p="));
        tags.map(|value| value.chars().filter(|c| !c.is_whitespace()).collect::<String>()).next()
    };
    let record = Some((name.clone(), wanted));
    let used = if key.used_since.is_some() { "mails are signed with it" } else { "it can be used now" };
    match found.first().map(|text| public(text)) {
        Some(Some(there)) if there == key.public_key => Checked {
            what,
            finding: Finding::Good(format!("The record of {} is there; {used}.", key.selector)),
            record: None,
        },
        Some(_) => Checked {
            what,
            finding: Finding::Fault(format!("{name} holds another key. Put this in its place.")),
            record,
        },
        None if key.used_since.is_some() => Checked {
            what,
            finding: Finding::Fault(format!(
                "Mails are signed with {}, and nobody can look it up. Add this.",
                key.selector
            )),
            record,
        },
        None => Checked {
            what,
            finding: Finding::Advice(format!("{} is not used yet. Add this first.", key.selector)),
            record,
        },
    }
}

async fn dmarc(resolver: &TokioResolver, domain: &str) -> Checked {
    let what = "DMARC";
    let name = format!("_dmarc.{domain}");
    let found = match texts(resolver, &name).await {
        Ok(found) => found,
        Err(error) => return unanswered(what, &error),
    };
    match found.iter().find(|text| text.starts_with("v=DMARC1")) {
        Some(text) => Checked { what, finding: Finding::Good(format!("{domain} says “{text}”")), record: None },
        None => Checked {
            what,
            finding: Finding::Fault(format!(
                "{domain} does not say what is to become of mails that only pretend to come from it. Large mailbox providers ask for it. Add this, and make it stricter once the reports are good."
            )),
            record: Some((name, format!("v=DMARC1; p=none; rua=mailto:postmaster@{domain}"))),
        },
    }
}

/// The mail server's address must have a name, and the name that address.
async fn ptr(resolver: &TokioResolver, server: &str) -> Checked {
    let what = "PTR";
    let addresses: Vec<IpAddr> = match server.parse() {
        Ok(address) => vec![address],
        Err(_) => match resolver.lookup_ip(format!("{server}.")).await {
            Ok(found) => found.iter().collect(),
            Err(error) if error.is_no_records_found() => Vec::new(),
            Err(error) => return unanswered(what, &error),
        },
    };
    let Some(address) = addresses.first().copied() else {
        return Checked {
            what,
            finding: Finding::Fault(format!("The mail server {server} has no address.")),
            record: None,
        };
    };
    if address.is_loopback() {
        let advice = "The mail server runs on this machine: the address that it sends from is not known here. See to its PTR record yourself.";
        return Checked { what, finding: Finding::Advice(advice.to_owned()), record: None };
    }
    let names: Vec<String> = match resolver.reverse_lookup(address).await {
        Ok(found) => found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::PTR(name) => Some(name.0.to_utf8()),
                _ => None,
            })
            .collect(),
        Err(error) if error.is_no_records_found() => Vec::new(),
        Err(error) => return unanswered(what, &error),
    };
    for name in &names {
        if resolver.lookup_ip(name.as_str()).await.is_ok_and(|back| back.iter().any(|there| there == address)) {
            return Checked {
                what,
                finding: Finding::Good(format!("{address} is called {name}, and the name leads back")),
                record: None,
            };
        }
    }
    Checked {
        what,
        finding: Finding::Advice(format!(
            "{address} of {server} has no name that leads back to it. Whoever runs that server adds a PTR record; of a mail service it is theirs to do."
        )),
        record: None,
    }
}
