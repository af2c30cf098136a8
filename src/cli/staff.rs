//! `readership staff`.

use anyhow::{Context, ensure};
use clap::Subcommand;
use diesel::Connection;

use crate::clock::Clock;
use crate::config::Settings;
use crate::db;
use crate::members::address::EmailAddress;
use crate::staff::roles::Role;
use crate::staff::{accounts, links};

#[derive(Subcommand)]
pub enum Action {
    /// Print a link that makes an account; it works once.
    Add {
        /// The address of whoever is to have it.
        address: String,
        /// owner, administrator, support or read-only.
        #[arg(long, default_value = "owner")]
        role: String,
    },
    /// List the accounts.
    List,
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    match action {
        Action::List => {
            for account in accounts::all(&mut conn)? {
                let factor = if account.has_second_factor { "second factor" } else { "no second factor" };
                println!("{}  {}  {}  {}  {factor}", account.id, account.email, account.name, account.role);
            }
        }
        Action::Add { address, role } => {
            let email = EmailAddress::parse(address)?;
            let role = Role::parse(role).with_context(|| {
                format!("there is no role {role}; it is owner, administrator, support or read-only")
            })?;
            let key = settings.existing_key()?.context("there is no key file yet; `readership serve` makes it")?;
            ensure!(accounts::find_by_email(&mut conn, &email)?.is_none(), "{address} has an account already");
            let now = Clock::system().now();
            let token = conn.transaction(|conn| links::from_command(conn, &key, &settings.staff, &email, role, now))?;
            println!("{}", link(settings, token.reveal()));
        }
    }
    Ok(())
}

/// The address that a link of staff leads to.
pub fn link(settings: &Settings, token: &str) -> String {
    let mut link = settings.link("admin/join/");
    link.query_pairs_mut().append_pair("token", token);
    link.to_string()
}
