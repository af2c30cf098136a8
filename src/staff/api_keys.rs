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

fn add(conn: &mut Conn, secret: &SecretKey, kind: Kind, now: Timestamp) -> DbResult<()> {
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
    Ok(())
}

/// Puts a new key in the place of the old ones of its kind, which are good no more.
pub fn rotate(conn: &mut Conn, secret: &SecretKey, kind: Kind, now: Timestamp) -> DbResult<()> {
    diesel::delete(api_keys::table.filter(api_keys::kind.eq(kind.as_str()))).execute(conn)?;
    add(conn, secret, kind, now)
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
