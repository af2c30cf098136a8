//! What staff did: who, what, when, from where, before and after (`reliability.md` A13).
//!
//! The log only grows. Every row is sealed together with the seal of the row before it, under the key
//! file: whoever can write to the database but has no key can neither change nor take out a row without
//! [`verify`] naming it. No address of a member stands here, so that erasing somebody leaves nothing.

use diesel::prelude::*;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::db::schema::audit_log;
use crate::db::{Conn, Db, DbError, DbResult};
use crate::ids::{ApiKeyId, StaffId};
use crate::secrets::{Purpose, SecretKey, Sha256, equal};

/// Who does something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// `staff`, `program` or `command`.
    pub kind: &'static str,
    pub id: String,
    pub name: String,
    /// The network it came from, cut short.
    pub client: String,
    /// `x-request-id`, as in the program's log.
    pub request_id: String,
}

impl Actor {
    pub fn staff(id: StaffId, name: &str, client: String, request_id: String) -> Self {
        Self { kind: "staff", id: id.to_string(), name: name.to_owned(), client, request_id }
    }

    /// Whoever is at the machine's own command line.
    pub fn command() -> Self {
        Self {
            kind: "command",
            id: String::new(),
            name: "command line".to_owned(),
            client: String::new(),
            request_id: String::new(),
        }
    }

    /// A program with a key of its own.
    pub fn program(id: ApiKeyId, name: &str, client: String, request_id: String) -> Self {
        Self { kind: "program", id: id.to_string(), name: name.to_owned(), client, request_id }
    }

    /// Somebody who did not prove who they are.
    pub fn nobody(client: String, request_id: String) -> Self {
        Self { kind: "nobody", id: String::new(), name: String::new(), client, request_id }
    }
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Such as `member.comp`.
    pub action: &'static str,
    /// What it was done to: kind and id.
    pub target: (&'static str, String),
    /// What changed, and how it was. `Null` where nothing was there.
    pub before: Value,
    pub after: Value,
}

impl Deed {
    pub fn to(action: &'static str, kind: &'static str, id: impl ToString) -> Self {
        Self { action, target: (kind, id.to_string()), before: Value::Null, after: Value::Null }
    }

    pub fn with(self, after: Value) -> Self {
        Self { after, ..self }
    }

    pub fn from(self, before: Value) -> Self {
        Self { before, ..self }
    }
}

/// Changes something and writes down who did, in one transaction.
pub async fn change<T: Send + 'static>(
    db: &Db,
    key: SecretKey,
    actor: Actor,
    now: Timestamp,
    f: impl FnOnce(&mut Conn, &mut Scribe<'_>, Timestamp) -> DbResult<T> + Send + 'static,
) -> DbResult<T> {
    db.write(move |conn| {
        let mut scribe = Scribe::new(&actor, &key, now);
        f(conn, &mut scribe, now)
    })
    .await
}

/// Writes down what somebody does, in the transaction that does it.
pub struct Scribe<'a> {
    pub actor: &'a Actor,
    pub key: &'a SecretKey,
    now: Timestamp,
}

impl<'a> Scribe<'a> {
    pub fn new(actor: &'a Actor, key: &'a SecretKey, now: Timestamp) -> Self {
        Self { actor, key, now }
    }

    pub fn record(&mut self, conn: &mut Conn, deed: &Deed) -> DbResult<()> {
        record(conn, self.key, self.actor, deed, self.now)
    }
}

/// A row of the log.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log)]
pub struct Entry {
    pub number: i64,
    pub at: Timestamp,
    pub actor_kind: String,
    pub actor_id: String,
    pub actor_name: String,
    pub action: String,
    pub target_kind: String,
    pub target_id: String,
    pub client: String,
    pub request_id: String,
    pub before: String,
    pub after: String,
    pub seal: Vec<u8>,
}

impl Entry {
    /// Under the key, over the seal before and every field with its length, so that no two rows are
    /// written alike.
    fn sealed(&self, key: &SecretKey, previous: &[u8]) -> Sha256 {
        let mut message = previous.to_vec();
        message.extend(self.number.to_be_bytes());
        message.extend(self.at.millis().to_be_bytes());
        for field in [
            &self.actor_kind,
            &self.actor_id,
            &self.actor_name,
            &self.action,
            &self.target_kind,
            &self.target_id,
            &self.client,
            &self.request_id,
            &self.before,
            &self.after,
        ] {
            message.extend(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            message.extend(field.as_bytes());
        }
        key.hmac(Purpose::Audit, &message)
    }
}

/// Writes down what was done, in the transaction that does it.
pub fn record(conn: &mut Conn, key: &SecretKey, actor: &Actor, deed: &Deed, now: Timestamp) -> DbResult<()> {
    // Of several nodes one adds at a time. SQLite has one writer anyhow.
    if let Conn::Postgres(conn) = conn {
        diesel::sql_query("LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE").execute(conn)?;
    }
    let last: Option<(i64, Vec<u8>)> = audit_log::table
        .order(audit_log::number.desc())
        .select((audit_log::number, audit_log::seal))
        .first(conn)
        .optional()?;
    let (number, previous) = last.map_or((1, Vec::new()), |(number, seal)| (number + 1, seal));
    let text = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
    let mut entry = Entry {
        number,
        at: now,
        actor_kind: actor.kind.to_owned(),
        actor_id: actor.id.clone(),
        actor_name: actor.name.clone(),
        action: deed.action.to_owned(),
        target_kind: deed.target.0.to_owned(),
        target_id: deed.target.1.clone(),
        client: actor.client.clone(),
        request_id: actor.request_id.clone(),
        before: text(&deed.before),
        after: text(&deed.after),
        seal: Vec::new(),
    };
    entry.seal = entry.sealed(key, &previous).to_vec();
    diesel::insert_into(audit_log::table).values(&entry).execute(conn)?;
    Ok(())
}

/// What a look through the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many rows, the last with this seal: keep both elsewhere to notice a log that was cut short.
    Whole { rows: i64, last_seal: Vec<u8> },
    /// This row, or the one before it, is not as it was written; or it is missing.
    Broken { number: i64 },
}

/// Rows looked at in one read.
const AT_ONCE: i64 = 1_000;

/// Looks through the whole log.
pub fn verify(conn: &mut Conn, key: &SecretKey) -> DbResult<Verdict> {
    let (mut rows, mut previous) = (0, Vec::new());
    loop {
        let some: Vec<Entry> = audit_log::table
            .filter(audit_log::number.gt(rows))
            .order(audit_log::number)
            .limit(AT_ONCE)
            .select(Entry::as_select())
            .load(conn)?;
        if some.is_empty() {
            return Ok(Verdict::Whole { rows, last_seal: previous });
        }
        for entry in some {
            if entry.number != rows + 1 || !equal(&entry.seal, &entry.sealed(key, &previous)) {
                return Ok(Verdict::Broken { number: rows + 1 });
            }
            rows = entry.number;
            previous = entry.seal;
        }
    }
}

/// Which rows are wanted. Empty texts say nothing.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub actor: String,
    pub action: String,
    pub target: Option<(String, String)>,
    /// Rows before this number.
    pub before: Option<i64>,
}

/// A page of the log, the newest first.
pub fn page(conn: &mut Conn, wanted: &Wanted, most: i64) -> DbResult<Vec<Entry>> {
    let mut query =
        audit_log::table.order(audit_log::number.desc()).limit(most).select(Entry::as_select()).into_boxed();
    if !wanted.actor.is_empty() {
        query = query.filter(audit_log::actor_id.eq(&wanted.actor));
    }
    if !wanted.action.is_empty() {
        query = query.filter(audit_log::action.eq(&wanted.action));
    }
    if let Some((kind, id)) = &wanted.target {
        query = query.filter(audit_log::target_kind.eq(kind).and(audit_log::target_id.eq(id)));
    }
    if let Some(before) = wanted.before {
        query = query.filter(audit_log::number.lt(before));
    }
    Ok(query.load(conn)?)
}

/// Every action that stands in the log, for choosing one.
pub fn actions(conn: &mut Conn) -> DbResult<Vec<String>> {
    Ok(audit_log::table.select(audit_log::action).distinct().order(audit_log::action).load(conn)?)
}

/// A problem of the log in words, for commands.
pub fn broken(number: i64) -> DbError {
    DbError::Corrupt(format!("row {number} of the audit log is not as it was written"))
}
