//! Keys of programs, and the tokens that are made of them.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use readership::staff::api_keys::{self, Kind};
use serde_json::{Value, json};

use super::world::World;

/// The key that is made at the first start.
pub async fn first_key(world: &World) -> (String, Vec<u8>) {
    let secret = world.app().policy.key.clone();
    let shown = world.look(move |conn| Ok(api_keys::show(conn, &secret, Kind::Admin)?.shown)).await;
    let (id, hex) = shown.split_once(':').unwrap();
    (id.to_owned(), HEXLOWER.decode(hex.as_bytes()).unwrap())
}

pub fn signed(head: &Value, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let said = format!("{}.{}", part(head), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    format!("{said}.{}", BASE64URL_NOPAD.encode(aws_lc_rs::hmac::sign(&key, said.as_bytes()).as_ref()))
}

/// A token as Ghost's client makes it.
pub fn token(world: &World, id: &str, secret: &[u8]) -> String {
    let now = world.clock.now().seconds();
    signed(
        &json!({"alg": "HS256", "typ": "JWT", "kid": id}),
        &json!({"iat": now, "exp": now + 300, "aud": "/admin/"}),
        secret,
    )
}
