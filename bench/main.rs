//! Measures this program beside a bare handler, in one run, on loopback.
//!
//! `cargo bench --bench load -- --help` tells the options; `docs/performance.md` holds what it said.

mod away;
mod bare;
mod generator;
mod people;
mod program;
mod staff;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use readership::config::DatabaseUrl;

use generator::{Load, Plan};
use people::People;
use program::Program;
use table::Table;

/// Measures readership beside a bare actix-web handler. Talks to loopback only and stops by itself.
#[derive(Parser)]
#[command(name = "load", max_term_width = 100)]
struct Arguments {
    /// Members in the database.
    #[arg(long, default_value_t = 100_000)]
    members: usize,
    /// Seconds each figure is measured for.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Measure on this PostgreSQL instead of SQLite; the database `bench` in it is made anew.
    #[arg(long, value_name = "postgres://…/postgres")]
    postgres: Option<String>,
    /// Only figures whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Where databases are kept between runs.
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// The bare handler, as a process of its own.
    #[command(hide = true)]
    Bare { port: u16, body: PathBuf },
    /// A mail server that takes everything, as a process of its own.
    #[command(hide = true)]
    Sink { port: u16 },
    /// The pages of staff.
    Staff {
        /// Members in the database.
        #[arg(long, default_value_t = 1_000_000)]
        members: usize,
    },
}

/// An empty answer for the bare handler.
fn nothing_to_send(folder: &std::path::Path) -> anyhow::Result<String> {
    let path = folder.join("nothing.json");
    std::fs::write(&path, "")?;
    Ok(path.to_str().context("a path in UTF-8")?.to_owned())
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.part {
        Some(Part::Bare { port, body }) => bare::handler(*port, body),
        Some(Part::Sink { port }) => bare::mail_sink(*port),
        Some(Part::Staff { members }) => {
            std::fs::create_dir_all(&arguments.folder)?;
            let folder = arguments.folder.canonicalize()?;
            staff::measure(&folder, arguments.postgres.as_deref(), *members, arguments.seconds)
        }
        None => measure(&arguments),
    }
}

fn of_session(path: &str, session: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: readership-session={session}\r\n\r\n")
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    std::fs::create_dir_all(&arguments.folder)?;
    let folder = arguments.folder.canonicalize()?;
    let wants = |name: &str| name.contains(&arguments.only);
    let plan = Plan::new(arguments.connections, Duration::from_secs(arguments.seconds));
    let mut table = Table::default();

    let people = People::ready(&folder, arguments.postgres.as_deref(), arguments.members)?;
    let database = people.database.clone();
    table.say(&format!(
        "{} with {} members, {} connections, {} s each, {} cores",
        match &database {
            DatabaseUrl::Sqlite(_) => "SQLite",
            DatabaseUrl::Postgres(_) => "PostgreSQL",
        },
        people.sessions.len(),
        plan.connections,
        arguments.seconds,
        std::thread::available_parallelism()?,
    ));

    let program = Program::start(&people, None, None)?;
    table.fact("start to first answer", format!("{} ms", program.started_in.as_millis()));
    table.fact("memory at rest", program.memory()?);
    let own_record = |session: &str| of_session("/members/api/member/", session);

    if wants("read own record") {
        let body = generator::body_of(program.port, &own_record(&people.sessions[0]))?;
        let path = folder.join("answer.json");
        std::fs::write(&path, body)?;
        let bare = bare::Process::start(&["bare", "PORT", path.to_str().context("a path in UTF-8")?])?;
        let mut random = people::Random::new(7);
        let sessions = people.sessions.clone();
        let mut request = move || own_record(&sessions[random.below(sessions.len())]).into_bytes();
        let one = request();
        // Every session once: nothing is kept yet. Then in turns, so that what else the machine does
        // hits both alike.
        let mut first = people.sessions.iter().map(|session| own_record(session).into_bytes());
        let cold = generator::run(program.port, plan.to_the_end(), || first.next(), 200)?;
        let (mut bare_load, mut read_load) = (Load::default(), Load::default());
        for _ in 0..2 {
            bare_load.add(generator::run(bare.port, plan.half(), || Some(one.clone()), 200)?);
            read_load.add(generator::run(program.port, plan.half(), || Some(request()), 200)?);
        }
        table.load("bare handler", &bare_load, None);
        table.load("read own record, first time", &cold, Some(&bare_load));
        table.load("read own record", &read_load, Some(&bare_load));
    }

    let sessions = &people.sessions;
    for (name, path) in
        [("identity token", "/members/api/session/"), ("entitlement token", "/members/api/entitlements/")]
    {
        if !wants(name) {
            continue;
        }
        // The first for a session is signed; later ones are handed out again for half its life.
        let mut first = sessions.iter().map(|session| of_session(path, session).into_bytes());
        let signed = generator::run(program.port, plan, || first.next(), 200)?;
        table.load(&format!("{name}, signed"), &signed, None);
        let cores = std::thread::available_parallelism()?.get() as f64;
        let signature_ms = people.signature_ms()?;
        let share = signed.per_second() * signature_ms / 1_000.0 / cores;
        table.fact(name, format!("{signature_ms:.2} ms of RSA each, {:.0} % of both cores", share * 100.0));
        let few = &sessions[..sessions.len().min(5_000)];
        let mut random = people::Random::new(11);
        let mut again = move || Some(of_session(path, &few[random.below(few.len())]).into_bytes());
        let kept = generator::run(program.port, plan, &mut again, 200)?;
        table.load(&format!("{name}, kept"), &kept, None);
    }

    if wants("access") {
        // Beside the bare handler of the same moment: what a proxy asks before it hands out a file.
        people.all_are_comped()?;
        let bare = bare::Process::start(&["bare", "PORT", nothing_to_send(&folder)?.as_str()])?;
        let path = "/members/api/access/?tier=bench";
        let few = &sessions[..sessions.len().min(20_000)];
        let mut random = people::Random::new(13);
        let mut request = move || of_session(path, &few[random.below(few.len())]).into_bytes();
        // The bare handler knows one address.
        let one = own_record(&few[0]).into_bytes();
        let mut first = few.iter().map(|session| of_session(path, session).into_bytes());
        let cold = generator::run(program.port, plan.to_the_end(), || first.next(), 204)?;
        let (mut bare_load, mut load) = (Load::default(), Load::default());
        for _ in 0..2 {
            bare_load.add(generator::run(bare.port, plan.half(), || Some(one.clone()), 200)?);
            load.add(generator::run(program.port, plan.half(), || Some(request()), 204)?);
        }
        table.load("bare handler, nothing to send", &bare_load, None);
        table.load("access of a payer, first time", &cold, Some(&bare_load));
        table.load("access of a payer", &load, Some(&bare_load));
    }

    if wants("webhook") {
        let mut number = u64::try_from(readership::clock::Clock::system().now().millis())? * 1_000;
        let load = generator::run(
            program.port,
            plan,
            || {
                number += 1;
                Some(people::event(number))
            },
            200,
        )?;
        table.load("webhook kept, committed", &load, None);
    }

    if wants("unsubscribing") {
        let mut links = people.unsubscribe_links(people.sessions.len())?.into_iter();
        let load = generator::run(program.port, plan, || links.next().map(|link| people::one_click(&link)), 201)?;
        table.load("unsubscribing, committed", &load, None);
    }

    if wants("sign-up") {
        let mut number = people.next_address()?;
        let load = generator::run(
            program.port,
            plan,
            || {
                number += 1;
                Some(people::sign_up(number))
            },
            303,
        )?;
        table.load("sign-up, committed", &load, None);
    }

    if wants("redemption") {
        let needed = usize::try_from(arguments.seconds)? * 15_000;
        let mut tokens = people.links(needed)?.into_iter();
        let load = generator::run(program.port, plan, || tokens.next().map(|token| people::redemption(&token)), 303)?;
        table.load("link redemption", &load, None);
    }
    table.fact("memory after that", program.memory()?);
    drop(program);

    if wants("stripe away") {
        people.all_are_comped()?;
        let program = Program::start(&people, None, Some(away::silent_stripe()?))?;
        let buyers = away::Buyers::come(program.port, 16);
        let few = &sessions[..sessions.len().min(20_000)];
        // A quarter of the load that fills the machine: what is measured is waiting, not throughput.
        let calm = Plan { connections: 4, ..plan };
        let mut random = people::Random::new(17);
        let mut record = || Some(own_record(&few[random.below(few.len())]).into_bytes());
        table.load("stripe away: read own record", &generator::run(program.port, calm, &mut record, 200)?, None);
        let path = "/members/api/access/?tier=bench";
        let mut random = people::Random::new(19);
        let mut access = || Some(of_session(path, &few[random.below(few.len())]).into_bytes());
        table.load("stripe away: access of a payer", &generator::run(program.port, calm, &mut access, 204)?, None);
        let mut number = people.next_address()?;
        let mut sign_up = || {
            number += 1;
            Some(people::sign_up(number))
        };
        table.load("stripe away: sign-up", &generator::run(program.port, calm, &mut sign_up, 303)?, None);
        let mut number = u64::try_from(readership::clock::Clock::system().now().millis())? * 1_000;
        let mut event = || {
            number += 1;
            Some(people::event(number))
        };
        table.load("stripe away: webhook kept", &generator::run(program.port, calm, &mut event, 200)?, None);
        table.fact("checkouts meanwhile were answered", buyers.leave());
    }

    if wants("outbox") {
        let waiting = people.waiting_mails(20_000)?;
        let sink = bare::Process::start(&["sink", "PORT"])?;
        let program = Program::start(&people, Some(sink.port), None)?;
        let rate = people.outbox_rate(waiting)?;
        table.fact("outbox, 8 connections", format!("{rate:.0} mails/s"));
        table.fact("memory while sending", program.memory()?);
    }
    table.print();
    Ok(())
}
