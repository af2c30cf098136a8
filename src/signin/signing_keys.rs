//! The RSA keys that member tokens are signed with, kept in the database, encrypted under the key
//! file, so that every node signs with the same one.
//!
//! A key that another one replaced is published a while longer, so that what it signed can still be
//! checked (`reliability.md` T16). Each node looks for new keys every few seconds, and a new one signs only
//! when all of them publish it: whoever checks a token may ask any of them for its key.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use diesel::prelude::*;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{Lifetimes, seconds};
use crate::db::schema::signing_keys;
use crate::db::{Conn, DbError, DbResult, on_either};
use crate::secrets::{self, SecretKey};

/// A key pair, ready to sign and to check.
pub struct SigningKey {
    pub kid: String,
    pub encoding: EncodingKey,
    pub decoding: DecodingKey,
    pub public: Jwk,
}

/// A public key as JWKS shows it (RFC 7517).
#[derive(Clone, Serialize)]
pub struct Jwk {
    pub kty: &'static str,
    pub kid: String,
    pub n: String,
    pub e: String,
}

/// A key pair that is about to be stored. Making one takes a while: do it outside transactions.
pub struct NewKey {
    pub kid: String,
    sealed: Vec<u8>,
}

fn seal_context(kid: &str) -> String {
    format!("signing key {kid}")
}

/// Makes a 2,048-bit key (the protocol's size, C.3), sealed under the key file.
pub fn generate(key: &SecretKey) -> anyhow::Result<NewKey> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow::anyhow!("no RSA key could be made"))?;
    let der = pair.as_der().map_err(|_| anyhow::anyhow!("the RSA key could not be written"))?;
    let kid = public_part(&pair).kid;
    Ok(NewKey { sealed: key.seal(&seal_context(&kid), der.as_ref()), kid })
}

/// Stores a key unless there is one: of several nodes that start at once, one wins.
pub fn store_first(conn: &mut Conn, new: &NewKey, now: Timestamp) -> DbResult<()> {
    if exists(conn)? { Ok(()) } else { store(conn, new, now) }
}

/// How long a new key is published before it signs: several times what nodes take to look for one.
pub const AHEAD: Duration = Duration::from_secs(20);

/// Puts a key in the place of the one that signs now, [`AHEAD`] of time.
pub fn rotate(conn: &mut Conn, new: &NewKey, now: Timestamp) -> DbResult<()> {
    diesel::update(signing_keys::table.filter(signing_keys::retired_at.is_null()))
        .set(signing_keys::retired_at.eq(now.plus(AHEAD)))
        .execute(conn)?;
    store(conn, new, now)
}

fn store(conn: &mut Conn, new: &NewKey, now: Timestamp) -> DbResult<()> {
    let row = (signing_keys::kid.eq(&new.kid), signing_keys::sealed.eq(&new.sealed), signing_keys::created_at.eq(now));
    on_either!(conn, conn => diesel::insert_into(signing_keys::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

pub fn exists(conn: &mut Conn) -> DbResult<bool> {
    let count: i64 = signing_keys::table.count().get_result(conn)?;
    Ok(count > 0)
}

/// Drops keys that are not published any more.
pub fn purge(conn: &mut Conn, lifetimes: &Lifetimes, now: Timestamp) -> DbResult<usize> {
    let before = now.minus(seconds(lifetimes.retired_key_s));
    Ok(diesel::delete(signing_keys::table.filter(signing_keys::retired_at.lt(before))).execute(conn)?)
}

/// A key, and since when it signs no more.
#[derive(Clone)]
struct Held {
    key: Arc<SigningKey>,
    retired_at: Option<Timestamp>,
}

/// The keys this process knows. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct KeyRing {
    held: Arc<RwLock<Vec<Held>>>,
    secret: SecretKey,
    lifetimes: Lifetimes,
}

impl KeyRing {
    /// Reads what there is; at least one key must be.
    pub fn load(conn: &mut Conn, secret: &SecretKey, lifetimes: &Lifetimes) -> DbResult<Self> {
        let ring = Self { held: Arc::default(), secret: secret.clone(), lifetimes: lifetimes.clone() };
        ring.refresh(conn)?;
        Ok(ring)
    }

    /// Looks for keys that came or went. Reads two columns, and opens only what is new.
    pub fn refresh(&self, conn: &mut Conn) -> DbResult<()> {
        // The oldest that signs is first: nodes that started at once agree on it.
        let known: Vec<(String, Option<Timestamp>)> = signing_keys::table
            .order((signing_keys::created_at, signing_keys::kid))
            .select((signing_keys::kid, signing_keys::retired_at))
            .load(conn)?;
        let old = self.read().clone();
        let mut new = Vec::with_capacity(known.len());
        for (kid, retired_at) in known {
            let key = match old.iter().find(|held| held.key.kid == kid) {
                Some(held) => Arc::clone(&held.key),
                None => Arc::new(open(conn, &self.secret, &kid)?),
            };
            new.push(Held { key, retired_at });
        }
        if new.iter().all(|held| held.retired_at.is_some()) {
            return Err(DbError::Corrupt("there is no key to sign member tokens with".to_owned()));
        }
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that signs now.
    pub fn signing(&self, now: Timestamp) -> Arc<SigningKey> {
        let held = self.read();
        let signs = |held: &&Held| held.retired_at.is_none_or(|at| now < at);
        // `refresh` keeps no ring without one.
        let found = held.iter().find(signs).expect("a ring has a key that signs");
        Arc::clone(&found.key)
    }

    /// The key of this name, while it is published.
    pub fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<SigningKey>> {
        let held = self.read();
        held.iter().find(|held| held.key.kid == kid && self.is_published(held, now)).map(|held| Arc::clone(&held.key))
    }

    /// What JWKS shows: the key that signs, those that did a moment ago, and the one that is about to.
    pub fn published(&self, now: Timestamp) -> Vec<Jwk> {
        self.read().iter().filter(|held| self.is_published(held, now)).map(|held| held.key.public.clone()).collect()
    }

    fn is_published(&self, held: &Held, now: Timestamp) -> bool {
        held.retired_at.is_none_or(|at| now < at.plus(seconds(self.lifetimes.retired_key_s)))
    }
}

fn open(conn: &mut Conn, secret: &SecretKey, kid: &str) -> DbResult<SigningKey> {
    let sealed: Vec<u8> = signing_keys::table.find(kid).select(signing_keys::sealed).get_result(conn)?;
    let pkcs8 = secret.open(&seal_context(kid), &sealed).ok_or_else(|| {
        DbError::Corrupt("the secret key does not fit this database; use the key file it was made with".to_owned())
    })?;
    let unreadable = || DbError::Corrupt("the signing key cannot be read".to_owned());
    let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| unreadable())?;
    let public = public_part(&pair);
    let decoding = DecodingKey::from_rsa_components(&public.n, &public.e).map_err(|_| unreadable())?;
    // Only from PEM does jsonwebtoken take PKCS #8, which is what aws-lc writes.
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(&pkcs8));
    let encoding = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    Ok(SigningKey { kid: public.kid.clone(), encoding, decoding, public })
}

/// Modulus, exponent and the RFC 7638 thumbprint that names the key.
fn public_part(pair: &KeyPair) -> Jwk {
    let public = pair.public_key();
    let n = BASE64URL_NOPAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = BASE64URL_NOPAD.encode(public.exponent().big_endian_without_leading_zero());
    let kid = BASE64URL_NOPAD.encode(&secrets::sha256(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes()));
    Jwk { kty: "RSA", kid, n, e }
}
