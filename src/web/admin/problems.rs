//! What is not as it should be, for whoever opens the home page.

use std::time::Duration;

use crate::app::App;
use crate::billing::{inbox, reconcile, webhook_secrets};
use crate::config::DatabaseUrl;
use crate::db::DbResult;
use crate::mail::outbox;
use crate::site_facts;

/// Something to be seen to, and the page where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub text: String,
    /// Under the pages of staff.
    pub page: &'static str,
    pub is_bad: bool,
}

/// A mail that waits longer is late.
const LATE_MAIL: Duration = Duration::from_secs(900);
/// Less room than this on the disk is a problem.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;

/// Free bytes where a file stands, where the system tells.
fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// Everything that is not as it should be, the worst first.
pub async fn find(app: &App) -> DbResult<Vec<Problem>> {
    let key = app.policy.key.clone();
    let (depth, paused, inbox, compared, secrets) = app
        .db
        .read(move |conn| {
            Ok((
                outbox::depth(conn)?,
                site_facts::sending_is_paused(conn)?,
                inbox::depth(conn)?,
                reconcile::last(conn)?,
                webhook_secrets::kept(conn, &key)?.len(),
            ))
        })
        .await?;
    let now = app.now();
    let mut problems = Vec::new();
    let mut say = |is_bad, page, text: String| problems.push(Problem { text, page, is_bad });
    if app.settings.smtp.is_none() {
        say(true, "settings/", "No mail server is set: nobody can sign up or sign in.".to_owned());
    } else if paused {
        say(true, "mail/", "The sending of mail is paused.".to_owned());
    } else if let Some((since, why)) = &app.mailroom.health().trouble {
        say(true, "mail/", format!("The mail server cannot be used since {}: {why}", since.iso8601()));
    }
    if let Some(oldest) = depth.oldest.filter(|oldest| now.since(*oldest) > LATE_MAIL) {
        say(true, "mail/", format!("{} mails wait, the oldest since {}.", depth.open, oldest.iso8601()));
    }
    if depth.parked > 0 {
        say(true, "mail/?state=parked", format!("{} mails were given up.", depth.parked));
    }
    if depth.refused > 0 {
        say(false, "mail/?state=refused", format!("{} mails of the last days were refused.", depth.refused));
    }
    if app.billing.is_some() {
        if inbox.parked > 0 {
            say(
                true,
                "billing/events/?state=parked",
                format!("{} events of Stripe could not be worked off.", inbox.parked),
            );
        }
        if inbox.waiting > 100 {
            say(true, "billing/events/", format!("{} events of Stripe wait.", inbox.waiting));
        }
        match compared {
            Some((at, _, drift)) if drift > 0 => {
                say(
                    false,
                    "billing/",
                    format!(
                        "{drift} customers stood otherwise than at Stripe on {}. They were put right.",
                        at.iso8601()
                    ),
                );
            }
            _ => {}
        }
        if secrets == 0 && app.settings.stripe.as_ref().is_some_and(|stripe| stripe.webhook_secrets.is_empty()) {
            say(true, "billing/", "Stripe's webhook is not set up: payments are noticed late.".to_owned());
        }
    }
    if let DatabaseUrl::Sqlite(path) = &app.settings.database
        && let Some(free) = free_bytes(path).filter(|free| *free < LITTLE_ROOM)
    {
        say(true, "", format!("The disk of the database has {} MiB left.", free / (1024 * 1024)));
    }
    problems.sort_by_key(|problem| !problem.is_bad);
    Ok(problems)
}
