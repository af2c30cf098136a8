//! `readership explain`.

use crate::billing::explain::explain;
use crate::clock::Clock;
use crate::config::{Settings, seconds};
use crate::db;
use crate::members::address::EmailAddress;

pub fn run(settings: &Settings, address: &str) -> anyhow::Result<()> {
    let email = EmailAddress::parse(address)?;
    let mut conn = db::open_beside(&settings.database)?;
    let grace = seconds(settings.billing.grace_days * 86_400);
    print!("{}", explain(&mut conn, &email, grace, Clock::system().now())?);
    Ok(())
}
