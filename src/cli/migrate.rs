//! `readership migrate`.

use crate::config::Settings;
use crate::db;

pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let done = db::migrate(&settings.database)?;
    match done.as_slice() {
        [] => println!("The schema of {} is up to date.", settings.database.masked()),
        steps => println!("Ran {} on {}.", steps.join(", "), settings.database.masked()),
    }
    Ok(())
}
