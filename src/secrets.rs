//! Randomness, hashes and the key file. Secrets implement neither `Debug` nor `Display`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest, hmac, rand};
use data_encoding::{BASE64, BASE64URL_NOPAD};

/// `N` bytes from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Fails only when the operating system cannot give randomness at all; nothing may go on then.
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A number in `0..bound`, for jitter. Not for secrets: the remainder is very slightly uneven.
pub fn random_below(bound: u64) -> u64 {
    u64::from_be_bytes(random()) % bound.max(1)
}

pub type Sha256 = [u8; 32];

pub fn sha256(bytes: &[u8]) -> Sha256 {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Compares without telling by its duration where the two differ.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

/// A secret of 256 bits that travels in a cookie or a link, 43 characters of base64url.
/// Only [`Token::hash`] is ever stored (`reliability.md` T4, S1).
#[derive(Clone)]
pub struct Token(String);

impl Token {
    pub fn random() -> Self {
        Self::from_bytes(&random())
    }

    pub fn from_bytes(bytes: &Sha256) -> Self {
        Self(BASE64URL_NOPAD.encode(bytes))
    }

    /// Accepts exactly what this program hands out; everything else was never a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            text.len() == 43 && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok_and(|bytes| bytes.len() == 32);
        well_formed.then(|| Self(text.to_owned()))
    }

    pub fn hash(&self) -> Sha256 {
        sha256(self.0.as_bytes())
    }

    /// The text to put into a link or a cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What a derived key is for; keys of different purposes have nothing in common.
#[derive(Clone, Copy)]
pub enum Purpose {
    MagicLink,
    IntegrityToken,
    UnsubscribeLink,
    Sealing,
    Bucket,
    Code,
    CodeProof,
    UndoEmailChange,
    ErasedAddress,
    WaitingNumber,
    Trial,
    CardLink,
    StaffLink,
    StaffPlace,
    RecoveryCode,
    Audit,
}

impl Purpose {
    const ALL: [Self; 16] = [
        Self::MagicLink,
        Self::IntegrityToken,
        Self::UnsubscribeLink,
        Self::Sealing,
        Self::Bucket,
        Self::Code,
        Self::CodeProof,
        Self::UndoEmailChange,
        Self::ErasedAddress,
        Self::WaitingNumber,
        Self::Trial,
        Self::CardLink,
        Self::StaffLink,
        Self::StaffPlace,
        Self::RecoveryCode,
        Self::Audit,
    ];

    fn label(self) -> &'static [u8] {
        match self {
            Self::MagicLink => b"readership magic link",
            Self::IntegrityToken => b"readership integrity token",
            Self::UnsubscribeLink => b"readership unsubscribe link",
            Self::Sealing => b"readership sealing",
            Self::Bucket => b"readership bucket",
            Self::Code => b"readership code",
            Self::CodeProof => b"readership code proof",
            Self::UndoEmailChange => b"readership undo email change",
            Self::ErasedAddress => b"readership erased address",
            Self::WaitingNumber => b"readership waiting number",
            Self::Trial => b"readership trial",
            Self::CardLink => b"readership card link",
            Self::StaffLink => b"readership staff link",
            Self::StaffPlace => b"readership staff place",
            Self::RecoveryCode => b"readership recovery code",
            Self::Audit => b"readership audit log",
        }
    }
}

/// The 32 bytes that stand outside the database: links are derived from it and secrets that must
/// be read back are encrypted under it. Nodes that share a database share it.
#[derive(Clone)]
pub struct SecretKey {
    /// One for each purpose, in the order of [`Purpose::ALL`].
    derived: Arc<[hmac::Key; Purpose::ALL.len()]>,
}

/// Why a key could not be had. Names the path, never the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0} is not 32 bytes in base64")]
    NotAKey(String),
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
}

impl SecretKey {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let derive =
            |purpose: Purpose| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, purpose.label()).as_ref());
        Self { derived: Arc::new(Purpose::ALL.map(derive)) }
    }

    /// Reads a key written as base64; `origin` names where it came from.
    pub fn parse(text: &str, origin: &str) -> Result<Self, KeyError> {
        BASE64
            .decode(text.trim().as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self::from_bytes)
            .ok_or_else(|| KeyError::NotAKey(origin.to_owned()))
    }

    /// Reads the key file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map_err(|source| KeyError::at(path, source))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Makes a key file that only its owner can read, whole or not at all.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let key: [u8; 32] = random();
        write_private(path, BASE64.encode(&key).as_bytes()).map_err(|source| KeyError::at(path, source))?;
        Ok(Self::from_bytes(key))
    }

    /// HMAC-SHA256 of `message` under the key derived for `purpose`.
    pub fn hmac(&self, purpose: Purpose, message: &[u8]) -> Sha256 {
        let tag = hmac::sign(&self.derived[purpose as usize], message);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    fn sealing_key(&self) -> LessSafeKey {
        let key = self.hmac(Purpose::Sealing, b"aes-256-gcm");
        // A derived key always has the 32 bytes that AES-256 takes.
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are an AES-256 key"))
    }

    /// Encrypts what must be read back (AES-256-GCM, nonce first). `context` must be given again.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut sealed = plain.to_vec();
        // Sealing fails only for inputs of many gigabytes.
        self.sealing_key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context.as_bytes()), &mut sealed)
            .expect("the input is far below the limit of AES-GCM");
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        whole
    }

    /// Decrypts what [`SecretKey::seal`] wrote; `None` when the key or the context is another.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let mut buffer = rest.to_vec();
        let plain = self
            .sealing_key()
            .open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::from(context.as_bytes()), &mut buffer)
            .ok()?;
        Some(plain.to_vec())
    }
}

impl KeyError {
    fn at(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }
}

/// Writes a file of mode 0600 that appears under its name only when it is whole and on disk.
fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension("draft");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_43_characters_and_nothing_else_parses() {
        let token = Token::random();
        assert_eq!(token.reveal().len(), 43);
        assert!(Token::parse(token.reveal()).is_some());
        for text in ["", "short", &"a".repeat(44), &"*".repeat(43), "../../../../../../../../../../../etc/passwd"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_context() {
        let key = SecretKey::from_bytes([7; 32]);
        let sealed = key.seal("signing key", b"secret");
        assert_eq!(key.open("signing key", &sealed).as_deref(), Some(&b"secret"[..]));
        assert!(key.open("other", &sealed).is_none());
        assert!(SecretKey::from_bytes([8; 32]).open("signing key", &sealed).is_none());
        assert!(key.open("signing key", b"short").is_none());
    }
}
