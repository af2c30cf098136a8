//! Bodies of forms and header fields.
#![no_main]

use actix_web::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use actix_web::test::TestRequest;
use libfuzzer_sys::fuzz_target;
use readership::texts::Language;
use readership::web::body::Form;
use readership::web::cookies::CookieKind;
use readership::web::{language, origin};
use readership_fuzz::settings;

fn with(name: HeaderName, value: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.clone());
    headers
}

fuzz_target!(|bytes: &[u8]| {
    let form = Form::parse(bytes);
    let _ = form.get("email").map(str::len);
    let _ = form.all("labels").count();
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        for kind in [CookieKind::Session, CookieKind::Asked, CookieKind::Staff] {
            if let Some(token) = kind.read(settings(), &with(COOKIE, &value)) {
                let text = token.reveal();
                assert_eq!(text.len(), 43);
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
                // What is read can be given again, in one field.
                assert!(HeaderValue::from_str(&kind.give(settings(), &token)).is_ok());
            }
        }
        if origin::is_trusted(&with(ORIGIN, &value), settings()) {
            assert!(["https://www.site.test", "https://members.site.test"].contains(&value.to_str().unwrap()));
        }
        let request = TestRequest::default().insert_header((ACCEPT_LANGUAGE, value)).to_http_request();
        let _ = language::preferred(&request);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Language::of_tag(text);
        let _ = language::in_query(text);
    }
});
