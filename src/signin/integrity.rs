//! Integrity tokens: a form first asks for one, then sends it along (protocol B.2). Bound to the
//! client's network, good once, for ten minutes (`reliability.md` X6).

use data_encoding::HEXLOWER;

use super::Policy;
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::{Conn, DbResult};
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::secrets::{self, Purpose, SecretKey};

/// A token that was checked but not yet used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Uses the token up, in the transaction that acts on the request. False: it was used before.
    pub fn use_up(&self, conn: &mut Conn, policy: &Policy, now: Timestamp) -> DbResult<bool> {
        let once = [Window::new(policy.lifetimes.integrity_token_s, 1)];
        Ok(limits::admit(conn, &limits::bucket("nonce", &self.0), &once, now)? == Verdict::Admitted)
    }
}

fn proof(key: &SecretKey, expiry: &str, nonce: &str, client: ClientNetwork) -> secrets::Sha256 {
    key.hmac(Purpose::IntegrityToken, format!("{expiry}:{nonce}:{client}").as_bytes())
}

/// `{expiry in milliseconds}:{32 hex}:{64 hex}`.
pub fn issue(policy: &Policy, client: ClientNetwork, now: Timestamp) -> String {
    let expiry = now.plus(seconds(policy.lifetimes.integrity_token_s)).millis().to_string();
    let nonce = HEXLOWER.encode(&secrets::random::<16>());
    let proof = HEXLOWER.encode(&proof(&policy.key, &expiry, &nonce, client));
    format!("{expiry}:{nonce}:{proof}")
}

/// Checks form, proof, network and age. Whether it was used before is asked by [`Nonce::use_up`].
pub fn check(policy: &Policy, token: &str, client: ClientNetwork, now: Timestamp) -> Option<Nonce> {
    let (expiry, rest) = token.split_once(':')?;
    let (nonce, given) = rest.split_once(':')?;
    let given = HEXLOWER.decode(given.as_bytes()).ok()?;
    if nonce.len() != 32 || !secrets::equal(&given, &proof(&policy.key, expiry, nonce, client)) {
        return None;
    }
    let expires_at = Timestamp::from_millis(expiry.parse().ok()?);
    (now < expires_at).then(|| Nonce(nonce.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn good_for_its_network_and_its_time() {
        let policy = Policy::with_key(SecretKey::from_bytes([1; 32]));
        let home = ClientNetwork::of("192.0.2.1".parse().unwrap());
        let elsewhere = ClientNetwork::of("192.0.2.2".parse().unwrap());
        let now = Timestamp::from_millis(1_000);
        let token = issue(&policy, home, now);
        assert!(check(&policy, &token, home, now).is_some());
        assert!(check(&policy, &token, elsewhere, now).is_none());
        assert!(check(&policy, &token, home, now.plus(Duration::from_secs(600))).is_none());
        let other = Policy { key: SecretKey::from_bytes([2; 32]), ..policy.clone() };
        assert!(check(&other, &token, home, now).is_none());
        for text in ["", ":", "::", "1:2:3", &token[1..], &format!("9{token}"), &"a".repeat(100_000)] {
            assert!(check(&policy, text, home, now).is_none(), "{}", &text[..text.len().min(40)]);
        }
    }
}
