//! `readership audit`.

use anyhow::{Context, bail};
use clap::Subcommand;
use data_encoding::HEXLOWER;

use crate::config::Settings;
use crate::db;
use crate::staff::audit::{self, Verdict};

#[derive(Subcommand)]
pub enum Action {
    /// Look through the whole log; fails when a row was changed or taken out.
    Verify {
        /// The number of rows that an earlier look found: fails when there are fewer now.
        #[arg(long, value_name = "NUMBER")]
        at_least: Option<i64>,
    },
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let Action::Verify { at_least } = action;
    let key = settings.existing_key()?.context("there is no key file yet, and no log")?;
    let mut conn = db::open_beside(&settings.database)?;
    match audit::verify(&mut conn, &key)? {
        Verdict::Broken { number } => Err(audit::broken(number).into()),
        Verdict::Whole { rows, .. } if at_least.is_some_and(|least| rows < least) => {
            bail!("the audit log has {rows} rows only: its end was cut off")
        }
        Verdict::Whole { rows, last_seal } => {
            println!("{rows} rows, all as they were written; seal of the last: {}", HEXLOWER.encode(&last_seal));
            println!(
                "Keep both elsewhere: `readership audit verify --at-least {rows}` notices a log that was cut short."
            );
            Ok(())
        }
    }
}
