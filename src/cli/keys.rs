//! `readership keys`.

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use diesel::Connection;
use serde_json::json;

use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{self, DbError};
use crate::signin::signing_keys;
use crate::staff::api_keys::{self, Kind};

#[derive(Subcommand)]
pub enum Action {
    /// Put a new key in the place of an old one.
    Rotate {
        /// signing: member tokens, old ones stay good until they end. content and admin: programs
        /// with the old key are refused from then on.
        #[arg(value_enum)]
        which: Which,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    Signing,
    Content,
    Admin,
}

/// Shows the keys of programs, after putting a new one in the place of an old one if so asked.
pub fn run(settings: &Settings, as_json: bool, action: Option<&Action>) -> anyhow::Result<()> {
    let secret =
        settings.existing_key()?.context("there are no keys yet: `readership serve` makes them at its first start")?;
    let mut conn = db::open_beside(&settings.database)?;
    let now = Clock::system().now();
    if let Some(Action::Rotate { which }) = action {
        match which {
            Which::Signing => {
                let new = signing_keys::generate(&secret)?;
                conn.transaction(|conn| signing_keys::rotate(conn, &new, now))?;
                println!("Member tokens are signed with {} in {} seconds.", new.kid, signing_keys::AHEAD.as_secs());
                return Ok(());
            }
            Which::Content => {
                conn.transaction::<_, DbError, _>(|conn| api_keys::rotate(conn, &secret, Kind::Content, now))?;
            }
            Which::Admin => {
                conn.transaction::<_, DbError, _>(|conn| api_keys::rotate(conn, &secret, Kind::Admin, now))?;
            }
        }
    }
    let content = api_keys::show(&mut conn, &secret, Kind::Content)?.shown;
    let admin = api_keys::show(&mut conn, &secret, Kind::Admin)?.shown;
    if as_json {
        println!("{}", json!({"content": content, "admin": admin}));
    } else {
        println!(
            "content  {content}\n         stands in web pages (data-key of Ghost's widgets); it opens nothing secret"
        );
        println!("admin    {admin}\n         for programs that manage members; keep it secret");
    }
    Ok(())
}
