//! Signing mails (RFC 6376; RSA-2048, SHA-256, relaxed/relaxed), with keys that are made and kept here.
//!
//! The signature is made over the very bytes that go out. A key counts once staff say that its record
//! stands in the DNS; until then mails go out as before, so that none is signed with a key that nobody can
//! look up. lettre's own signer takes Content-Type for a part's and needs a second RSA library.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use data_encoding::BASE64;
use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::dkim_keys;
use crate::db::{Conn, DbError, DbResult};
use crate::secrets::{self, SecretKey};

/// A key, as staff see it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = dkim_keys)]
pub struct Key {
    pub selector: String,
    pub domain: String,
    /// DER (SubjectPublicKeyInfo) in base64, as the record holds it.
    pub public_key: String,
    pub created_at: Timestamp,
    /// Since when mails are signed with it.
    pub used_since: Option<Timestamp>,
}

impl Key {
    /// Where its record stands.
    pub fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// What the record says.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k=rsa; p={}", self.public_key)
    }
}

/// A key that is about to be stored. Making one takes a while: do it outside transactions.
pub struct NewKey {
    selector: String,
    domain: String,
    sealed: Vec<u8>,
    public_key: String,
}

impl NewKey {
    pub fn selector(&self) -> &str {
        &self.selector
    }
}

fn context(selector: &str) -> String {
    format!("dkim key {selector}")
}

/// Makes a key for a domain. Its selector is of the day, so that one can tell old from new.
pub fn generate(key: &SecretKey, domain: &str, now: Timestamp) -> anyhow::Result<NewKey> {
    let failed = |_| anyhow::anyhow!("no RSA key could be made");
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let private = pair.as_der().map_err(failed)?;
    let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(failed)?;
    let (year, month, day, ..) = now.calendar_parts();
    let random = data_encoding::HEXLOWER.encode(&secrets::random::<2>());
    let selector = format!("r{year:04}{month:02}{day:02}{random}");
    Ok(NewKey {
        sealed: key.seal(&context(&selector), private.as_ref()),
        public_key: BASE64.encode(public.as_ref()),
        domain: domain.to_owned(),
        selector,
    })
}

pub fn store(conn: &mut Conn, new: &NewKey, now: Timestamp) -> DbResult<()> {
    diesel::insert_into(dkim_keys::table)
        .values((
            dkim_keys::selector.eq(&new.selector),
            dkim_keys::domain.eq(&new.domain),
            dkim_keys::sealed.eq(&new.sealed),
            dkim_keys::public_key.eq(&new.public_key),
            dkim_keys::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The keys of a domain, the newest first.
pub fn of_domain(conn: &mut Conn, domain: &str) -> DbResult<Vec<Key>> {
    Ok(dkim_keys::table
        .filter(dkim_keys::domain.eq(domain))
        .order(dkim_keys::created_at.desc())
        .select(Key::as_select())
        .load(conn)?)
}

/// Lets mails be signed with a key from now on, in the place of any other. Returns whether there is one.
pub fn use_key(conn: &mut Conn, selector: &str, now: Timestamp) -> DbResult<bool> {
    let used = diesel::update(dkim_keys::table.find(selector)).set(dkim_keys::used_since.eq(now)).execute(conn)?;
    Ok(used == 1)
}

/// Forgets a key; mails that are signed with it already can be checked as long as its record stands.
pub fn remove(conn: &mut Conn, selector: &str) -> DbResult<bool> {
    Ok(diesel::delete(dkim_keys::table.find(selector)).execute(conn)? == 1)
}

/// The selector that mails of a domain are signed with now, if any.
pub fn in_use(conn: &mut Conn, domain: &str) -> DbResult<Option<String>> {
    Ok(dkim_keys::table
        .filter(dkim_keys::domain.eq(domain).and(dkim_keys::used_since.is_not_null()))
        .order(dkim_keys::used_since.desc())
        .select(dkim_keys::selector)
        .first(conn)
        .optional()?)
}

/// Signs with one key.
pub struct Signer {
    selector: String,
    domain: String,
    pair: KeyPair,
}

impl Signer {
    /// Reads a key.
    pub fn read(conn: &mut Conn, key: &SecretKey, selector: &str) -> DbResult<Self> {
        let (domain, sealed): (String, Vec<u8>) =
            dkim_keys::table.find(selector).select((dkim_keys::domain, dkim_keys::sealed)).get_result(conn)?;
        let corrupt = || DbError::Corrupt("the secret key does not fit this DKIM key".to_owned());
        let der = key.open(&context(selector), &sealed).ok_or_else(corrupt)?;
        let pair = KeyPair::from_pkcs8(&der).map_err(|_| corrupt())?;
        Ok(Self { selector: selector.to_owned(), domain, pair })
    }

    /// The mail with its signature before it. `None`: the bytes are no mail, or signing failed.
    pub fn sign(&self, mail: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        let end = mail.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = (&mail[..end + 2], &mail[end + 4..]);
        let fields = fields(head);
        let body_hash = BASE64.encode(&secrets::sha256(&relaxed_body(body)));
        let names = signed_names(&fields);
        let unsigned = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={}; s={};\r\n\tt={}; h={};\r\n\tbh={body_hash};\r\n\tb=",
            self.domain,
            self.selector,
            now.seconds(),
            names.join(":\r\n\t "),
        );
        let mut message = Vec::new();
        let mut left: Vec<&Field<'_>> = fields.iter().collect();
        for name in &names {
            // Of several fields with one name the last is taken first; one that is not there signs that.
            if let Some(at) = left.iter().rposition(|field| field.is(name)) {
                message.extend(left.remove(at).relaxed());
            }
        }
        let own = Field::of(unsigned.as_bytes())?.relaxed();
        // Without the line's end (RFC 6376, 3.7).
        message.extend(&own[..own.len() - 2]);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).ok()?;
        let mut whole = unsigned.into_bytes();
        let text = BASE64.encode(&signature);
        for (number, part) in text.as_bytes().chunks(72).enumerate() {
            if number > 0 {
                whole.extend(b"\r\n\t ");
            }
            whole.extend(part);
        }
        whole.extend(b"\r\n");
        whole.extend(mail);
        Some(whole)
    }
}

/// What is signed: who, whom, what, when, and how one leaves. Those of `OVER` are named once more than they
/// are there, so that none can be added on the way.
const SIGNED: [&str; 13] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "mime-version",
    "content-type",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "feedback-id",
];
const OVER: [&str; 7] = ["from", "to", "subject", "date", "reply-to", "list-unsubscribe", "list-unsubscribe-post"];

fn signed_names(fields: &[Field<'_>]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in SIGNED {
        let there = fields.iter().filter(|field| field.is(name)).count();
        names.extend(std::iter::repeat_n(name, there + usize::from(OVER.contains(&name))));
    }
    names
}

/// A header field: its name, and everything behind the colon with the line's end.
struct Field<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Field<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some(Self { name: &line[..colon], value: &line[colon + 1..] })
    }

    fn is(&self, name: &str) -> bool {
        self.name.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
    }

    /// RFC 6376, 3.4.2.
    fn relaxed(&self) -> Vec<u8> {
        let mut text = self.name.trim_ascii().to_ascii_lowercase();
        text.push(b':');
        let unfolded: Vec<u8> = self.value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        text.extend(single_blanks(unfolded.trim_ascii()));
        text.extend(b"\r\n");
        text
    }
}

/// The fields of a header block, with their continuation lines.
fn fields(head: &[u8]) -> Vec<Field<'_>> {
    let (mut all, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(end) = head[at..].windows(2).position(|two| two == b"\r\n").map(|end| at + end + 2) {
        at = end;
        let goes_on = matches!(head.get(at), Some(b' ' | b'\t'));
        if !goes_on {
            all.extend(Field::of(&head[begin..at]));
            begin = at;
        }
    }
    all
}

fn single_blanks(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(line.len());
    for byte in line {
        let is_blank = matches!(byte, b' ' | b'\t');
        match (is_blank, text.last()) {
            (true, Some(b' ')) => {}
            (true, _) => text.push(b' '),
            (false, _) => text.push(*byte),
        }
    }
    text
}

/// RFC 6376, 3.4.4.
fn relaxed_body(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = single_blanks(line.strip_suffix(b"\r").unwrap_or(line));
        text.extend(line.strip_suffix(b" ").unwrap_or(&line));
        text.extend(b"\r\n");
    }
    while text.ends_with(b"\r\n\r\n") {
        text.truncate(text.len() - 2);
    }
    if text == b"\r\n" {
        text.clear();
    }
    text
}

/// The signer that was used last: reading a key takes longer than signing.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Option<Arc<Signer>>>>);

impl Kept {
    /// The signer of a domain now, if its mails are signed.
    pub fn of(&self, conn: &mut Conn, key: &SecretKey, domain: &str) -> DbResult<Option<Arc<Signer>>> {
        let Some(selector) = in_use(conn, domain)? else { return Ok(None) };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = kept.as_ref().filter(|signer| signer.selector == selector) {
            return Ok(Some(Arc::clone(signer)));
        }
        let signer = Arc::new(Signer::read(conn, key, &selector)?);
        *kept = Some(Arc::clone(&signer));
        Ok(Some(signer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_relaxed_is_as_the_rfc_shows_it() {
        // RFC 6376, 3.4.5.
        let head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
        let relaxed: Vec<u8> = fields(head).iter().flat_map(Field::relaxed).collect();
        assert_eq!(relaxed, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n"), b" C\r\nD E\r\n");
        assert_eq!(relaxed_body(b"\r\n\r\n"), b"");
        assert_eq!(relaxed_body(b""), b"");
        assert_eq!(relaxed_body(b"no end"), b"no end\r\n");
    }
}
