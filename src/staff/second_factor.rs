//! The second factor: codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds, one step
//! to either side), each good once, and ten recovery codes (`reliability.md` A5).

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use diesel::prelude::*;
use totp_rs::{Builder, Totp};

use crate::clock::Timestamp;
use crate::db::schema::{staff, staff_recovery_codes};
use crate::db::{Conn, DbError, DbResult};
use crate::ids::StaffId;
use crate::secrets::{self, Purpose, SecretKey};

/// Recovery codes that are handed out together.
const CODES: usize = 10;

/// The secret that an app and we share.
#[derive(Clone, Copy)]
pub struct Secret([u8; 20]);

impl Secret {
    pub fn random() -> Self {
        Self(secrets::random())
    }

    /// As it is typed into an app.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// As apps read it from a picture.
    pub fn address(&self, site: &str, account: &str) -> String {
        let mut url = url::Url::parse("otpauth://totp/").expect("a constant address parses");
        url.set_path(&format!("/{site}:{account}"));
        url.query_pairs_mut().append_pair("secret", &self.base32()).append_pair("issuer", site);
        url.to_string()
    }

    /// The secret, sealed for a form's hidden field and for the database.
    pub fn seal(&self, key: &SecretKey, id: StaffId) -> Vec<u8> {
        key.seal(&context(id), &self.0)
    }

    pub fn open(key: &SecretKey, id: StaffId, sealed: &[u8]) -> Option<Self> {
        key.open(&context(id), sealed)?.try_into().ok().map(Self)
    }

    /// Sealed, as text.
    pub fn seal_text(&self, key: &SecretKey, id: StaffId) -> String {
        BASE64URL_NOPAD.encode(&self.seal(key, id))
    }

    pub fn open_text(key: &SecretKey, id: StaffId, text: &str) -> Option<Self> {
        Self::open(key, id, &BASE64URL_NOPAD.decode(text.as_bytes()).ok()?)
    }

    fn totp(&self) -> Option<Totp> {
        Builder::new().with_secret(&self.0[..]).with_skew(1).build().ok()
    }

    /// The step that a code is of, if it is of one that counts now.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let typed: String = code.chars().filter(char::is_ascii_digit).collect();
        let step = self.totp()?.check(&typed, u64::try_from(now.seconds()).ok()?)?;
        i64::try_from(step).ok()
    }

    /// The code of now, for tests and for nobody else.
    pub fn code(&self, now: Timestamp) -> String {
        let at = u64::try_from(now.seconds()).unwrap_or(0);
        self.totp().map_or_else(String::new, |totp| totp.generate(at).to_string())
    }
}

fn context(id: StaffId) -> String {
    format!("second factor {id}")
}

/// Turns the second factor on; returns the recovery codes, which are never shown again.
pub fn turn_on(conn: &mut Conn, key: &SecretKey, id: StaffId, secret: &Secret, step: i64) -> DbResult<Vec<String>> {
    diesel::update(staff::table.find(id))
        .set((staff::totp.eq(secret.seal(key, id)), staff::totp_step.eq(step)))
        .execute(conn)?;
    new_codes(conn, key, id)
}

pub fn turn_off(conn: &mut Conn, id: StaffId) -> DbResult<()> {
    diesel::update(staff::table.find(id)).set(staff::totp.eq(None::<Vec<u8>>)).execute(conn)?;
    diesel::delete(staff_recovery_codes::table.filter(staff_recovery_codes::staff_id.eq(id))).execute(conn)?;
    Ok(())
}

/// Ten new recovery codes in the place of those there were.
pub fn new_codes(conn: &mut Conn, key: &SecretKey, id: StaffId) -> DbResult<Vec<String>> {
    diesel::delete(staff_recovery_codes::table.filter(staff_recovery_codes::staff_id.eq(id))).execute(conn)?;
    let mut codes = Vec::new();
    for _ in 0..CODES {
        // 80 bits, as xxxx-xxxx-xxxx-xxxx.
        let text = BASE32_NOPAD.encode(&secrets::random::<10>()).to_lowercase();
        let code: Vec<&str> = (0..4).map(|part| &text[part * 4..part * 4 + 4]).collect();
        let code = code.join("-");
        let row = (staff_recovery_codes::hash.eq(hash(key, id, &code).to_vec()), staff_recovery_codes::staff_id.eq(id));
        diesel::insert_into(staff_recovery_codes::table).values(row).execute(conn)?;
        codes.push(code);
    }
    Ok(codes)
}

pub fn codes_left(conn: &mut Conn, id: StaffId) -> DbResult<i64> {
    Ok(staff_recovery_codes::table.filter(staff_recovery_codes::staff_id.eq(id)).count().get_result(conn)?)
}

fn hash(key: &SecretKey, id: StaffId, code: &str) -> secrets::Sha256 {
    let plain: String = code.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    key.hmac(Purpose::RecoveryCode, format!("{id} {plain}").as_bytes())
}

/// How a code was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    App,
    Recovery,
}

/// Takes a code of the app, or a recovery code, once.
pub fn take(conn: &mut Conn, key: &SecretKey, id: StaffId, code: &str, now: Timestamp) -> DbResult<Option<Taken>> {
    let sealed: Option<Vec<u8>> = staff::table.find(id).select(staff::totp).get_result::<Option<Vec<u8>>>(conn)?;
    let Some(sealed) = sealed else { return Ok(None) };
    let secret = Secret::open(key, id, &sealed)
        .ok_or_else(|| DbError::Corrupt("the secret key does not fit this second factor".to_owned()))?;
    if let Some(step) = secret.step_of(code, now) {
        // Of all who send the same code at once, one changes the row.
        let taken = diesel::update(staff::table.find(id).filter(staff::totp_step.lt(step)))
            .set(staff::totp_step.eq(step))
            .execute(conn)?;
        return Ok((taken == 1).then_some(Taken::App));
    }
    let of_recovery = staff_recovery_codes::table.find(hash(key, id, code).to_vec());
    Ok((diesel::delete(of_recovery).execute(conn)? == 1).then_some(Taken::Recovery))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_for_its_step_and_one_to_either_side() {
        // RFC 6238, appendix B: 8 digits there, the last six here.
        let secret = Secret(*b"12345678901234567890");
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert_eq!(secret.code(at(59)), "287082");
        assert_eq!(secret.step_of("287 082", at(59)), Some(1));
        assert_eq!(secret.step_of("287082", at(61)), Some(1));
        assert_eq!(secret.step_of("287082", at(29)), Some(1));
        assert_eq!(secret.step_of("287082", at(121)), None);
        assert_eq!(secret.step_of("", at(59)), None);
        assert_eq!(secret.base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(
            secret
                .address("REX Wire", "ada@rexwire.test")
                .starts_with("otpauth://totp/REX%20Wire:ada@rexwire.test?secret=GEZ")
        );
    }
}
