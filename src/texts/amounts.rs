//! Amounts of money in words.

use super::Language;
use crate::billing::money::Money;

impl Language {
    /// `$5.00`, `5,00 €`, `CHF 5.00`: as its readers write it, with the currency's own decimals. What
    /// must not be torn apart is held together by no-break spaces.
    pub fn money(self, money: &Money) -> String {
        let (whole, part) = money.parts();
        let (thousands, point) = match self {
            Self::English | Self::Arabic => (",", "."),
            Self::German | Self::Spanish => (".", ","),
            Self::French => ("\u{202f}", ","),
        };
        let mut number = grouped(whole, thousands);
        if let Some(part) = part {
            number.push_str(point);
            number.push_str(&part);
        }
        if money.minor < 0 {
            number.insert(0, '\u{2212}');
        }
        let sign = sign_of(&money.currency);
        match (self, sign) {
            (Self::English, Some(sign)) if money.minor < 0 => {
                number.replacen('\u{2212}', &format!("\u{2212}{sign}"), 1)
            }
            (Self::English, Some(sign)) => format!("{sign}{number}"),
            (Self::English, None) => format!("{}\u{a0}{number}", money.currency.to_uppercase()),
            // Left to right within a line that runs the other way.
            (Self::Arabic, sign) => {
                let unit = sign.map_or_else(|| money.currency.to_uppercase(), str::to_owned);
                format!("\u{2066}{number}\u{a0}{unit}\u{2069}")
            }
            (_, sign) => {
                let unit = sign.map_or_else(|| money.currency.to_uppercase(), str::to_owned);
                format!("{number}\u{a0}{unit}")
            }
        }
    }
}

/// Signs that mean one currency to everybody; the dollar's is the exception that the field has made.
fn sign_of(currency: &str) -> Option<&'static str> {
    match currency {
        "usd" => Some("$"),
        "eur" => Some("€"),
        "gbp" => Some("£"),
        "jpy" => Some("¥"),
        _ => None,
    }
}

/// Digits with something between the thousands.
pub fn grouped(whole: u64, between: &str) -> String {
    let digits = whole.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push_str(between);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        let shown = |language: Language, minor, currency| language.money(&Money::new(minor, currency));
        assert_eq!(shown(Language::English, 123_456, "usd"), "$1,234.56");
        assert_eq!(shown(Language::English, -500, "usd"), "\u{2212}$5.00");
        assert_eq!(shown(Language::English, 500, "chf"), "CHF\u{a0}5.00");
        assert_eq!(shown(Language::German, 123_456, "eur"), "1.234,56\u{a0}€");
        assert_eq!(shown(Language::French, 123_456, "eur"), "1\u{202f}234,56\u{a0}€");
        assert_eq!(shown(Language::Spanish, 500, "mxn"), "5,00\u{a0}MXN");
        assert_eq!(shown(Language::English, 5_000, "jpy"), "¥5,000");
        assert_eq!(shown(Language::German, 5_250, "kwd"), "5,250\u{a0}KWD");
        assert_eq!(shown(Language::Arabic, 500, "usd"), "\u{2066}5.00\u{a0}$\u{2069}");
    }
}
