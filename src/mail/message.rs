//! Making a mail: text and HTML from templates, headers of `reliability.md` §3.1.

use std::time::SystemTime;

use askama::Template;
use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use url::Url;

use super::outbox::Claimed;
use crate::config::Settings;
use crate::members::address::EmailAddress;
use crate::secrets::Token;
use crate::signin::links::{LinkView, Purpose};

/// A mail, ready for the wire.
pub struct Outgoing {
    pub from: Address,
    pub to: Address,
    pub bytes: Vec<u8>,
}

impl Outgoing {
    pub fn envelope(&self) -> Result<Envelope, Unsendable> {
        Envelope::new(Some(self.from.clone()), vec![self.to.clone()]).map_err(|error| Unsendable(error.to_string()))
    }
}

/// A mail that could not be made; trying again would not help.
#[derive(Debug, thiserror::Error)]
#[error("the mail could not be made: {0}")]
pub struct Unsendable(String);

#[derive(Template)]
#[template(path = "mail/link.html")]
struct LinkHtml<'a> {
    mail: &'a LinkMail<'a>,
}

#[derive(Template)]
#[template(path = "mail/link.txt")]
struct LinkText<'a> {
    mail: &'a LinkMail<'a>,
}

#[derive(Template)]
#[template(path = "mail/link.subject.txt")]
struct LinkSubject<'a> {
    mail: &'a LinkMail<'a>,
}

/// What the templates of a link's mail may say. Nothing of it was written by whoever asked: the
/// first mail to an address must not carry a stranger's words (I4).
struct LinkMail<'a> {
    purpose: Purpose,
    site_title: &'a str,
    site_url: &'a str,
    url: &'a str,
    agent: Option<&'a str>,
    asked_at: &'a str,
    good_for: &'a str,
    support: Option<&'a str>,
}

/// `{url}members/?token=…&action=…[&r=…]`, always on the public address (T13).
pub fn link_url(settings: &Settings, token: &Token, purpose: Purpose, return_to: Option<&str>) -> Url {
    let mut url = settings.link("members/");
    url.query_pairs_mut().append_pair("token", token.reveal()).append_pair("action", purpose.as_str());
    if let Some(return_to) = return_to {
        url.query_pairs_mut().append_pair("r", return_to);
    }
    url
}

/// Makes the mail of a link. Its Message-ID is the outbox row's and stays the same on every try.
pub fn link_mail(settings: &Settings, mail: &Claimed, link: &LinkView, token: &Token) -> Result<Outgoing, Unsendable> {
    let url = link_url(settings, token, link.purpose, link.return_to.as_deref());
    let support = settings.support_email.as_ref().map(EmailAddress::as_given);
    let words = LinkMail {
        purpose: link.purpose,
        site_title: &settings.site_title,
        site_url: settings.site_url.as_str(),
        url: url.as_str(),
        agent: link.agent.as_deref(),
        asked_at: &link.asked_at.for_people(),
        good_for: &duration_for_people(link.expires_at.since(link.asked_at).as_secs()),
        support: support.as_deref(),
    };
    let broken = |error: askama::Error| Unsendable(error.to_string());
    let subject = LinkSubject { mail: &words }.render().map_err(broken)?;
    let text = LinkText { mail: &words }.render().map_err(broken)?;
    let html = LinkHtml { mail: &words }.render().map_err(broken)?;
    build(settings, mail, link.purpose.as_str(), subject.trim(), text, html)
}

fn duration_for_people(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..7_200 => (seconds / 60, "minute"),
        _ => (seconds / 3_600, "hour"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn build(
    settings: &Settings,
    mail: &Claimed,
    kind: &str,
    subject: &str,
    text: String,
    html: String,
) -> Result<Outgoing, Unsendable> {
    let sender = settings.mail_from.as_ref().ok_or_else(|| Unsendable("no sender is set".to_owned()))?;
    let from = address(&sender.address)?;
    let to: Address = mail.recipient.parse().map_err(|_| Unsendable("the recipient is no address".to_owned()))?;
    let name = sender.name.clone().unwrap_or_else(|| settings.site_title.clone());
    let reply_to = settings.support_email.as_ref().map(address).transpose()?;

    let mut builder = lettre::Message::builder()
        .from(Mailbox::new(Some(one_line(&name)), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(subject))
        .date(SystemTime::from(mail.created_at))
        .message_id(Some(message_id(mail, kind, &sender.address)));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(Mailbox::new(None, reply_to));
    }
    let mut message = builder
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(|error| Unsendable(error.to_string()))?;
    for (name, value) in [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("Feedback-ID", format!("{kind}:{}", sender.address.domain())),
    ] {
        message.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    Ok(Outgoing { from, to, bytes: message.formatted() })
}

/// `<id.kind@domain of the sender>`: the same on every try, and never the machine's name.
fn message_id(mail: &Claimed, kind: &str, sender: &EmailAddress) -> String {
    format!("<{}.{kind}@{}>", mail.id, sender.domain())
}

fn address(address: &EmailAddress) -> Result<Address, Unsendable> {
    address.as_given().parse().map_err(|_| Unsendable("the sender is no address".to_owned()))
}

/// lettre panics on CR, LF and NUL in a display name; settings refuse them, and nothing else may
/// bring one here.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration_for_people(3_600), "60 minutes");
        assert_eq!(duration_for_people(60), "1 minute");
        assert_eq!(duration_for_people(86_400), "24 hours");
    }
}
