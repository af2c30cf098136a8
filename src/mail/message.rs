//! Making the bytes of a mail: text and HTML from one template, headers of `reliability.md` §3.1.

use std::time::SystemTime;

use askama::Template;
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use super::letters::Letter;
use super::outbox::Claimed;
use crate::config::Settings;
use crate::members::address::EmailAddress;

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
#[template(path = "mail/letter.html")]
struct Html<'a> {
    letter: &'a Letter,
    site_title: &'a str,
    site_url: &'a str,
    copy_hint: &'a str,
    code_hint: &'a str,
    unsubscribe: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a> {
    letter: &'a Letter,
    site_title: &'a str,
    site_url: &'a str,
    code_hint: &'a str,
    unsubscribe: &'a str,
}

/// Makes a mail. Its Message-ID is the outbox row's and stays the same on every try.
pub fn compose(settings: &Settings, mail: &Claimed, letter: &Letter) -> Result<Outgoing, Unsendable> {
    let broken = |error: askama::Error| Unsendable(error.to_string());
    let (site_title, site_url) = (settings.site_title.as_str(), settings.site_url.as_str());
    let code_hint = letter.language.text("mail-code");
    let copy_hint = letter.language.text("mail-copy");
    let unsubscribe = letter.language.text("unsubscribe");
    let text = Text { letter, site_title, site_url, code_hint: &code_hint, unsubscribe: &unsubscribe }
        .render()
        .map_err(broken)?;
    let html =
        Html { letter, site_title, site_url, copy_hint: &copy_hint, code_hint: &code_hint, unsubscribe: &unsubscribe }
            .render()
            .map_err(broken)?;

    let sender = settings.mail_from.as_ref().ok_or_else(|| Unsendable("no sender is set".to_owned()))?;
    let from = address(&sender.address)?;
    let to: Address = mail.recipient.parse().map_err(|_| Unsendable("the recipient is no address".to_owned()))?;
    let list = letter.list.as_ref();
    let own_name = list.and_then(|list| list.sender_name.clone());
    let name = own_name.or_else(|| sender.name.clone()).unwrap_or_else(|| settings.site_title.clone());
    let own_reply_to = list.and_then(|list| list.reply_to.as_deref()).and_then(|text| text.parse().ok());
    let reply_to = match own_reply_to {
        Some(own) => Some(own),
        None => settings.support_email.as_ref().map(address).transpose()?,
    };

    let mut builder = lettre::Message::builder()
        .from(Mailbox::new(Some(one_line(&name)), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&letter.subject))
        .date(SystemTime::from(mail.created_at))
        .message_id(Some(format!("<{}.{}@{}>", mail.id, letter.kind, sender.address.domain())));
    if let Some(reply_to) = reply_to {
        builder = builder.reply_to(Mailbox::new(None, reply_to));
    }
    let parts = MultiPart::alternative()
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(html));
    let mut message = builder.multipart(parts).map_err(|error| Unsendable(error.to_string()))?;
    let mut headers = vec![
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("Content-Language", letter.language.tag().to_owned()),
        ("Feedback-ID", format!("{}:{}", letter.kind, sender.address.domain())),
    ];
    if let Some(list) = &letter.list {
        headers.push(("List-Id", one_line(&list.id)));
        headers.push(("List-Unsubscribe", format!("<{}>", list.one_click)));
        headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
    for (name, value) in headers {
        message.headers_mut().insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    Ok(Outgoing { from, to, bytes: message.formatted() })
}

fn address(address: &EmailAddress) -> Result<Address, Unsendable> {
    address.as_given().parse().map_err(|_| Unsendable("the sender is no address".to_owned()))
}

/// lettre panics on CR, LF and NUL in a display name; settings refuse them, and nothing else may
/// bring one here.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
