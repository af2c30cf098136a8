//! Codes: six digits in a mail, for those who read it on another device (protocol B.6).
//!
//! A code belongs to a link and is derived from the key file like the link's token. It is good only
//! with the reference that the asking browser was given, or in that very browser; five tries in all,
//! then code and link are dead (`reliability.md` T9, T10). For a client of the API a right code does
//! not sign in by itself: it is exchanged for a proof that the link's address carries, within five
//! minutes.

use std::time::Duration;

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use uuid::Uuid;

use super::Policy;
use super::integrity::Nonce;
use super::links::{self, LinkRow, LinkState, LinkView};
use crate::clock::Timestamp;
use crate::config::seconds;
use crate::db::schema::magic_links;
use crate::db::{Conn, DbResult};
use crate::ids::MagicLinkId;
use crate::limits::{self, ClientNetwork, Verdict, Window};
use crate::secrets::{self, Sha256, Token};

/// How long the proof of a right code is good (B.6).
const PROOF_LIFE: Duration = Duration::from_secs(300);

/// The code of a link.
pub fn code(policy: &Policy, id: MagicLinkId) -> String {
    let mac = policy.key.hmac(secrets::Purpose::Code, id.as_bytes());
    let number = u64::from_be_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]]);
    format!("{:06}", number % 1_000_000)
}

/// Which request a code is for.
pub enum Whose {
    /// The reference that the API gave.
    Reference(Uuid),
    /// The cookie of the asking browser: its newest request.
    Browser(Sha256),
}

/// Somebody types a code.
pub struct Try {
    pub whose: Whose,
    /// As it was typed; blanks in it do not matter.
    pub given: String,
    pub client: ClientNetwork,
    /// The API's integrity token, to be used up.
    pub nonce: Option<Nonce>,
}

/// What became of a try.
pub enum Tried {
    Right(LinkView),
    /// A wrong code, a reference that nobody was given, a code that is over: all alike.
    Wrong,
    /// This code was tried too often, and is dead.
    TooOften,
    OverLimit {
        retry_after: Duration,
    },
    NonceUsed,
}

/// Tries a code. Every try counts before it is looked at, so that many at once are no more.
pub fn try_code(conn: &mut Conn, policy: &Policy, tried: &Try, now: Timestamp) -> DbResult<Tried> {
    if let Some(nonce) = &tried.nonce
        && !nonce.use_up(conn, policy, now)?
    {
        return Ok(Tried::NonceUsed);
    }
    let hourly = [Window::new(3_600, policy.limits.code_client_per_hour)];
    let client = limits::bucket("code", &tried.client.to_string());
    if let Verdict::Refused { retry_after } = limits::admit(conn, &client, &hourly, now)? {
        return Ok(Tried::OverLimit { retry_after });
    }
    let Some(link) = find(conn, &tried.whose)? else {
        return Ok(Tried::Wrong);
    };
    let most = i32::try_from(policy.limits.code_tries).unwrap_or(i32::MAX);
    let counted = diesel::update(magic_links::table.find(link.id))
        .filter(magic_links::code_tries.lt(most))
        .set(magic_links::code_tries.eq(magic_links::code_tries + 1))
        .execute(conn)?;
    if counted == 0 {
        return Ok(Tried::TooOften);
    }
    let hourly = [Window::new(3_600, policy.limits.code_address_per_hour)];
    let address = limits::bucket("code of address", &link.email()?.budget_key());
    if let Verdict::Refused { retry_after } = limits::admit(conn, &address, &hourly, now)? {
        return Ok(Tried::OverLimit { retry_after });
    }
    judge(conn, policy, link.id, &tried.given, most, now)
}

/// Compares what was typed, after the try was counted.
fn judge(conn: &mut Conn, policy: &Policy, id: MagicLinkId, given: &str, most: i32, now: Timestamp) -> DbResult<Tried> {
    // Read again: the count is what the database says, not what was seen before.
    let Some(link) = links::row(conn, id)? else {
        return Ok(Tried::Wrong);
    };
    let given: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let is_right = secrets::equal(given.as_bytes(), code(policy, id).as_bytes());
    let in_time = now < link.created_at.plus(seconds(policy.lifetimes.code_s));
    let tries = link.code_tries;
    if is_right && in_time && link.leads_somewhere()? && link.state(now) == LinkState::Live {
        return link.view(policy, now).map(Tried::Right);
    }
    if tries >= most {
        links::void(conn, id, now)?;
    }
    Ok(Tried::Wrong)
}

fn find(conn: &mut Conn, whose: &Whose) -> DbResult<Option<LinkRow>> {
    let with_code = magic_links::table.filter(magic_links::code_ref.is_not_null()).select(LinkRow::as_select());
    Ok(match whose {
        Whose::Reference(reference) => {
            with_code.filter(magic_links::code_ref.eq(reference.as_bytes().to_vec())).get_result(conn).optional()?
        }
        Whose::Browser(asked_by) => {
            let newest = with_code
                .filter(magic_links::asked_by.eq(&asked_by[..]))
                .order((magic_links::created_at.desc(), magic_links::id.desc()));
            newest.first(conn).optional()?
        }
    })
}

/// The token of a link whose code was right, and `{seconds}:{hex}` for the parameter
/// `otc_verification` beside it.
pub fn exchange(policy: &Policy, link: &LinkView, now: Timestamp) -> (Token, String) {
    let seconds = now.seconds();
    let proof = format!("{seconds}:{}", HEXLOWER.encode(&proof(policy, link.id, &seconds.to_string())));
    (links::token(policy, link.id), proof)
}

fn proof(policy: &Policy, id: MagicLinkId, seconds: &str) -> Sha256 {
    policy.key.hmac(secrets::Purpose::CodeProof, format!("{id}:{seconds}").as_bytes())
}

/// Whether the asker proved the code of the link a moment ago.
pub fn is_proven(policy: &Policy, link: MagicLinkId, given: &str, now: Timestamp) -> bool {
    let Some((seconds, hex)) = given.split_once(':') else { return false };
    let Ok(given) = HEXLOWER.decode(hex.as_bytes()) else { return false };
    let Some(at) = seconds.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000)) else { return false };
    let at = Timestamp::from_millis(at);
    secrets::equal(&given, &proof(policy, link, seconds)) && at <= now && now < at.plus(PROOF_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKey;

    fn policy(key: u8) -> Policy {
        Policy::with_key(SecretKey::from_bytes([key; 32]))
    }

    #[test]
    fn a_code_has_six_digits_and_depends_on_the_key() {
        let now = Timestamp::from_millis(0);
        let ids: Vec<_> = (0..200).map(|_| MagicLinkId::new(now)).collect();
        let codes: Vec<_> = ids.iter().map(|id| code(&policy(1), *id)).collect();
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit())));
        assert_ne!(codes, ids.iter().map(|id| code(&policy(2), *id)).collect::<Vec<_>>());
        let different: std::collections::BTreeSet<_> = codes.iter().collect();
        assert!(different.len() > 190);
    }

    #[test]
    fn a_proof_is_good_for_its_link_and_for_five_minutes() {
        let (policy, now) = (policy(1), Timestamp::from_millis(1_000_000));
        let (id, other) = (MagicLinkId::new(now), MagicLinkId::new(now));
        let seconds = now.seconds();
        let text = format!("{seconds}:{}", HEXLOWER.encode(&proof(&policy, id, &seconds.to_string())));
        assert!(is_proven(&policy, id, &text, now));
        assert!(is_proven(&policy, id, &text, now.plus(Duration::from_secs(299))));
        assert!(!is_proven(&policy, id, &text, now.plus(Duration::from_secs(300))));
        assert!(!is_proven(&policy, id, &text, now.minus(Duration::from_secs(1))));
        assert!(!is_proven(&policy, other, &text, now));
        let later = text.replacen(&seconds.to_string(), &(seconds + 1).to_string(), 1);
        for forged in ["", ":", "1:zz", "9223372036854775807:00", &later] {
            assert!(!is_proven(&policy, id, forged, now), "{forged}");
        }
    }
}
