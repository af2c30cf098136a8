//! Keys of programs: one for the public content interface, which stands in web pages, and one for
//! administration (protocol C.6). Both are made at the first start.

use data_encoding::HEXLOWER;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::api_keys;
use crate::db::{Conn, DbError, DbResult};
use crate::ids::ApiKeyId;
use crate::secrets::{self, SecretKey};

/// What a key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Content,
    Admin,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Content, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Admin => "admin",
        }
    }
}

/// A key as it is shown.
#[derive(Clone)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub kind: Kind,
    /// 26 hex characters, or for administration `{id}:{64 hex}`.
    pub shown: String,
}

fn seal_context(id: ApiKeyId) -> String {
    format!("api key {id}")
}

/// Makes a key of each kind that is missing.
pub fn ensure(conn: &mut Conn, secret: &SecretKey, now: Timestamp) -> DbResult<()> {
    for kind in Kind::ALL {
        let existing: i64 = api_keys::table.filter(api_keys::kind.eq(kind.as_str())).count().get_result(conn)?;
        if existing == 0 {
            add(conn, secret, kind, now)?;
        }
    }
    Ok(())
}

fn add(conn: &mut Conn, secret: &SecretKey, kind: Kind, now: Timestamp) -> DbResult<(ApiKeyId, String)> {
    let id = ApiKeyId::new(now);
    let text = match kind {
        Kind::Content => HEXLOWER.encode(&secrets::random::<13>()),
        Kind::Admin => HEXLOWER.encode(&secrets::random::<32>()),
    };
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(id),
            api_keys::kind.eq(kind.as_str()),
            api_keys::name.eq("first"),
            api_keys::secret_hash.eq(&secrets::sha256(text.as_bytes())[..]),
            api_keys::sealed.eq(secret.seal(&seal_context(id), text.as_bytes())),
            api_keys::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok((id, text))
}

/// Puts a new key in the place of the old ones of its kind, which are good no more.
pub fn rotate(conn: &mut Conn, secret: &SecretKey, kind: Kind, now: Timestamp) -> DbResult<()> {
    diesel::delete(api_keys::table.filter(api_keys::kind.eq(kind.as_str()))).execute(conn)?;
    add(conn, secret, kind, now)?;
    Ok(())
}

/// The oldest key of a kind, to be shown to whoever runs the site.
pub fn show(conn: &mut Conn, secret: &SecretKey, kind: Kind) -> DbResult<ApiKey> {
    let rows: Vec<(ApiKeyId, Vec<u8>)> = api_keys::table
        .filter(api_keys::kind.eq(kind.as_str()))
        .order(api_keys::id)
        .select((api_keys::id, api_keys::sealed))
        .load(conn)?;
    let (id, sealed) = rows
        .into_iter()
        .next()
        .ok_or_else(|| DbError::Corrupt(format!("there is no {} key; `readership serve` makes one", kind.as_str())))?;
    let text = secret
        .open(&seal_context(id), &sealed)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| DbError::Corrupt("the secret key does not fit this database".to_owned()))?;
    let shown = match kind {
        Kind::Content => text,
        Kind::Admin => format!("{id}:{text}"),
    };
    Ok(ApiKey { id, kind, shown })
}

/// What a key of administration may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Look, and nothing else.
    Read,
    All,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::All].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A key of administration, without its secret.
#[derive(Clone, Debug)]
pub struct Program {
    pub id: ApiKeyId,
    pub name: String,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Program {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

type ProgramRow = (ApiKeyId, String, String, Timestamp, Option<Timestamp>, Option<Timestamp>);

fn program((id, name, scope, created_at, expires_at, last_used_at): ProgramRow) -> DbResult<Program> {
    let scope = Scope::parse(&scope).ok_or_else(|| DbError::Corrupt(format!("scope {scope}")))?;
    Ok(Program { id, name, scope, created_at, expires_at, last_used_at })
}

/// The keys of administration, the oldest first.
pub fn programs(conn: &mut Conn) -> DbResult<Vec<Program>> {
    let rows: Vec<ProgramRow> = api_keys::table
        .filter(api_keys::kind.eq(Kind::Admin.as_str()))
        .order(api_keys::id)
        .select((
            api_keys::id,
            api_keys::name,
            api_keys::scope,
            api_keys::created_at,
            api_keys::expires_at,
            api_keys::last_used_at,
        ))
        .load(conn)?;
    rows.into_iter().map(program).collect()
}

/// Makes a key for a program; it is shown now and never again.
pub fn make(
    conn: &mut Conn,
    secret: &SecretKey,
    name: &str,
    scope: Scope,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> DbResult<ApiKey> {
    let (id, text) = add(conn, secret, Kind::Admin, now)?;
    diesel::update(api_keys::table.find(id))
        .set((api_keys::name.eq(name), api_keys::scope.eq(scope.as_str()), api_keys::expires_at.eq(expires_at)))
        .execute(conn)?;
    Ok(ApiKey { id, kind: Kind::Admin, shown: format!("{id}:{text}") })
}

/// Takes a key of administration away; whoever uses it is refused from the next call on. Returns its name.
pub fn revoke(conn: &mut Conn, id: ApiKeyId) -> DbResult<Option<String>> {
    let found = api_keys::table.find(id).filter(api_keys::kind.eq(Kind::Admin.as_str()));
    let name: Option<String> = found.select(api_keys::name).get_result(conn).optional()?;
    if name.is_some() {
        diesel::delete(api_keys::table.find(id)).execute(conn)?;
    }
    Ok(name)
}

/// A key that a call names, with the bytes its token is to be signed with.
pub enum Found {
    Admin(Program, Vec<u8>),
    /// A key of the content interface.
    Content,
}

pub fn by_id(conn: &mut Conn, secret: &SecretKey, id: ApiKeyId) -> DbResult<Option<Found>> {
    let row: Option<(String, Vec<u8>)> =
        api_keys::table.find(id).select((api_keys::kind, api_keys::sealed)).get_result(conn).optional()?;
    let Some((kind, sealed)) = row else { return Ok(None) };
    if kind != Kind::Admin.as_str() {
        return Ok(Some(Found::Content));
    }
    let Some(program) = programs(conn)?.into_iter().find(|program| program.id == id) else { return Ok(None) };
    let bytes = secret.open(&seal_context(id), &sealed).and_then(|text| HEXLOWER.decode(&text).ok());
    let bytes = bytes.ok_or_else(|| DbError::Corrupt("the secret key does not fit this database".to_owned()))?;
    Ok(Some(Found::Admin(program, bytes)))
}

/// Notes that a key was used.
pub fn touch(conn: &mut Conn, id: ApiKeyId, now: Timestamp) -> DbResult<()> {
    diesel::update(api_keys::table.find(id)).set(api_keys::last_used_at.eq(now)).execute(conn)?;
    Ok(())
}

/// What a text that a program sent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Content,
    /// A key of the other kind: its owner mixed them up.
    Admin,
    Unknown,
}

/// Looks a content key up.
pub fn look_up(conn: &mut Conn, text: &str) -> DbResult<Known> {
    // An administration key is shown with its id before it.
    let secret = text.rsplit(':').next().unwrap_or_default();
    let kind: Option<String> = api_keys::table
        .filter(api_keys::secret_hash.eq(&secrets::sha256(secret.as_bytes())[..]))
        .select(api_keys::kind)
        .get_result(conn)
        .optional()?;
    Ok(match kind.as_deref() {
        Some("content") if secret.len() == text.len() => Known::Content,
        Some("admin") => Known::Admin,
        _ => Known::Unknown,
    })
}
