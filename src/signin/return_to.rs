//! Where a browser goes back to: only to the site, with the note in the address
//! (`design.md` §2, `reliability.md` T12).

use url::Url;

use crate::config::Settings;

/// An address on one of the site's origins. Nothing else is ever redirected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Url);

impl ReturnTo {
    /// Accepts an absolute address, or a path that starts with one slash, on a configured origin;
    /// compared after parsing, by scheme, host, port and, for a site below a path, that path.
    pub fn parse(text: &str, settings: &Settings) -> Option<Self> {
        if text.len() > 2_048 || text.chars().any(char::is_control) {
            return None;
        }
        let relative = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\");
        let url = if relative { settings.site_url.join(text).ok()? } else { Url::parse(text).ok()? };
        let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        (plain && is_allowed(&url, settings)).then_some(Self(url))
    }

    /// The site's home.
    pub fn home(settings: &Settings) -> Self {
        Self(settings.site_url.clone())
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address with a note: its query keeps what it had beside the note's own keys, its
    /// fragment stays if it had one.
    pub fn with_note(&self, note: &Note) -> String {
        let mut url = self.0.clone();
        let added = note.query();
        if !added.is_empty() {
            let kept: Vec<(String, String)> = url
                .query_pairs()
                .filter(|(name, _)| !["action", "success", "errorCode", "stripe"].contains(&&**name))
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect();
            url.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(added);
        }
        if url.fragment().is_none_or(str::is_empty) && note.in_fragment {
            url.set_fragment(Some(note.state.fragment()));
        }
        url.into()
    }
}

/// What a footer shows (`design.md` §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    SignedUp,
    SignedIn,
    Subscribed,
    AlreadySubscribed,
    EmailChanged,
    BillingUpdated,
    BillingNotUpdated,
    Expired,
    Failed,
}

impl State {
    pub const fn fragment(self) -> &'static str {
        match self {
            Self::Pending => "members-pending",
            Self::SignedUp => "members-signup-ok",
            Self::SignedIn => "members-signin-ok",
            Self::Subscribed => "members-subscribe-ok",
            Self::AlreadySubscribed => "members-already",
            Self::EmailChanged => "members-email-ok",
            Self::BillingUpdated => "members-billing-ok",
            Self::BillingNotUpdated => "members-billing-failed",
            Self::Expired => "members-expired",
            Self::Failed => "members-failed",
        }
    }
}

/// A state, and how it is written into the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub state: State,
    /// `signin`, `signup` or `subscribe`; the query has it where a link was involved.
    pub action: Option<&'static str>,
    /// The query has it where Stripe was involved: `success`, `billing-update-success` …
    pub stripe: Option<&'static str>,
    pub error_code: Option<&'static str>,
    /// Clients of the API read the query only; forms without script need the fragment.
    pub in_fragment: bool,
}

impl Note {
    /// A note without a link behind it, for a form.
    pub const fn of_state(state: State) -> Self {
        Self { state, action: None, stripe: None, error_code: None, in_fragment: true }
    }

    /// A note about a visit to Stripe, for a form.
    pub const fn of_stripe(state: State, stripe: &'static str) -> Self {
        Self { stripe: Some(stripe), ..Self::of_state(state) }
    }

    fn query(&self) -> Vec<(&'static str, &'static str)> {
        if let Some(stripe) = self.stripe {
            return vec![("stripe", stripe)];
        }
        let Some(action) = self.action else {
            return Vec::new();
        };
        let success = match self.state {
            State::Expired | State::Failed => "false",
            _ => "true",
        };
        let mut query = vec![("action", action), ("success", success)];
        query.extend(self.error_code.map(|code| ("errorCode", code)));
        query
    }
}

/// Whether an origin, as browsers send it in `Origin`, is the site's or this service's own.
pub fn is_site_origin(origin: &str, settings: &Settings) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    origins(settings).any(|allowed| allowed.origin() == url.origin() && url.origin().ascii_serialization() == origin)
}

fn origins(settings: &Settings) -> impl Iterator<Item = &Url> {
    [&settings.url, &settings.site_url].into_iter().chain(&settings.site_origins)
}

fn is_allowed(url: &Url, settings: &Settings) -> bool {
    origins(settings).any(|allowed| allowed.origin() == url.origin() && url.path().starts_with(allowed.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseUrl;

    fn settings() -> Settings {
        let mut settings = Settings::new(
            Url::parse("https://members.example.com/").unwrap(),
            DatabaseUrl::Sqlite("unused".into()),
            "unused".into(),
        );
        settings.site_url = Url::parse("https://example.com/").unwrap();
        settings.site_origins = vec![Url::parse("https://www.example.com:8443/blog/").unwrap()];
        settings
    }

    const SUBSCRIBED: Note = Note { action: Some("subscribe"), ..Note::of_state(State::Subscribed) };

    #[test]
    fn goes_back_to_the_site() {
        for (text, kept) in [
            ("https://example.com/", "https://example.com/"),
            ("https://EXAMPLE.com:443/a?b=c#d", "https://example.com/a?b=c#d"),
            ("/a/b", "https://example.com/a/b"),
            ("https://www.example.com:8443/blog/post", "https://www.example.com:8443/blog/post"),
            ("https://members.example.com/members/account/", "https://members.example.com/members/account/"),
        ] {
            assert_eq!(ReturnTo::parse(text, &settings()).map(|to| to.as_str().to_owned()).as_deref(), Some(kept));
        }
    }

    #[test]
    fn takes_addresses_up_to_their_length() {
        let of_length = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(ReturnTo::parse(&of_length(2_048), &settings()).is_some());
        assert!(ReturnTo::parse(&of_length(2_049), &settings()).is_none());
    }

    /// The corpus of T12.
    #[test]
    fn goes_nowhere_else() {
        for text in [
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example",
            "https:\\\\evil.example",
            "http:evil.example",
            "https://example.com@evil.example",
            "https://example.com:443@evil.example",
            "https://example.com%40evil.example",
            "https://example.com.evil.example",
            "https://evilexample.com",
            "https://evil.example#https://example.com/",
            "https://evil.example?https://example.com/",
            "https://evil.example/https://example.com/",
            "https://evil.example\\@example.com",
            "https://evil.example\\.example.com",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://example.com/1",
            "about:blank",
            "mailto:a@example.com",
            "ftp://example.com/",
            "ws://example.com/",
            "http://example.com/",
            "https://example.com:444/",
            "https://example.com:80/",
            "https://www.example.com/blog/",
            "https://www.example.com:8443/",
            "https://www.example.com:8443/blog/../admin",
            "https://www.example.com:8443/blogger",
            "https://www.example.com:8443/blog/%2e%2e/x",
            "https://sub.example.com/",
            "https://example.com./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://xn--exmple-cua.com/",
            "https://ex\u{0430}mple.com/",
            "https://example。com.evil.example",
            "https://example.com\u{0}.evil.example",
            "https://exam\tple.com.evil.example",
            "\thttps://evil.example",
            "\nhttps://evil.example",
            "https://example.com\r\nLocation: https://evil.example",
            "/\t/evil.example",
            "/%09/evil.example/../..//evil\n",
            "",
            "evil.example",
            "example.com",
            "?x",
            "#x",
            "%2f%2fevil.example",
            "https%3A%2F%2Fevil.example",
            "//example.com",
            "../x",
        ] {
            let parsed = ReturnTo::parse(text, &settings());
            assert!(parsed.is_none(), "{text:?} led to {parsed:?}");
        }
    }

    #[test]
    fn the_note_joins_what_the_address_had() {
        let note = |text: &str| ReturnTo::parse(text, &settings()).unwrap().with_note(&SUBSCRIBED);
        assert_eq!(note("/a"), "https://example.com/a?action=subscribe&success=true#members-subscribe-ok");
        assert_eq!(
            note("/a?utm=x&action=signin&errorCode=E&b=1%202#section"),
            "https://example.com/a?utm=x&b=1+2&action=subscribe&success=true#section"
        );
        let pending = Note::of_state(State::Pending);
        let home = ReturnTo::home(&settings());
        assert_eq!(home.with_note(&pending), "https://example.com/#members-pending");
        let api = Note {
            state: State::Expired,
            action: Some("signin"),
            stripe: None,
            error_code: Some("TOKEN_EXPIRED"),
            in_fragment: false,
        };
        assert_eq!(home.with_note(&api), "https://example.com/?action=signin&success=false&errorCode=TOKEN_EXPIRED");
    }

    #[test]
    fn origins_are_compared_exactly() {
        for origin in ["https://example.com", "https://members.example.com", "https://www.example.com:8443"] {
            assert!(is_site_origin(origin, &settings()), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://example.com",
            "https://www.example.com",
            "https://example.com:444",
            "https://example.com.evil.example",
            "https://evil.example",
            "http://localhost:1",
            "https://sub.example.com",
            "https://example.com/",
            "https://EXAMPLE.com",
        ] {
            assert!(!is_site_origin(origin, &settings()), "{origin}");
        }
    }
}
