//! The command line: one file a command.

mod audit;
mod backup;
mod billing;
mod comps;
mod days;
mod demo;
mod doctor;
mod explain;
mod keys;
mod migrate;
mod newsletters;
mod offers;
mod sending;
mod serve;
mod staff;
mod tiers;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::config::Settings;
use crate::db::Conn;
use crate::ids::MemberId;
use crate::members;
use crate::members::address::EmailAddress;

/// Newsletter sign-up, sign-in by mail and paid membership for any website, as one binary.
///
/// Settings come from the environment or from a TOML file with the same keys; `readership doctor`
/// lists them all. To see it work, without any: `readership demo`.
#[derive(Parser)]
#[command(name = "readership", version, max_term_width = 100)]
struct Arguments {
    /// TOML file with settings; the environment wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests and send mail, until SIGTERM.
    Serve,
    /// Try everything on this machine: a demo newsroom, an inbox, no settings.
    Demo(demo::Options),
    /// Bring the database's schema up to date (serve does it too).
    Migrate,
    /// Say what is in force, whether it works, and what to do next.
    Doctor {
        #[command(subcommand)]
        part: Option<doctor::Part>,
    },
    /// Copy the whole database into one file, while the service runs.
    Backup {
        /// The file to write; it must not exist.
        file: PathBuf,
    },
    /// Fill an empty database from a backup. Sending starts paused.
    Restore {
        /// A file that `readership backup` wrote.
        file: PathBuf,
    },
    /// Show the keys of programs, or put new ones in their place.
    Keys {
        /// As one line of JSON: {"content": …, "admin": …}.
        #[arg(long)]
        json: bool,
        #[command(subcommand)]
        action: Option<keys::Action>,
    },
    /// Pause and resume the sending of mail.
    Sending {
        #[command(subcommand)]
        action: sending::Action,
    },
    /// Say why somebody may read, or may not: from their address to Stripe's last word.
    Explain {
        /// The member's address.
        address: String,
    },
    /// List, add and change what one can be a member of.
    Tiers {
        #[command(subcommand)]
        action: tiers::Action,
    },
    /// List and add what makes a tier cheaper, or free for a while.
    Offers {
        #[command(subcommand)]
        action: offers::Action,
    },
    /// Let members read free of charge.
    Comps {
        #[command(subcommand)]
        action: comps::Action,
    },
    /// Compare with Stripe, set its webhook up, try again what failed.
    Billing {
        #[command(subcommand)]
        action: billing::Action,
    },
    /// List and add newsletters.
    Newsletters {
        #[command(subcommand)]
        action: newsletters::Action,
    },
    /// List accounts of staff, and print a link that makes one.
    Staff {
        #[command(subcommand)]
        action: staff::Action,
    },
    /// Check the log of what staff did.
    Audit {
        #[command(subcommand)]
        action: audit::Action,
    },
}

/// Runs one command. Errors are one message on standard error and exit code 1.
/// A core dump would hold every key and every link of the process, so it leaves none, and nobody but root looks into
/// it (`prctl(2)`, `PR_SET_DUMPABLE`). Elsewhere than on Linux the limits of the system count.
fn leave_no_core() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        eprintln!("readership: a core dump cannot be prevented: {error}");
    }
}

pub fn main() -> ExitCode {
    leave_no_core();
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("readership: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = || Ok::<_, anyhow::Error>(Settings::load(arguments.config.as_deref())?);
    match arguments.command {
        Command::Demo(options) => demo::run(options),
        Command::Serve => serve::run(arguments.config.as_deref()),
        Command::Migrate => migrate::run(&settings()?),
        Command::Doctor { part: None } => doctor::run(settings()),
        Command::Doctor { part: Some(doctor::Part::Stripe) } => doctor::stripe(settings()?),
        Command::Explain { address } => explain::run(&settings()?, &address),
        Command::Tiers { action } => tiers::run(&settings()?, &action),
        Command::Offers { action } => offers::run(&settings()?, &action),
        Command::Comps { action } => comps::run(&settings()?, &action),
        Command::Billing { action } => billing::run(settings()?, &action),
        Command::Backup { file } => backup::backup(&settings()?, &file),
        Command::Restore { file } => backup::restore(&settings()?, &file),
        Command::Keys { json, action } => keys::run(&settings()?, json, action.as_ref()),
        Command::Sending { action } => sending::run(&settings()?, &action),
        Command::Newsletters { action } => newsletters::run(&settings()?, &action),
        Command::Staff { action } => staff::run(&settings()?, &action),
        Command::Audit { action } => audit::run(&settings()?, &action),
    }
}

/// The member with this address.
fn member_named(conn: &mut Conn, address: &str) -> anyhow::Result<MemberId> {
    let email = EmailAddress::parse(address)?;
    members::find_by_email(conn, &email)?.with_context(|| format!("no member has the address {address}"))
}

/// Sends log lines to standard error, as the settings say.
fn start_logging(filter: &str, json: bool) -> anyhow::Result<()> {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("READERSHIP_LOG: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written, as on a full disk, is lost. To complain about that on the same
        // output would end the thread.
        .log_internal_errors(false);
    let started = if json { builder.json().try_init() } else { builder.try_init() };
    started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}

/// Listens for SIGTERM and Ctrl-C from now on, and waits for one when it is polled. A second one ends the process
/// at once.
fn until_told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}
