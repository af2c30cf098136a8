//! Backups: one SQLite file, whichever database it comes from and goes to. It is written while the
//! service runs, from one consistent moment, and checked before it gets its name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, SqliteConnection, sql_query};

use super::connect::{self, Role};
use super::{Conn, lock_file, migrate};
use crate::config::DatabaseUrl;
use crate::site_facts;

/// Every table, parents before those that refer to them.
const TABLES: [&str; 46] = [
    "settings",
    "signing_keys",
    "members",
    "sessions",
    "newsletters",
    "newsletter_subscriptions",
    "labels",
    "member_labels",
    "consent_texts",
    "consents",
    "member_events",
    "magic_links",
    "outbox",
    "suppressions",
    "rate_limits",
    "member_attributions",
    "email_changes",
    "erased_addresses",
    "api_keys",
    "tiers",
    "tier_prices",
    "offers",
    "stripe_customers",
    "paid_subscriptions",
    "offer_redemptions",
    "payments",
    "comps",
    "trials",
    "checkouts",
    "stripe_events",
    "billing_notices",
    "staff",
    "staff_recovery_codes",
    "staff_sessions",
    "staff_places",
    "staff_links",
    "staff_notices",
    "audit_log",
    "member_notes",
    "daily_figures",
    "jobs",
    "job_pieces",
    "job_lines",
    "job_members",
    "stored_settings",
    "dkim_keys",
];

/// Rows that travel at once.
const BATCH: i64 = 2_000;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Writes a backup and returns how many rows it holds.
pub fn write(url: &DatabaseUrl, file: &Path) -> anyhow::Result<i64> {
    ensure!(!file.exists(), "{} exists already", file.display());
    let draft = draft_of(file);
    let _ = fs::remove_file(&draft);
    let written = match url {
        DatabaseUrl::Sqlite(path) => copy_sqlite(path, &draft),
        DatabaseUrl::Postgres(address) => copy_from_postgres(address, &draft),
    };
    let rows = written.and_then(|()| check(&draft)).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })?;
    fs::File::open(&draft)?.sync_all()?;
    fs::rename(&draft, file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(rows)
}

fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".draft");
    file.with_file_name(name)
}

/// SQLite copies itself from one read transaction, whatever is written meanwhile.
fn copy_sqlite(path: &Path, draft: &Path) -> anyhow::Result<()> {
    ensure!(path.exists(), "{} does not exist", path.display());
    let mut conn = connect::sqlite(path, Role::Write)?;
    sql_query("VACUUM INTO ?")
        .bind::<Text, _>(draft.to_string_lossy())
        .execute(&mut conn)
        .with_context(|| format!("cannot write {}", draft.display()))?;
    Ok(())
}

fn copy_from_postgres(address: &str, draft: &Path) -> anyhow::Result<()> {
    migrate::run(&DatabaseUrl::Sqlite(draft.to_owned()))?;
    let mut source = connect::postgres(address)?;
    let mut target = connect::sqlite(draft, Role::Write)?;
    source.batch_execute("SET statement_timeout = '0'; SET idle_in_transaction_session_timeout = '0'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    target.batch_execute("BEGIN")?;
    for table in TABLES {
        let columns = columns(&mut target, table)?;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = columns.iter().map(Column::json_reader).collect();
        let insert =
            format!("INSERT INTO {table} ({}) SELECT {} FROM json_each(?)", names.join(", "), values.join(", "));
        source.batch_execute(&format!(
            "DECLARE rows NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS text FROM {table} t"
        ))?;
        loop {
            let batch: Vec<Answer> = sql_query(format!("FETCH {BATCH} FROM rows")).load(&mut source)?;
            if batch.is_empty() {
                break;
            }
            let rows = format!("[{}]", batch.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join(","));
            sql_query(&insert).bind::<Text, _>(rows).execute(&mut target)?;
        }
        source.batch_execute("CLOSE rows")?;
        ensure!(
            count(&mut target, table)? == pg_count(&mut source, table)?,
            "the copy of {table} has another number of rows"
        );
    }
    target.batch_execute("COMMIT; PRAGMA journal_mode = DELETE")?;
    source.batch_execute("COMMIT")?;
    Ok(())
}

/// A backup is whole: its pages, its references, and every table this program knows.
fn check(file: &Path) -> anyhow::Result<i64> {
    let mut conn = connect::sqlite(file, Role::Read)?;
    let verdict: Answer =
        sql_query("SELECT integrity_check AS text FROM pragma_integrity_check LIMIT 1").get_result(&mut conn)?;
    ensure!(verdict.text == "ok", "the copy is damaged: {}", verdict.text);
    let dangling: Count = sql_query("SELECT count(*) AS count FROM pragma_foreign_key_check").get_result(&mut conn)?;
    ensure!(dangling.count == 0, "the copy has {} rows that refer to nothing", dangling.count);
    TABLES.iter().map(|table| count(&mut conn, table)).sum()
}

/// Fills an empty database from a backup and pauses sending. Returns how many rows it holds.
pub fn restore(url: &DatabaseUrl, file: &Path) -> anyhow::Result<i64> {
    ensure!(file.exists(), "{} does not exist", file.display());
    let state = migrate::schema_state(&DatabaseUrl::Sqlite(file.to_owned()))
        .with_context(|| format!("{} is not a backup", file.display()))?;
    ensure!(
        state.unknown.is_empty(),
        "the backup was made by a newer version of readership (it has {}); restore it with that version",
        state.unknown.join(", ")
    );
    let rows = check(file)?;
    match url {
        DatabaseUrl::Sqlite(path) => {
            ensure!(!path.exists(), "{} exists already; move it away first", path.display());
            let _lock = lock_file(path)?;
            let draft = draft_of(path);
            fs::copy(file, &draft).with_context(|| format!("cannot write {}", draft.display()))?;
            migrate::run(&DatabaseUrl::Sqlite(draft.clone()))?;
            pause(&mut Conn::Sqlite(connect::sqlite(&draft, Role::Write)?))?;
            fs::File::open(&draft)?.sync_all()?;
            fs::rename(&draft, path)?;
        }
        DatabaseUrl::Postgres(address) => {
            // The backup may be older than this program: bring a copy of it up to date first.
            // Its folder is nobody else's, and goes whatever happens.
            let folder = tempfile::tempdir()?;
            let copy = folder.path().join("backup.db");
            fs::copy(file, &copy)?;
            migrate::run(&DatabaseUrl::Sqlite(copy.clone()))?;
            copy_to_postgres(&copy, address)?;
        }
    }
    Ok(rows)
}

fn pause(conn: &mut Conn) -> anyhow::Result<()> {
    site_facts::pause_sending(conn, true)?;
    if let Conn::Sqlite(conn) = conn {
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

fn copy_to_postgres(file: &Path, address: &str) -> anyhow::Result<()> {
    migrate::run(&DatabaseUrl::Postgres(address.to_owned()))?;
    let mut source = connect::sqlite(file, Role::Read)?;
    let mut conn = Conn::Postgres(connect::postgres(address)?);
    let Conn::Postgres(target) = &mut conn else { bail!("a PostgreSQL connection was opened") };
    target.batch_execute("SET statement_timeout = '0'; BEGIN")?;
    for table in TABLES {
        ensure!(pg_count(target, table)? == 0, "the database is not empty ({table} has rows); restore into a new one");
        let fields: Vec<String> = columns(&mut source, table)?.iter().map(Column::to_json).collect();
        let mut offset = 0;
        loop {
            let select = format!(
                "SELECT coalesce(json_group_array(json_object({})), '[]') AS text, count(*) AS count FROM (SELECT * FROM {table} LIMIT {BATCH} OFFSET {offset})",
                fields.join(", ")
            );
            let batch: Batch = sql_query(select).get_result(&mut source)?;
            if batch.count == 0 {
                break;
            }
            sql_query(format!("INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $1::json)"))
                .bind::<Text, _>(batch.text)
                .execute(target)
                .with_context(|| format!("cannot fill {table}"))?;
            offset += BATCH;
        }
        ensure!(
            pg_count(target, table)? == count(&mut source, table)?,
            "the copy of {table} has another number of rows"
        );
    }
    site_facts::pause_sending(&mut conn, true)?;
    conn.batch_execute("COMMIT")?;
    Ok(())
}

#[derive(QueryableByName)]
struct Batch {
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn columns(conn: &mut SqliteConnection, table: &str) -> anyhow::Result<Vec<Column>> {
    Ok(sql_query("SELECT name, upper(type) AS kind FROM pragma_table_info(?)").bind::<Text, _>(table).load(conn)?)
}

impl Column {
    /// How SQLite reads this column from a row that PostgreSQL wrote as JSON: bytes come as `\x…`.
    fn json_reader(&self) -> String {
        let field = format!("json_extract(value, '$.{}')", self.name);
        if self.kind == "BLOB" { format!("unhex(substr({field}, 3))") } else { field }
    }

    /// How SQLite writes this column for PostgreSQL to read.
    fn to_json(&self) -> String {
        let name = &self.name;
        let value = match self.kind.as_str() {
            "BLOB" => format!("CASE WHEN {name} IS NULL THEN NULL ELSE '\\x' || hex({name}) END"),
            "BOOLEAN" => {
                format!("CASE {name} WHEN 1 THEN json('true') WHEN 0 THEN json('false') END")
            }
            _ => name.clone(),
        };
        format!("'{name}', {value}")
    }
}

fn count(conn: &mut SqliteConnection, table: &str) -> anyhow::Result<i64> {
    Ok(sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result::<Count>(conn)?.count)
}

fn pg_count(conn: &mut PgConnection, table: &str) -> anyhow::Result<i64> {
    Ok(sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result::<Count>(conn)?.count)
}
