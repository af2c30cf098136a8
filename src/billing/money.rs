//! Amounts: whole numbers of a currency's minor unit, never anything else.

use std::fmt;

/// Currencies of which Stripe counts whole units (its "Supported currencies", zero-decimal).
const WHOLE: [&str; 16] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
/// Those with a thousand parts, of which Stripe takes only tens.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// An amount of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// In the currency's minor unit.
    pub minor: i64,
    /// Three lower-case letters, as Stripe writes it.
    pub currency: String,
}

impl Money {
    pub fn new(minor: i64, currency: &str) -> Self {
        Self { minor, currency: currency.to_owned() }
    }
}

/// Digits after the point.
pub fn decimals(currency: &str) -> u32 {
    if WHOLE.contains(&currency) {
        0
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    }
}

/// Why an amount cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPrice {
    #[error("an amount is from 1 to 99999999 of the currency's minor unit")]
    OutOfRange,
    #[error("amounts of {0} are whole tens of its thousandths: they end with 0")]
    NotRound(String),
}

/// Whether an amount may stand on a price.
pub fn check(minor: i64, currency: &str) -> Result<(), NotAPrice> {
    if !(1..=99_999_999).contains(&minor) {
        return Err(NotAPrice::OutOfRange);
    }
    if decimals(currency) == 3 && minor % 10 != 0 {
        return Err(NotAPrice::NotRound(currency.to_uppercase()));
    }
    Ok(())
}

/// `5.00 USD`, for the command line and for logs. Readers see [`crate::texts::Language::money`].
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = self.parts();
        let sign = if self.minor < 0 { "-" } else { "" };
        match part {
            Some(part) => write!(f, "{sign}{whole}.{part} {}", self.currency.to_uppercase()),
            None => write!(f, "{sign}{whole} {}", self.currency.to_uppercase()),
        }
    }
}

impl Money {
    /// Without the currency: `5.00`.
    pub fn plain(&self) -> String {
        match self.parts() {
            (whole, Some(part)) => format!("{whole}.{part}"),
            (whole, None) => whole.to_string(),
        }
    }

    /// The whole units and, where the currency has any, the digits after the point; without a sign.
    pub fn parts(&self) -> (u64, Option<String>) {
        let decimals = decimals(&self.currency);
        let unit = 10_u64.pow(decimals);
        let minor = self.minor.unsigned_abs();
        let part = (decimals > 0).then(|| format!("{:0width$}", minor % unit, width = decimals as usize));
        (minor / unit, part)
    }
}

/// Reads an amount as people type it, `5`, `5.00` or `5,00`, into the currency's minor unit.
pub fn parse(text: &str, currency: &str) -> Option<i64> {
    let decimals = usize::try_from(decimals(currency)).ok()?;
    let (whole, part) = text.trim().split_once(['.', ',']).unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || part.len() > decimals || !digits(whole) || !digits(part) {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_has_its_own_decimals() {
        assert_eq!(Money::new(500, "usd").to_string(), "5.00 USD");
        assert_eq!(Money::new(500, "jpy").to_string(), "500 JPY");
        assert_eq!(Money::new(5_000, "kwd").to_string(), "5.000 KWD");
        assert_eq!(Money::new(-7, "eur").to_string(), "-0.07 EUR");
    }

    #[test]
    fn amounts_are_read_as_people_type_them() {
        for (text, currency, minor) in [
            ("5", "usd", 500),
            ("5.5", "usd", 550),
            (" 12,34 ", "eur", 1_234),
            ("500", "jpy", 500),
            ("1.005", "kwd", 1_005),
        ] {
            assert_eq!(parse(text, currency), Some(minor), "{text} {currency}");
        }
        for wrong in ["", "-5", "5.001", "1e3", "five", "1,000.00", "9999999999"] {
            assert_eq!(parse(wrong, "usd"), None, "{wrong}");
        }
        assert_eq!(Money::new(1_234, "eur").plain(), "12.34");
    }

    #[test]
    fn prices_are_in_range_and_round() {
        assert_eq!(check(0, "usd"), Err(NotAPrice::OutOfRange));
        assert_eq!(check(100_000_000, "usd"), Err(NotAPrice::OutOfRange));
        assert!(check(1, "jpy").is_ok());
        assert!(check(5_005, "kwd").is_err() && check(5_010, "kwd").is_ok());
    }
}
