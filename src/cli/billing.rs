//! `readership billing`: what staff do about Stripe.

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::billing::webhook_secrets::Registered;
use crate::billing::{Billing, inbox};
use crate::clock::Clock;
use crate::config::{DatabaseUrl, Settings};
use crate::db::{self, Db};
use crate::signin::Policy;
use crate::site_facts;
use std::sync::Arc;

#[derive(Subcommand)]
pub enum Action {
    /// Compare everything with Stripe, both ways, and mend what differs.
    Reconcile,
    /// Make the endpoint that Stripe sends its events to, or bring it up to date.
    Webhook,
    /// Try again what could not be worked off in the inbox.
    Retry,
}

pub fn run(settings: Settings, action: &Action) -> anyhow::Result<()> {
    if settings.stripe.is_none() {
        bail!("Stripe is not set up: set READERSHIP_STRIPE_SECRET_KEY and READERSHIP_STRIPE_PUBLISHABLE_KEY");
    }
    if let Action::Retry = action {
        let mut conn = db::open_beside(&settings.database)?;
        let count = inbox::retry_parked(&mut conn, Clock::system().now())?;
        println!("{count} events will be tried again.");
        return Ok(());
    }
    actix_web::rt::System::new().block_on(async {
        let billing = open(settings)?;
        match action {
            Action::Reconcile => {
                let report = billing
                    .reconcile(|report| {
                        if report.customers % 100 == 0 {
                            eprintln!("{} customers compared, {} differed …", report.customers, report.drift);
                        }
                    })
                    .await?;
                println!(
                    "{} customers compared: {} differed and agree now, {} were not known here, {} could not be read.",
                    report.customers, report.drift, report.adopted, report.failed
                );
                println!(
                    "{} visits had ended without a word; {} events had never arrived and are in the inbox now.",
                    report.visits, report.missed_events
                );
            }
            Action::Webhook => match billing.register_webhook().await? {
                Registered::Made(id) => println!("Stripe sends its events to {} now ({id}).", billing.webhook_url()),
                Registered::Updated(id) => println!("The endpoint {id} is up to date."),
                Registered::Replaced(id) => println!("The endpoint {id} has taken the place of the one before."),
            },
            Action::Retry => {}
        }
        billing.db.close();
        Ok(())
    })
}

/// Billing for one command, while the service may run.
pub fn open(settings: Settings) -> anyhow::Result<Billing> {
    let key = settings.existing_key()?.context("the service was never started: start it once first")?;
    let db = match &settings.database {
        // One process owns the file; this one only writes a little, under SQLite's own lock.
        DatabaseUrl::Sqlite(_) => Db::open_shared(&settings.database, &settings.db)?,
        DatabaseUrl::Postgres(_) => Db::open(&settings.database, &settings.db)?,
    };
    let site_uuid = site_facts::site_uuid(&mut db::open_beside(&settings.database)?)?;
    let policy = Policy {
        limits: settings.limits.clone(),
        lifetimes: settings.lifetimes.clone(),
        welcome_mail: settings.welcome_mail,
        grace: crate::config::seconds(settings.billing.grace_days * 86_400),
        key,
    };
    let account = settings.stripe.clone().context("Stripe is not set up")?;
    Billing::new(&account, db, Clock::system(), Arc::new(settings), policy, site_uuid.into())
}
