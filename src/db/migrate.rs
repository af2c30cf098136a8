//! Bringing the schema up to date: embedded, under a lock, one transaction a step.

use anyhow::{Context, bail};
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::{PgConnection, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::{self, Role};
use crate::config::DatabaseUrl;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The key of PostgreSQL's advisory lock under which one node migrates ("readers" in ASCII).
/// The server frees it when the connection ends, so it never sticks.
const LOCK: i64 = 0x72_65_61_64_65_72_73;

/// How a database's schema stands beside this program's.
#[derive(Debug, PartialEq, Eq)]
pub struct SchemaState {
    pub pending: Vec<String>,
    /// Steps that this program does not know: a newer one made them.
    pub unknown: Vec<String>,
}

/// Runs every step that is missing; returns their names. A step that was cut off by a crash was
/// rolled back whole and is run again.
pub fn run(url: &DatabaseUrl) -> anyhow::Result<Vec<String>> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let mut conn = connect::sqlite(path, Role::Write)
                .with_context(|| format!("cannot open the database {}", path.display()))?;
            steps(&mut conn, SQLITE)
        }
        DatabaseUrl::Postgres(_) => {
            let mut conn = postgres(url)?;
            conn.batch_execute(&format!(
                "SET lock_timeout = '60s'; SET statement_timeout = '0'; SELECT pg_advisory_lock({LOCK})"
            ))
            .context("another node has been migrating for a minute")?;
            let done = steps(&mut conn, POSTGRES);
            conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))?;
            done
        }
    }
}

fn steps<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> anyhow::Result<Vec<String>>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let state = state_of(conn, &source)?;
    if !state.unknown.is_empty() {
        bail!(
            "the database was made by a newer version of readership (it has {}); start that version, or restore a backup",
            state.unknown.join(", ")
        );
    }
    let done = conn
        .run_pending_migrations(source)
        .map_err(|error| anyhow::anyhow!("a migration failed and was rolled back: {error}"))?;
    Ok(done.iter().map(ToString::to_string).collect())
}

/// Compares without changing anything.
pub fn schema_state(url: &DatabaseUrl) -> anyhow::Result<SchemaState> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            if !path.exists() {
                bail!("{} does not exist yet; `readership migrate` or `readership serve` makes it", path.display());
            }
            let mut conn: SqliteConnection = connect::sqlite(path, Role::Write)?;
            state_of(&mut conn, &SQLITE)
        }
        DatabaseUrl::Postgres(_) => state_of(&mut postgres(url)?, &POSTGRES),
    }
}

fn postgres(url: &DatabaseUrl) -> anyhow::Result<PgConnection> {
    let DatabaseUrl::Postgres(address) = url else { bail!("not a PostgreSQL address") };
    connect::postgres(address).with_context(|| format!("cannot reach {}", url.masked()))
}

fn state_of<DB, C>(conn: &mut C, source: &EmbeddedMigrations) -> anyhow::Result<SchemaState>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let explain = |error| anyhow::anyhow!("cannot read the schema's state: {error}");
    let known: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(explain)?;
    let known: Vec<String> = known.iter().map(|step| step.name().version().to_string()).collect();
    let applied: Vec<MigrationVersion<'static>> = conn.applied_migrations().map_err(explain)?;
    let applied: Vec<String> = applied.iter().map(ToString::to_string).collect();
    Ok(SchemaState {
        pending: known.iter().filter(|step| !applied.contains(step)).cloned().collect(),
        unknown: applied.into_iter().filter(|step| !known.contains(step)).collect(),
    })
}
