//! Member tokens: RS512, for other programs to check with the published key (protocol C.3), and for
//! Ghost's widgets to send back as `identity`.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::Policy;
use super::signing_keys::{KeyRing, SigningKey};
use crate::clock::Timestamp;
use crate::ids::{self, MemberId};

/// The claims of an identity token. `sub` is the address, as the protocol has it; `member_id`
/// beside it stays with the account when the address changes (`reliability.md` T15).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub sub: String,
    pub member_id: String,
    pub kid: String,
    pub scope: String,
    pub jti: Uuid,
    pub iat: i64,
    pub exp: i64,
    pub aud: String,
    pub iss: String,
}

/// The claims of an entitlement token: what somebody may read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entitlement {
    pub sub: String,
    pub member_id: String,
    pub member_uuid: Uuid,
    pub kid: String,
    pub scope: String,
    pub paid: bool,
    pub active_tier_ids: Vec<String>,
    pub jti: Uuid,
    pub iat: i64,
    pub exp: i64,
    pub aud: String,
    pub iss: String,
}

const IDENTITY_SCOPE: &str = "members:identity";
const ENTITLEMENT_SCOPE: &str = "members:entitlements:read";

/// `{url}members/api`, who issues tokens and for whom.
pub fn issuer(base: &Url) -> String {
    format!("{base}members/api")
}

/// Whom a token is about.
pub struct Subject<'a> {
    pub id: MemberId,
    pub uuid: Uuid,
    pub email: &'a str,
}

/// Signs who somebody is, for ten minutes. About half a millisecond of RSA.
pub fn identity(
    key: &SigningKey,
    policy: &Policy,
    base: &Url,
    who: &Subject<'_>,
    now: Timestamp,
) -> jsonwebtoken::errors::Result<String> {
    let claims = Identity {
        sub: who.email.to_owned(),
        member_id: who.id.to_string(),
        kid: key.kid.clone(),
        scope: IDENTITY_SCOPE.to_owned(),
        jti: ids::uuid(),
        iat: now.seconds(),
        exp: now.seconds() + whole(policy.lifetimes.identity_token_s),
        aud: issuer(base),
        iss: issuer(base),
    };
    sign(key, &claims)
}

/// What somebody may read.
pub struct Reads {
    pub paid: bool,
    /// Ids of tiers.
    pub tiers: Vec<String>,
    /// The first moment at which it may be otherwise, if there is one.
    pub until: Option<Timestamp>,
}

/// Signs what somebody may read, for five minutes at most.
pub fn entitlement(
    key: &SigningKey,
    base: &Url,
    who: &Subject<'_>,
    reads: Reads,
    life: Duration,
    now: Timestamp,
) -> jsonwebtoken::errors::Result<String> {
    let claims = Entitlement {
        sub: who.email.to_owned(),
        member_id: who.id.to_string(),
        member_uuid: who.uuid,
        kid: key.kid.clone(),
        scope: ENTITLEMENT_SCOPE.to_owned(),
        paid: reads.paid,
        active_tier_ids: reads.tiers,
        jti: ids::uuid(),
        iat: now.seconds(),
        exp: now.plus(life).seconds(),
        aud: issuer(base),
        iss: issuer(base),
    };
    sign(key, &claims)
}

fn whole(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(600)
}

fn sign(key: &SigningKey, claims: &impl Serialize) -> jsonwebtoken::errors::Result<String> {
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::RS512) };
    jsonwebtoken::encode(&header, claims, &key.encoding)
}

/// Ours are under a thousand bytes; nothing longer is looked at.
const LONGEST: usize = 4_096;
/// How far another node's clock may be ahead of this one's.
const SKEW_S: i64 = 60;

/// All that a header of ours holds. What else a header may say (`jku`, `x5u`, `jwk`, `crit`) would
/// choose the key or change the rules, and is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OurHeader {
    alg: String,
    kid: String,
    #[serde(rename = "typ")]
    _typ: Option<String>,
}

/// Checks an identity token: algorithm, key, signature, issuer, audience, scope and times
/// (`reliability.md` T14). Whether the account still is who the token says is the database's to tell.
pub fn verify_identity(ring: &KeyRing, base: &Url, token: &str, now: Timestamp) -> Option<Identity> {
    if token.len() > LONGEST {
        return None;
    }
    let header = BASE64URL_NOPAD.decode(token.split('.').next()?.as_bytes()).ok()?;
    let header: OurHeader = serde_json::from_slice(&header).ok()?;
    if header.alg != "RS512" {
        return None;
    }
    let key = ring.find(&header.kid, now)?;
    let mut validation = Validation::new(Algorithm::RS512);
    validation.set_issuer(&[issuer(base)]);
    validation.set_audience(&[issuer(base)]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // Times are compared with our own clock, below.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Identity>(token, &key.decoding, &validation).ok()?.claims;
    claims.holds(&key.kid, now.seconds()).then_some(claims)
}

impl Identity {
    /// What a signature alone does not say: that it is a token of this kind, of this key, of this time.
    fn holds(&self, kid: &str, now: i64) -> bool {
        self.scope == IDENTITY_SCOPE
            && self.kid == kid
            && self.iat <= now + SKEW_S
            && self.iat < self.exp
            && now < self.exp
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_claim_counts() {
        let good = || Identity {
            sub: "ada@reader.test".to_owned(),
            member_id: String::new(),
            kid: "key".to_owned(),
            scope: IDENTITY_SCOPE.to_owned(),
            jti: Uuid::nil(),
            iat: 1_000,
            exp: 1_600,
            aud: String::new(),
            iss: String::new(),
        };
        for now in [1_000, 1_599, 1_000 - SKEW_S] {
            assert!(good().holds("key", now), "{now}");
        }
        for now in [1_600, 2_000, 1_000 - SKEW_S - 1] {
            assert!(!good().holds("key", now), "{now}");
        }
        assert!(!good().holds("another key", 1_000));
        assert!(!Identity { scope: ENTITLEMENT_SCOPE.to_owned(), ..good() }.holds("key", 1_000));
        assert!(!Identity { kid: "another key".to_owned(), ..good() }.holds("key", 1_000));
        // One that ends when it begins was never good.
        assert!(!Identity { iat: 1_010, exp: 1_010, ..good() }.holds("key", 1_000));
        assert!(!Identity { iat: 1_020, exp: 1_010, ..good() }.holds("key", 1_000));
    }
}
