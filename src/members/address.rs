//! E-mail addresses: one type, one normalisation (`reliability.md` I1 to I3).

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// An address that can be mailed to.
///
/// It keeps what was typed for showing and mailing (with the domain as A-labels), and the key that
/// tells people apart: NFKC, local part in lower case, domain as A-labels (UTS 46, not
/// transitional). `+tag` and dots are part of who somebody is; only [`EmailAddress::budget_key`]
/// folds them.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Why a text is not an address that can be mailed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an e-mail address")]
pub struct NotAnAddress;

/// RFC 5321 §4.5.3.1: octets of a local part, and of a path less its angle brackets.
const LONGEST_LOCAL: usize = 64;
const LONGEST_ADDRESS: usize = 254;

impl EmailAddress {
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.len() > LONGEST_ADDRESS * 4 {
            return Err(NotAnAddress);
        }
        let folded: String = text.nfkc().collect();
        let (local, domain) = folded.rsplit_once('@').ok_or(NotAnAddress)?;
        check_local(local)?;
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| NotAnAddress)?;
        check_domain(&domain)?;
        if local.len() + 1 + domain.len() > LONGEST_ADDRESS {
            return Err(NotAnAddress);
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    /// As it is shown and mailed to.
    pub fn as_given(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// What tells two people apart; unique among members.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_ascii_lowercase(), self.domain)
    }

    /// What mails are counted by: without `+tag`, and for Google's domains without dots.
    pub fn budget_key(&self) -> String {
        let lower = self.local.to_ascii_lowercase();
        let base = lower.split('+').next().filter(|base| !base.is_empty()).unwrap_or(&lower);
        match self.domain.as_str() {
            "gmail.com" | "googlemail.com" => format!("{}@gmail.com", base.replace('.', "")),
            domain => format!("{base}@{domain}"),
        }
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `a***@e***.org`: enough for its owner to know it, too little for anybody else (M11, V6).
    pub fn masked(&self) -> String {
        let first = |text: &str| text.chars().next().map_or(String::new(), String::from);
        let (name, ending) = self.domain.rsplit_once('.').unwrap_or((&self.domain, ""));
        format!("{}***@{}***.{ending}", first(&self.local), first(name))
    }
}

/// Dot-atoms of ASCII (RFC 5322 §3.2.3): no quotes, comments, spaces or control characters. A
/// local part outside ASCII needs SMTPUTF8, which is not offered.
fn check_local(local: &str) -> Result<(), NotAnAddress> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let atoms_are_good = local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(allowed));
    (local.len() <= LONGEST_LOCAL && atoms_are_good).then_some(()).ok_or(NotAnAddress)
}

/// Two labels at least, of letters, digits and inner hyphens; no literal addresses.
fn check_domain(domain: &str) -> Result<(), NotAnAddress> {
    let label_is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let ending_is_a_name = domain
        .rsplit('.')
        .next()
        .is_some_and(|label| label.len() >= 2 && !label.bytes().all(|byte| byte.is_ascii_digit()));
    let good = domain.contains('.') && domain.split('.').all(label_is_good) && ending_is_a_name;
    good.then_some(()).ok_or(NotAnAddress)
}

/// A stored address, masked for those who need not know it.
pub fn masked(stored: &str) -> String {
    EmailAddress::parse(stored).map(|address| address.masked()).unwrap_or_default()
}

impl FromStr for EmailAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        Self::parse(text)
    }
}

/// Masked, so that no log holds a whole address.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        EmailAddress::parse(text).unwrap().key()
    }

    #[test]
    fn one_person_is_one_key() {
        assert_eq!(key("Ada@Example.ORG"), "ada@example.org");
        assert_eq!(key("ada@EXAMPLE.org "), "ada@example.org");
        assert_eq!(key("ａｄａ@ｅｘａｍｐｌｅ.org"), "ada@example.org");
        assert_eq!(key("ada@bücher.example"), "ada@xn--bcher-kva.example");
        assert_eq!(key("ada@xn--bcher-kva.example"), "ada@xn--bcher-kva.example");
        assert_eq!(key("\u{212A}ay@example.org"), "kay@example.org");
        assert_ne!(key("ada@faß.example"), key("ada@fass.example"));
        assert_ne!(key("a.da@gmail.com"), key("ada@gmail.com"));
        assert_ne!(key("ada+news@example.org"), key("ada@example.org"));
    }

    #[test]
    fn look_alikes_are_not_the_same_person() {
        for text in ["\u{0430}da@example.org", "ıda@example.org", "İda@example.org", "ädä@example.org"] {
            assert!(EmailAddress::parse(text).is_err(), "{text}");
        }
        assert_ne!(key("ada@ex\u{0430}mple.org"), key("ada@example.org"));
    }

    #[test]
    fn budgets_fold_tags_and_googles_dots() {
        let budget = |text: &str| EmailAddress::parse(text).unwrap().budget_key();
        assert_eq!(budget("v.i.c+1@googlemail.com"), "vic@gmail.com");
        assert_eq!(budget("vic+2@gmail.com"), "vic@gmail.com");
        assert_eq!(budget("v.ic+2@example.org"), "v.ic@example.org");
        assert_eq!(budget("+x@example.org"), "+x@example.org");
    }

    #[test]
    fn masks() {
        assert_eq!(EmailAddress::parse("ada@example.org").unwrap().masked(), "a***@e***.org");
    }

    #[test]
    fn refuses_what_cannot_be_mailed_to() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long_domain = format!("a@{}.org", "a".repeat(64));
        let long = format!("a@{}.org", vec!["a".repeat(60); 5].join("."));
        for text in [
            "",
            "@",
            "a",
            "a@",
            "@example.org",
            "a@example",
            "a@localhost",
            "a b@example.org",
            "a@exa mple.org",
            "a@@example.org",
            "a@example.org@",
            ".a@example.org",
            "a.@example.org",
            "a..b@example.org",
            "\"a b\"@example.org",
            "a(comment)@example.org",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@-example.org",
            "a@example-.org",
            "a@ex_ample.org",
            "a@example..org",
            "a@.example.org",
            "a@example.org.",
            "a@example.1",
            "a\u{0}@example.org",
            "a\r\nBcc: b@example.org",
            "a@example.org\u{0}",
            "a@exa\u{202e}mple.org",
            "a,b@example.org",
            "a;b@example.org",
            "<a@example.org>",
            "mailto:a@example.org",
            "a\\@example.org",
            "ä@example.org",
            "a@example.org\nb@example.org",
            "a@\u{200b}.org",
            "a@e.x",
            &long_local,
            &long_domain,
            &long,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn takes_what_people_have() {
        for text in [
            "ada@example.org",
            "ada.lovelace@example.co.uk",
            "a+b@example.org",
            "o'hara@example.org",
            "x_y-z@sub.example.org",
            "1@example.org",
            "a@xn--p1ai.xn--p1ai",
            "a@пример.рф",
            "UPPER@EXAMPLE.ORG",
            "a@1and1.example",
            "a!#$%&'*+-/=?^_`{|}~b@example.org",
        ] {
            assert!(EmailAddress::parse(text).is_ok(), "{text:?} was refused");
        }
    }
}
