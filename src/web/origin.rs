//! Proof that a change of state is asked for by the site's own pages (`reliability.md` S7).

use actix_web::http::header::{HeaderMap, ORIGIN};

use crate::config::Settings;
use crate::signin::return_to::is_site_origin;

/// Browsers say where a request comes from, and cannot be made to lie about it. One that comes from
/// another site is refused. Programs that are no browsers say nothing and carry no cookies of
/// somebody else.
pub fn is_trusted(headers: &HeaderMap, settings: &Settings) -> bool {
    let fetch_site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    match headers.get(ORIGIN).map(|value| value.to_str().unwrap_or("null")) {
        // Pages with `Referrer-Policy: no-referrer`, as those of links, send `null` to their own.
        Some("null") => fetch_site == Some("same-origin"),
        Some(origin) => is_site_origin(origin, settings),
        None => matches!(fetch_site, None | Some("same-origin" | "none")),
    }
}

/// For pages of staff: only this service's own origin counts, not the site's (`reliability.md` A9).
pub fn is_own(headers: &HeaderMap, settings: &Settings) -> bool {
    let fetch_site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    match headers.get(ORIGIN).map(|value| value.to_str().unwrap_or("null")) {
        Some("null") => fetch_site == Some("same-origin"),
        Some(origin) => origin == settings.url.origin().ascii_serialization(),
        None => matches!(fetch_site, None | Some("same-origin" | "none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseUrl;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[test]
    fn pages_of_staff_take_forms_of_their_own_origin_only() {
        let mut settings = Settings::new(
            "https://members.example.com/".parse().unwrap(),
            DatabaseUrl::Sqlite("unused".into()),
            "unused".into(),
        );
        settings.site_url = "https://www.example.com/".parse().unwrap();
        let own = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            (is_own(&headers, &settings), is_trusted(&headers, &settings))
        };
        assert_eq!(own("https://members.example.com"), (true, true));
        assert_eq!(own("https://www.example.com"), (false, true));
        assert_eq!(own("http://members.example.com"), (false, false));
        assert_eq!(own("null"), (false, false));
    }

    #[test]
    fn only_the_sites_own_pages_change_anything() {
        let settings = Settings::new(
            "https://members.example.com/".parse().unwrap(),
            DatabaseUrl::Sqlite("unused".into()),
            "unused".into(),
        );
        let trusted = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            is_trusted(&headers, &settings)
        };
        assert!(trusted(&[("origin", "https://members.example.com")]));
        assert!(trusted(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(trusted(&[("sec-fetch-site", "same-origin")]));
        assert!(trusted(&[]));
        assert!(!trusted(&[("origin", "https://evil.example")]));
        assert!(!trusted(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")]));
        assert!(!trusted(&[("origin", "null")]));
        assert!(!trusted(&[("origin", "null"), ("sec-fetch-site", "cross-site")]));
        assert!(!trusted(&[("sec-fetch-site", "cross-site")]));
        assert!(!trusted(&[("sec-fetch-site", "same-site")]));
    }
}
