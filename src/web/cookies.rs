//! Cookies: three, all of 43 characters of base64url and `HttpOnly`. Those of readers are `SameSite=Lax`,
//! so that links in mails find them; that of staff is `Strict`.

use actix_web::http::header::{COOKIE, HeaderMap};

use crate::config::Settings;
use crate::secrets::Token;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieKind {
    /// The key to a session.
    Session,
    /// Marks the browser that asked for a link, so that the link completes there at once.
    Asked,
    /// The key to a session of staff. It lasts as long as the browser is open, or its session.
    Staff,
}

impl CookieKind {
    /// With the `__Host-` prefix the browser itself guarantees: Secure, this host only, path `/`.
    /// Plain http, as on loopback, cannot have it.
    fn name(self, settings: &Settings) -> &'static str {
        match (self, settings.is_https()) {
            (Self::Session, true) => "__Host-readership-session",
            (Self::Session, false) => "readership-session",
            (Self::Asked, true) => "__Host-readership-asked",
            (Self::Asked, false) => "readership-asked",
            (Self::Staff, true) => "__Host-readership-staff",
            (Self::Staff, false) => "readership-staff",
        }
    }

    fn header(self, settings: &Settings, value: &str, max_age_s: u64) -> String {
        let secure = if settings.is_https() { "; Secure" } else { "" };
        let same_site = if self == Self::Staff { "Strict" } else { "Lax" };
        format!("{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite={same_site}{secure}", self.name(settings))
    }

    /// `Set-Cookie` that gives a browser the token, for as long as it can be of use.
    pub fn give(self, settings: &Settings, token: &Token) -> String {
        let life_s = match self {
            Self::Session => settings.lifetimes.session_absolute_s,
            Self::Asked => settings.lifetimes.signup_link_s,
            Self::Staff => settings.staff.session_absolute_s,
        };
        self.header(settings, token.reveal(), life_s)
    }

    /// `Set-Cookie` that takes it away.
    pub fn take_away(self, settings: &Settings) -> String {
        self.header(settings, "", 0)
    }

    /// The first well-formed token under this name, if the browser sent one.
    pub fn read(self, settings: &Settings, headers: &HeaderMap) -> Option<Token> {
        let name = self.name(settings);
        headers
            .get_all(COOKIE)
            .filter_map(|header| header.to_str().ok())
            .find_map(|header| value_of(header, name).and_then(Token::parse))
    }
}

/// The value of a cookie in a `Cookie` header (RFC 6265 §4.2.1).
fn value_of<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_own_cookie_only() {
        assert_eq!(value_of("a=1; readership-session=xyz; b=2", "readership-session"), Some("xyz"));
        assert_eq!(value_of("xreadership-session=xyz", "readership-session"), None);
        assert_eq!(value_of("readership-session-2=xyz", "readership-session"), None);
        assert_eq!(value_of("readership-session", "readership-session"), None);
        assert_eq!(value_of(";;;=;", "readership-session"), None);
    }
}
