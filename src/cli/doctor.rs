//! `readership doctor`: what is in force, whether it works, what to do next.

use crate::billing::{check, stripe};
use crate::config::{self, DatabaseUrl, Settings, StripeSettings};
use crate::db;
use crate::findings::Finding;
use crate::mail::outbox;
use crate::mail::smtp::Connection;
use crate::signin::signing_keys;
use crate::site_facts;

/// A part that is looked at more closely.
#[derive(clap::Subcommand)]
pub enum Part {
    /// The key, the webhook, the version, the clocks, the last event.
    Stripe,
}

pub fn run(settings: anyhow::Result<Settings>) -> anyhow::Result<()> {
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            print_keys();
            return Err(error);
        }
    };
    println!("In force:");
    for (name, value) in in_force(&settings) {
        println!("  {name:<28} {value}");
    }
    println!("\nEvery number is at its default unless set; `READERSHIP_…` keys:");
    print_keys();

    println!("\nChecked:");
    let mut findings = vec![];
    findings.extend(check_addresses(&settings));
    findings.push(check_key(&settings));
    findings.extend(check_database(&settings));
    findings.push(check_mail(&settings));
    findings.extend(check_stripe_settings(&settings));
    conclude(&findings)
}

/// Prints what was found. Fails when something is in the way.
fn conclude(findings: &[Finding]) -> anyhow::Result<()> {
    let mut faults = 0;
    for finding in findings {
        match finding {
            Finding::Good(text) => println!("  ok      {text}"),
            Finding::Advice(text) => println!("  advice  {text}"),
            Finding::Fault(text) => {
                faults += 1;
                println!("  FAULT   {text}");
            }
        }
    }
    anyhow::ensure!(faults == 0, "{faults} of these must be mended before `readership serve` does its work");
    Ok(())
}

fn print_keys() {
    for key in config::keys() {
        let default = if key.default.is_empty() { String::new() } else { format!(" [{}]", key.default) };
        println!("  {}{default}\n      {}", key.name, key.meaning);
    }
}

fn in_force(settings: &Settings) -> Vec<(&'static str, String)> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    vec![
        ("READERSHIP_LISTEN", settings.listen.to_string()),
        ("READERSHIP_URL", settings.url.to_string()),
        ("READERSHIP_SITE_URL", settings.site_url.to_string()),
        (
            "READERSHIP_SITE_ORIGINS",
            settings.site_origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        ),
        ("READERSHIP_SITE_TITLE", settings.site_title.clone()),
        ("DATABASE_URL", settings.database.masked()),
        (
            "READERSHIP_SECRET_KEY",
            if settings.secret_key.is_some() { "set".to_owned() } else { settings.key_file().display().to_string() },
        ),
        ("READERSHIP_SMTP_URL", or_none(settings.smtp.as_ref().map(ToString::to_string))),
        ("READERSHIP_MAIL_FROM", or_none(settings.mail_from.as_ref().map(|from| from.address.as_given()))),
        ("READERSHIP_STRIPE_SECRET_KEY", or_none(settings.stripe.as_ref().map(StripeSettings::masked_key))),
        ("READERSHIP_METRICS_LISTEN", or_none(settings.metrics_listen.map(|address| address.to_string()))),
    ]
}

fn check_addresses(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_local =
        settings.url.host_str().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    if settings.is_https() {
        findings.push(Finding::Good("the public address is https; cookies are Secure".to_owned()));
    } else if is_local {
        findings.push(Finding::Advice(
            "the public address is plain http on this machine; use https for readers".to_owned(),
        ));
    } else {
        findings.push(Finding::Fault(
            "READERSHIP_URL is plain http: sessions could be read on the way; put a proxy with TLS before it"
                .to_owned(),
        ));
    }
    if !settings.listen.ip().is_loopback() {
        findings.push(Finding::Advice(format!(
            "{} answers without TLS to everybody; a proxy on loopback is safer",
            settings.listen
        )));
    } else if settings.trusted_proxies.is_empty() && !is_local {
        findings.push(Finding::Advice(
            "behind a proxy, set READERSHIP_TRUSTED_PROXIES (127.0.0.1), or all readers count as one client".to_owned(),
        ));
    }
    findings
}

fn check_key(settings: &Settings) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let path = settings.key_file();
    if settings.secret_key.is_some() {
        return Finding::Good("the secret key is set".to_owned());
    }
    match std::fs::metadata(&path) {
        Ok(file) if file.permissions().mode() & 0o077 != 0 => {
            Finding::Fault(format!("{} can be read by others: chmod 600 it", path.display()))
        }
        Ok(_) => Finding::Good(format!("the key file {} is private", path.display())),
        Err(_) if was_started(settings) => {
            Finding::Fault(format!("{} is missing, but the database was made with it: put it back", path.display()))
        }
        Err(_) => {
            Finding::Advice(format!("{} will be made at the first start; keep it with your backups", path.display()))
        }
    }
}

/// Whether the database holds what only its key can read.
fn was_started(settings: &Settings) -> bool {
    db::open_beside(&settings.database).and_then(|mut conn| Ok(signing_keys::exists(&mut conn)?)).unwrap_or(false)
}

fn check_database(settings: &Settings) -> Vec<Finding> {
    let state = match db::schema_state(&settings.database) {
        Ok(state) => state,
        Err(error) => {
            let new = matches!(&settings.database, DatabaseUrl::Sqlite(path) if !path.exists());
            let text = format!("{error:#}");
            return vec![if new { Finding::Advice(text) } else { Finding::Fault(text) }];
        }
    };
    if !state.unknown.is_empty() {
        return vec![Finding::Fault(format!(
            "the database was made by a newer version ({})",
            state.unknown.join(", ")
        ))];
    }
    if !state.pending.is_empty() {
        return vec![Finding::Advice(format!("{} will be run at the next start", state.pending.join(", ")))];
    }
    let mut findings = vec![Finding::Good("the database answers and its schema is up to date".to_owned())];
    let looked = db::open_beside(&settings.database)
        .and_then(|mut conn| Ok((outbox::depth(&mut conn)?, site_facts::sending_is_paused(&mut conn)?)));
    match looked {
        Ok((depth, paused)) => {
            if paused {
                findings.push(Finding::Fault("sending is paused: `readership sending resume`".to_owned()));
            }
            let text =
                format!("{} mails wait, {} were given up, {} were refused", depth.open, depth.parked, depth.refused);
            findings.push(if depth.parked > 0 { Finding::Advice(text) } else { Finding::Good(text) });
        }
        Err(error) => findings.push(Finding::Fault(format!("{error:#}"))),
    }
    findings
}

fn check_mail(settings: &Settings) -> Finding {
    let Some(server) = &settings.smtp else {
        return Finding::Fault(
            "no mail server: set READERSHIP_SMTP_URL and READERSHIP_MAIL_FROM; until then mails wait".to_owned(),
        );
    };
    let hello = settings.mail_from.as_ref().map_or("localhost", |from| from.address.domain());
    let tried = actix_web::rt::System::new().block_on(async {
        let connection = Connection::open(server, hello, &settings.sending).await?;
        connection.close().await;
        Ok::<_, crate::mail::smtp::SendError>(())
    });
    match tried {
        Ok(()) => Finding::Good(format!("{server} takes our greeting")),
        Err(error) => Finding::Fault(format!("the mail server cannot be used: {error}")),
    }
}

fn check_stripe_settings(settings: &Settings) -> Vec<Finding> {
    let Some(account) = &settings.stripe else {
        return vec![Finding::Advice("Stripe is not set up: the paid parts are off".to_owned())];
    };
    let mut findings = vec![Finding::Good("Stripe is set up; `readership doctor stripe` looks at it".to_owned())];
    if account.is_live() && !settings.is_https() {
        findings.push(Finding::Fault("real money needs https: READERSHIP_URL is plain http".to_owned()));
    }
    findings
}

/// `readership doctor stripe`.
pub fn stripe(settings: Settings) -> anyhow::Result<()> {
    let Some(account) = settings.stripe.clone() else {
        anyhow::bail!("Stripe is not set up: set READERSHIP_STRIPE_SECRET_KEY and READERSHIP_STRIPE_PUBLISHABLE_KEY");
    };
    let mode = if account.is_live() { "live: real money moves" } else { "test: no money moves" };
    println!("Stripe     {} ({mode})", account.api_base);
    println!("key        {}", account.masked_key());
    println!("version    {}", stripe::api_version());
    println!("\nChecked:");
    let mut findings = check_stripe_settings(&settings);
    let looked = actix_web::rt::System::new().block_on(async {
        let billing = super::billing::open(settings)?;
        findings.extend(check::check(&billing).await);
        billing.db.close();
        Ok::<_, anyhow::Error>(())
    });
    if let Err(error) = looked {
        findings.push(Finding::Fault(format!("{error:#}")));
    }
    conclude(&findings)
}
