//! What Stripe tells, in shapes that nobody foresaw (`reliability.md` P12).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::billing::stripe::objects::{Charge, Customer, Event, Session, Subscription};

fuzz_target!(|text: &str| {
    let _ = serde_json::from_str::<Event>(text);
    let _ = serde_json::from_str::<Subscription>(text);
    let _ = serde_json::from_str::<Session>(text);
    let _ = serde_json::from_str::<Customer>(text);
    let _ = serde_json::from_str::<Charge>(text);
});
