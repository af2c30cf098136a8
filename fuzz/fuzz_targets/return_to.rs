//! Where a browser is sent afterwards: never anywhere but to the site (`reliability.md` T12).
#![no_main]

use libfuzzer_sys::fuzz_target;
use readership::signin::return_to::ReturnTo;
use readership_fuzz::settings;
use url::Url;

fuzz_target!(|text: &str| {
    if let Some(there) = ReturnTo::parse(text, settings()) {
        let url = Url::parse(there.as_str()).expect("it is an address");
        let origin = url.origin().ascii_serialization();
        assert!(["https://www.site.test", "https://members.site.test"].contains(&origin.as_str()), "{text:?}: {url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{text:?}: {url}");
    }
});
