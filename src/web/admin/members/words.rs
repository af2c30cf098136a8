//! What happened to a member, in words.

use crate::members::profile::{MailSent, Moment, What};

/// A line of the timeline.
pub fn of(moment: &Moment) -> String {
    match &moment.what {
        What::Event(kind, list) => event(kind, list.as_deref()),
        What::Mail(mail) => mail_line(mail),
        What::Paid(payment) => {
            let mut line = format!("Paid {}", payment.paid());
            if payment.refunded_minor > 0 {
                line += &format!(", of which {} was given back", payment.refunded());
            }
            if payment.is_disputed {
                line += "; the payer's bank disputes it";
            }
            line
        }
        What::Told(kind) => format!("Was to be told by mail: {}", notice(kind)),
        What::Moved { from, to } => format!("Moved from {from} to {to}"),
        What::Noted(note) => format!("{} noted: {}", note.author, note.text),
    }
}

fn event(kind: &str, list: Option<&str>) -> String {
    let list = list.unwrap_or("a newsletter that is gone");
    match kind {
        "signed_up" => "Became a member".to_owned(),
        "imported" => "Was brought in from a file".to_owned(),
        "signed_in" => "Signed in".to_owned(),
        "signed_out" => "Signed out".to_owned(),
        "signed_out_everywhere" => "Was signed out everywhere".to_owned(),
        "signed_out_elsewhere" => "Signed out all other devices".to_owned(),
        "subscribed" => format!("Subscribed to {list}"),
        "unsubscribed" => format!("Unsubscribed from {list}"),
        "email_changed" => "Has another address".to_owned(),
        "email_change_undone" => "Went back to the address before".to_owned(),
        "asked_to_leave" => "Account to be erased".to_owned(),
        "stayed" => "Account stays after all".to_owned(),
        "became_paid" => "Pays".to_owned(),
        "became_comped" => "Reads free of charge".to_owned(),
        "became_free" => "Pays no more".to_owned(),
        other => other.replace('_', " "),
    }
}

/// What a mail was.
pub fn mail_kind(kind: &str) -> &'static str {
    match kind {
        "link" => "link to sign in or confirm",
        "address_changed" => "notice that the address changed",
        "address_taken" => "notice that somebody wanted this address",
        "welcome" => "welcome to newsletters",
        "billing" => "about a plan or a payment",
        "staff_link" => "link for staff",
        "staff_notice" => "notice for staff",
        _ => "mail",
    }
}

/// What became of it.
pub fn mail_fate(mail: &MailSent) -> String {
    let error = mail.error.as_deref().map_or(String::new(), |error| format!(": {error}"));
    match mail.state.as_str() {
        "waiting" if mail.attempts > 0 => format!("waits for another try, after {}{error}", mail.attempts),
        "waiting" => "waits to be sent".to_owned(),
        "sending" => "is being sent".to_owned(),
        "accepted" => "was taken by the mail server".to_owned(),
        "refused" => format!("was refused{error}"),
        "parked" => format!("was given up after {} tries{error}", mail.attempts),
        "expired" => "was not sent in time, and is of no use any more".to_owned(),
        "withheld" => "was never sent: mails to this address are held back".to_owned(),
        other => other.to_owned(),
    }
}

fn mail_line(mail: &MailSent) -> String {
    format!("Mail ({}) {}", mail_kind(&mail.kind), mail_fate(mail))
}

fn notice(kind: &str) -> String {
    kind.replace(['_', '-'], " ")
}
