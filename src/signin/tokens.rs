//! Member tokens: RS512, for other programs to check with the published key (protocol C.3).

use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Policy;
use super::signing_keys::SigningKey;
use crate::clock::Timestamp;
use crate::ids::MemberId;

/// The claims of an identity token. `sub` is the address, as the protocol has it; `member_id`
/// beside it stays with the account when the address changes (`reliability.md` T15).
#[derive(Debug, Serialize, Deserialize)]
pub struct Identity {
    pub sub: String,
    pub member_id: String,
    pub kid: String,
    pub scope: String,
    pub jti: String,
    pub iat: i64,
    pub exp: i64,
    pub aud: String,
    pub iss: String,
}

pub const IDENTITY_SCOPE: &str = "members:identity";

/// `{url}members/api`, who issues tokens and for whom.
pub fn issuer(base: &Url) -> String {
    format!("{base}members/api")
}

/// Signs who somebody is, for ten minutes. About a millisecond of RSA.
pub fn identity(
    key: &SigningKey,
    policy: &Policy,
    base: &Url,
    member: MemberId,
    email: &str,
    now: Timestamp,
) -> jsonwebtoken::errors::Result<String> {
    let lifetime = i64::try_from(policy.lifetimes.identity_token_s).unwrap_or(600);
    let claims = Identity {
        sub: email.to_owned(),
        member_id: member.to_string(),
        kid: key.kid.clone(),
        scope: IDENTITY_SCOPE.to_owned(),
        jti: crate::ids::uuid().to_string(),
        iat: now.seconds(),
        exp: now.seconds() + lifetime,
        aud: issuer(base),
        iss: issuer(base),
    };
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::RS512) };
    jsonwebtoken::encode(&header, &claims, &key.encoding)
}
