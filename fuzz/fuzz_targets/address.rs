//! Addresses and names, as strangers type them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::members::address::EmailAddress;
use readership::members::{labels, name};

fuzz_target!(|text: &str| {
    if let Ok(address) = EmailAddress::parse(text) {
        let given = address.as_given();
        assert!(given.len() <= 254 && !given.chars().any(|c| c.is_control() || c == ' '), "{given:?}");
        let again = EmailAddress::parse(&given).expect("what was taken once is taken again");
        assert_eq!((again.key(), again.as_given()), (address.key(), given), "read twice it is the same");
        let key = EmailAddress::parse(&address.key()).expect("a key is an address");
        assert_eq!(key.key(), address.key());
    }
    if let Ok(Some(name)) = name::parse(text) {
        assert!(!name.contains(['\r', '\n', '\0']));
        assert_eq!(name::parse(&name).as_ref().map(Option::as_deref), Ok(Some(name.as_str())));
    }
    assert!(labels::parse(text.split(';')).len() <= labels::MOST);
});
