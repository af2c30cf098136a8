//! `readership backup` and `readership restore`.

use std::path::Path;

use crate::config::Settings;
use crate::db::backup;

pub fn backup(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let rows = backup::write(&settings.database, file)?;
    println!("Wrote {} ({rows} rows, checked).", file.display());
    if settings.secret_key.is_none() {
        println!(
            "Keep {} with it: without that key the links and keys in it are of no use.",
            settings.key_file().display()
        );
    }
    Ok(())
}

pub fn restore(settings: &Settings, file: &Path) -> anyhow::Result<()> {
    let rows = backup::restore(&settings.database, file)?;
    println!("Restored {rows} rows into {}.", settings.database.masked());
    println!("Sending is paused, so that no old mail goes out unseen: `readership sending resume` starts it.");
    if settings.secret_key.is_none() && !settings.key_file().exists() {
        println!("Put the key that belongs to the backup at {} before you start.", settings.key_file().display());
    }
    Ok(())
}
