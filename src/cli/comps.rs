//! `readership comps`: access free of charge.

use anyhow::Context;
use clap::Subcommand;
use diesel::Connection;

use super::tiers::find as find_tier;
use super::{days, member_named};
use crate::billing::comps;
use crate::clock::Clock;
use crate::config::{Settings, seconds};
use crate::db;
use crate::signin::Policy;

#[derive(Subcommand)]
pub enum Action {
    /// Let a member read a tier free of charge, in the place of what they were given before.
    Give {
        /// The member's address.
        address: String,
        /// The tier, by id or slug.
        #[arg(long)]
        tier: String,
        /// The last day of it (YYYY-MM-DD); without it there is no end.
        #[arg(long, value_name = "DAY")]
        until: Option<String>,
        /// Why.
        #[arg(long)]
        note: Option<String>,
    },
    /// Take back what a member was given.
    End {
        /// The member's address.
        address: String,
    },
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    let key = settings.existing_key()?.context("the service was never started: there are no members yet")?;
    let policy = Policy { grace: seconds(settings.billing.grace_days * 86_400), ..Policy::with_key(key) };
    let now = Clock::system().now();
    match action {
        Action::Give { address, tier, until, note } => {
            let member = member_named(&mut conn, address)?;
            let tier = find_tier(&mut conn, tier)?;
            let until = until.as_deref().map(days::end_of).transpose()?;
            conn.transaction(|conn| comps::give(conn, &policy, member, tier.id, until, note.as_deref(), now))?;
            match until {
                Some(until) => println!("{address} reads {} free of charge until {until}.", tier.name),
                None => println!("{address} reads {} free of charge.", tier.name),
            }
        }
        Action::End { address } => {
            let member = member_named(&mut conn, address)?;
            conn.transaction(|conn| comps::take_back(conn, &policy, member, now))?;
            println!("{address} reads nothing free of charge any more.");
        }
    }
    Ok(())
}
