//! Which language to answer in: what the form or the page says (`lang`), else what the browser
//! prefers, else the site's. Where a member is known, theirs comes before all of them.

use actix_web::HttpMessage;
use actix_web::http::header::{AcceptLanguage, Header, Preference};

use crate::texts::Language;

/// `lang=` in an address.
pub fn in_query(query: &str) -> Option<Language> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, tag)| Language::of_tag(&tag))
}

/// The first language the browser asks for that there is.
pub fn preferred(request: &impl HttpMessage) -> Option<Language> {
    let wanted = AcceptLanguage::parse(request).ok()?.ranked();
    wanted.into_iter().find_map(|wanted| match wanted {
        Preference::Any => None,
        Preference::Specific(tag) => Language::of_tag(tag.primary_language()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn the_browsers_first_known_language_counts() {
        let preferred = |header: &str| {
            preferred(&TestRequest::default().insert_header(("accept-language", header)).to_http_request())
        };
        assert_eq!(preferred("de-AT,de;q=0.9,en;q=0.8"), Some(Language::German));
        assert_eq!(preferred("nl, en;q=0.2, fr;q=0.7"), Some(Language::French));
        assert_eq!(preferred("nl"), None);
        assert_eq!(preferred("*"), None);
        assert_eq!(preferred(";;q=,"), None);
        assert_eq!(super::preferred(&TestRequest::default().to_http_request()), None);
    }

    #[test]
    fn an_address_may_say_it() {
        assert_eq!(in_query("a=b&lang=ar-EG"), Some(Language::Arabic));
        assert_eq!(in_query("lang=xx"), None);
        assert_eq!(in_query(""), None);
    }
}
