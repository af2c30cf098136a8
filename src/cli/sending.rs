//! `readership sending`.

use clap::Subcommand;

use crate::config::Settings;
use crate::db;
use crate::site_facts;

#[derive(Subcommand)]
pub enum Action {
    /// Let no mail go out; requests are still taken and their mails wait.
    Pause,
    /// Let mail go out again.
    Resume,
    /// Say whether sending is paused.
    Status,
}

pub fn run(settings: &Settings, action: &Action) -> anyhow::Result<()> {
    let mut conn = db::open_beside(&settings.database)?;
    match action {
        Action::Pause => site_facts::pause_sending(&mut conn, true)?,
        Action::Resume => site_facts::pause_sending(&mut conn, false)?,
        Action::Status => {}
    }
    let paused = site_facts::sending_is_paused(&mut conn)?;
    println!("Sending is {}.", if paused { "paused" } else { "on" });
    Ok(())
}
