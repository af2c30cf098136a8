//! What Stripe tells, in shapes that nobody foresaw, and signatures that are none (`reliability.md` P1, P12).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::billing::stripe::objects::{Charge, Customer, Event, Invoice, Session, SetupIntent, Subscription};
use readership::billing::stripe::{Signed, verify};
use readership::clock::Timestamp;

fuzz_target!(|text: &str| {
    let (header, body) = text.split_once('\n').unwrap_or(("", text));
    let secrets = ["whsec_fuzz".into(), "".into()];
    let now = Timestamp::from_millis(1_700_000_000_000);
    assert!(!matches!(verify(body, header, &secrets[..1], now), Signed::With(_)), "nobody signed this: {header:?}");
    let _ = verify(body, header, &secrets, now);
    let _ = serde_json::from_str::<Event>(body);
    let _ = serde_json::from_str::<Subscription>(body);
    let _ = serde_json::from_str::<Session>(body);
    let _ = serde_json::from_str::<Customer>(body);
    let _ = serde_json::from_str::<Charge>(body);
    let _ = serde_json::from_str::<Invoice>(body);
    let _ = serde_json::from_str::<SetupIntent>(body);
});
