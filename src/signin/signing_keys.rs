//! The RSA key that member tokens are signed with, kept in the database, encrypted under the key
//! file, so that every node signs with the same one.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use diesel::prelude::*;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::Serialize;

use crate::clock::Timestamp;
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
    kid: String,
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
    if exists(conn)? {
        return Ok(());
    }
    let row = (signing_keys::kid.eq(&new.kid), signing_keys::sealed.eq(&new.sealed), signing_keys::created_at.eq(now));
    on_either!(conn, conn => diesel::insert_into(signing_keys::table).values(row).on_conflict_do_nothing().execute(conn)?);
    Ok(())
}

pub fn exists(conn: &mut Conn) -> DbResult<bool> {
    let count: i64 = signing_keys::table.count().get_result(conn)?;
    Ok(count > 0)
}

/// Reads the oldest key: the one that every node agrees on.
pub fn load(conn: &mut Conn, key: &SecretKey) -> DbResult<SigningKey> {
    let (kid, sealed): (String, Vec<u8>) = signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select((signing_keys::kid, signing_keys::sealed))
        .first(conn)?;
    let pkcs8 = key.open(&seal_context(&kid), &sealed).ok_or_else(|| {
        DbError::Corrupt("the secret key does not fit this database; use the key file it was made with".to_owned())
    })?;
    let unreadable = |_| DbError::Corrupt("the signing key cannot be read".to_owned());
    let pair = KeyPair::from_pkcs8(&pkcs8).map_err(unreadable)?;
    let public = public_part(&pair);
    let decoding = DecodingKey::from_rsa_components(&public.n, &public.e)
        .map_err(|_| DbError::Corrupt("the signing key cannot be read".to_owned()))?;
    // Only from PEM does jsonwebtoken take PKCS #8, which is what aws-lc writes.
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64.encode(&pkcs8));
    let encoding = EncodingKey::from_rsa_pem(pem.as_bytes())
        .map_err(|_| DbError::Corrupt("the signing key cannot be read".to_owned()))?;
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
