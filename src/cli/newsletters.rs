//! `readership newsletters`.

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::clock::Clock;
use crate::config::Settings;
use crate::db;
use crate::members::name;
use crate::newsletters;

#[derive(Subcommand)]
pub enum Action {
    /// List the newsletters one can subscribe to.
    List,
    /// Add a newsletter.
    Add {
        /// Its name, as readers see it.
        name: String,
        /// One sentence about it.
        #[arg(long)]
        description: Option<String>,
    },
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    if let Action::Add { name, description } = action {
        let name = name::parse(name)?.context("a newsletter needs a name")?;
        if !newsletters::add(&mut conn, &name, description.as_deref(), Clock::system().now())? {
            bail!("there is a newsletter called {name} already");
        }
    }
    for newsletter in newsletters::active(&mut conn)? {
        println!("{}  {}  ({})", newsletter.id, newsletter.name, newsletter.slug);
    }
    Ok(())
}
