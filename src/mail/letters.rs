//! What each mail says. All mails have one form (`templates/mail/letter.*`): paragraphs, perhaps a
//! code, perhaps a button, paragraphs. The words come from `locales/`.

use url::Url;
use uuid::Uuid;

use crate::config::{Settings, UnsubscribePage};
use crate::members::address::{self, EmailAddress};
use crate::members::email_change::Change;
use crate::newsletters::{Newsletter, unsubscribing};
use crate::secrets::{SecretKey, Token};
use crate::signin::links::{LinkView, Purpose};
use crate::texts::{Language, Value};

/// A mail in words.
///
/// Nothing in a mail to an address that nobody has confirmed was written by whoever asked for it: a
/// first mail must not carry a stranger's words (`reliability.md` I4).
pub struct Letter {
    /// Names the mail in its Message-ID and in feedback loops.
    pub kind: &'static str,
    pub language: Language,
    pub subject: String,
    pub opening: Vec<String>,
    pub code: Option<String>,
    pub button: Option<Button>,
    pub closing: Vec<String>,
    /// The mailing list it belongs to. Every mail that is not about what its reader just did has one.
    pub list: Option<List>,
}

/// What mail programs must know of a mailing list (RFC 2919, RFC 8058).
pub struct List {
    /// `Name <slug.host of the site>`
    pub id: String,
    /// Ends it by a POST, without a page and without signing in.
    pub one_click: String,
    /// A page that asks, for the reader's eyes.
    pub page: String,
    /// Who its mails come from, and where answers go, if it is otherwise than with all mails.
    pub sender_name: Option<String>,
    pub reply_to: Option<String>,
}

pub struct Button {
    pub label: String,
    pub url: String,
}

/// Fills texts in one language; `{ $site }` is always there.
pub(super) struct Words<'a> {
    pub(super) language: Language,
    pub(super) settings: &'a Settings,
}

impl Words<'_> {
    pub(super) fn t(&self, key: &str) -> String {
        self.fill(key, &[])
    }

    pub(super) fn fill(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let mut all: Vec<(&str, Value<'_>)> = vec![("site", (&self.settings.site_title).into())];
        all.extend_from_slice(values);
        self.language.fill(key, &all)
    }

    /// Whom to write to, if the settings say so.
    pub(super) fn questions(&self) -> Option<String> {
        let support = self.settings.support_email.as_ref().map(EmailAddress::as_given)?;
        Some(self.fill("mail-questions", &[("address", (&support).into())]))
    }
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

/// The mail of a link, with its code where one was asked for.
pub fn link(settings: &Settings, link: &LinkView, token: &Token, code: Option<String>) -> Letter {
    let words = Words { language: link.language, settings };
    let language = link.language;
    let url = link_url(settings, token, link.purpose, link.return_to.as_deref()).to_string();
    let (subject, opening, button) = match link.purpose {
        Purpose::SignIn => match &code {
            // With the code in the subject it can be read from a locked screen, as people like to.
            Some(code) => (
                words.fill("mail-signin-code-subject", &[("code", code.into())]),
                words.t("mail-signin"),
                words.t("mail-signin.button"),
            ),
            None => (words.t("mail-signin.subject"), words.t("mail-signin"), words.t("mail-signin.button")),
        },
        Purpose::SignUp => (words.t("mail-signup.subject"), words.t("mail-signup"), words.t("mail-signup.button")),
        Purpose::Subscribe => {
            (words.t("mail-subscribe.subject"), words.t("mail-subscribe"), words.t("mail-subscribe.button"))
        }
        Purpose::UpdateEmail => {
            (words.t("mail-new-address.subject"), words.t("mail-new-address"), words.t("mail-new-address.button"))
        }
        Purpose::ApproveEmailUpdate => {
            let new = link.new_email.as_ref().map(EmailAddress::masked).unwrap_or_default();
            (
                words.t("mail-approve-address.subject"),
                words.fill("mail-approve-address", &[("address", (&new).into())]),
                words.t("mail-approve-address.button"),
            )
        }
    };
    let (life, moment) = (language.length(link.expires_at.since(link.asked_at)), language.moment(link.asked_at));
    let mut closing = vec![words.fill("mail-link-life", &[("life", (&life).into())])];
    closing.push(match link.agent.as_deref().map(|browser| language.browser(browser)) {
        Some(browser) => words.fill("mail-asked-with", &[("moment", (&moment).into()), ("browser", (&browser).into())]),
        None => words.fill("mail-asked", &[("moment", (&moment).into())]),
    });
    closing.push(words.t("mail-ignore"));
    closing.extend(words.questions());
    Letter {
        kind: link.purpose.as_str(),
        language,
        subject,
        opening: vec![opening],
        code,
        button: Some(Button { label: button, url }),
        closing,
        list: None,
    }
}

/// To the old address of a member who moved to another one.
pub fn address_changed(settings: &Settings, language: Language, change: &Change, undo: &Token) -> Letter {
    let words = Words { language, settings };
    let mut url = settings.link("members/undo/");
    url.query_pairs_mut().append_pair("change", &change.id.to_string()).append_pair("key", undo.reveal());
    let (new, moment, until) =
        (address::masked(&change.to_email), language.moment(change.changed_at), language.moment(change.undo_until));
    let mut closing = vec![words.fill("mail-address-changed-until", &[("moment", (&until).into())])];
    closing.extend(words.questions());
    Letter {
        kind: "address-changed",
        language,
        subject: words.t("mail-address-changed.subject"),
        opening: vec![words.fill("mail-address-changed", &[("moment", (&moment).into()), ("address", (&new).into())])],
        code: None,
        button: Some(Button { label: words.t("mail-address-changed.button"), url: url.into() }),
        closing,
        list: None,
    }
}

/// To a member whose address somebody else wanted to move to.
pub fn address_taken(settings: &Settings, language: Language) -> Letter {
    let words = Words { language, settings };
    Letter {
        kind: "address-taken",
        language,
        subject: words.t("mail-address-taken.subject"),
        opening: vec![words.t("mail-address-taken")],
        code: None,
        button: None,
        closing: words.questions().into_iter().collect(),
        list: None,
    }
}

/// To somebody who joined newsletters just now.
pub fn welcome(
    settings: &Settings,
    language: Language,
    key: &SecretKey,
    member: Uuid,
    newsletters: &[Newsletter],
) -> Letter {
    let words = Words { language, settings };
    let names = newsletters.iter().map(|list| list.name.as_str()).collect::<Vec<_>>().join(", ");
    Letter {
        kind: "welcome",
        language,
        subject: words.t("mail-welcome.subject"),
        opening: vec![words.fill("mail-welcome", &[("names", (&names).into())])],
        code: None,
        button: Some(Button { label: words.t("mail-welcome.button"), url: settings.site_url.to_string() }),
        closing: words.questions().into_iter().collect(),
        list: Some(list(settings, key, member, newsletters)),
    }
}

/// The list of a mail: the one newsletter it is about, or all of them together.
fn list(settings: &Settings, key: &SecretKey, member: Uuid, newsletters: &[Newsletter]) -> List {
    let host = settings.site_url.host_str().unwrap_or("localhost");
    let (id, uuid) = match newsletters {
        [only] => (format!("{} <{}.{host}>", only.name, only.slug), Some(only.uuid)),
        _ => (format!("{} <newsletters.{host}>", settings.site_title), None),
    };
    let one_click = unsubscribing::url(&settings.url, key, member, uuid);
    let page = match settings.unsubscribe_page {
        UnsubscribePage::Hosted => one_click.clone(),
        // The widget asks for every list with the key it is given.
        UnsubscribePage::Site => {
            let everything = unsubscribing::url(&settings.url, key, member, None);
            uuid.map_or(everything.clone(), |uuid| format!("{everything}&newsletter={uuid}"))
        }
    };
    List { sender_name: None, reply_to: None, id, one_click, page }
}
