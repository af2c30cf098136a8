//! Mails to whoever runs the site. Like the pages of staff they are in English.

use super::letters::{Button, Letter, Words};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::secrets::Token;
use crate::staff::links::{Link, Purpose};
use crate::staff::notices::Notice;
use crate::texts::Language;

fn letter(
    settings: &Settings,
    kind: &'static str,
    subject: String,
    opening: Vec<String>,
    button: Option<Button>,
) -> Letter {
    let words = Words { language: Language::English, settings };
    Letter {
        kind,
        language: Language::English,
        subject,
        opening,
        code: None,
        button,
        closing: words.questions().into_iter().collect(),
        list: None,
    }
}

/// `{url}admin/join/?token=…`, or `admin/reset/`.
pub fn url(settings: &Settings, purpose: Purpose, token: &Token) -> String {
    let path = match purpose {
        Purpose::First | Purpose::Invitation => "admin/join/",
        Purpose::Reset => "admin/reset/",
    };
    let mut url = settings.link(path);
    url.query_pairs_mut().append_pair("token", token.reveal());
    url.into()
}

/// An invitation, or a link to another password.
pub fn link(settings: &Settings, link: &Link, token: &Token) -> Letter {
    let (site, until) = (&settings.site_title, Language::English.moment(link.expires_at));
    let url = url(settings, link.purpose, token);
    match link.purpose {
        Purpose::First | Purpose::Invitation => {
            let role = link.role.map(|role| role.to_string()).unwrap_or_default();
            let by = link.made_by.as_deref().unwrap_or("Somebody");
            letter(
                settings,
                "staff-invitation",
                format!("You are invited to help run {site}"),
                vec![format!(
                    "{by} invites you to help run {site}, with the role “{role}”. The link below makes your account. It works once, until {until}."
                )],
                Some(Button { label: "Make my account".to_owned(), url }),
            )
        }
        Purpose::Reset => letter(
            settings,
            "staff-reset",
            format!("Another password for {site}"),
            vec![
                format!(
                    "The link below gives your account at {site} another password. It works once, until {until}. A second factor is still asked for afterwards."
                ),
                "If you did not ask for this, nothing happens: leave this mail alone.".to_owned(),
            ],
            Some(Button { label: "Choose a password".to_owned(), url }),
        ),
    }
}

/// Something that happened to an account.
pub fn notice(settings: &Settings, notice: &Notice, at: Timestamp, name: &str) -> Letter {
    let (site, moment) = (&settings.site_title, Language::English.moment(at));
    let account = Some(Button { label: "Look at my account".to_owned(), url: settings.link("admin/account/").into() });
    let end = "If this was not you, sign out all other devices there, choose another password, and tell the owner of the site.";
    match notice {
        Notice::NewDevice { browser, client } => {
            let browser =
                browser.as_deref().map_or_else(|| "a browser".to_owned(), |name| Language::English.browser(name));
            letter(
                settings,
                "staff-new-device",
                format!("New sign-in to {site}"),
                vec![
                    format!(
                        "{name}, your account was signed in to on {moment} with {browser}, from the network {client}. That browser or network was not seen before."
                    ),
                    end.to_owned(),
                ],
                account,
            )
        }
        Notice::PasswordChanged { client } => letter(
            settings,
            "staff-password",
            format!("Your password at {site} was changed"),
            vec![
                format!(
                    "{name}, your password was changed on {moment}, from the network {client}. Every other device was signed out."
                ),
                end.to_owned(),
            ],
            account,
        ),
        Notice::SecondFactorOff { client } => letter(
            settings,
            "staff-second-factor",
            format!("Your second factor at {site} was turned off"),
            vec![
                format!(
                    "{name}, the second factor of your account was turned off on {moment}, from the network {client}."
                ),
                end.to_owned(),
            ],
            account,
        ),
        Notice::Closed => letter(
            settings,
            "staff-closed",
            format!("Your account at {site} is closed to passwords"),
            vec![format!(
                "{name}, too many wrong passwords in a row were tried at your account. Devices that are signed in stay so. For signing in anew, use the link in the mail that comes with this one."
            )],
            None,
        ),
        Notice::Test => letter(
            settings,
            "staff-test",
            format!("Test mail from {site}"),
            vec![format!(
                "This mail was asked for on {moment} from the pages of staff. That you read it means that {site} can send mail to you."
            )],
            None,
        ),
    }
}
