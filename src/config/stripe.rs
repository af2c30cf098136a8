//! What the program must know to take money through Stripe.

use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use super::source::Source;

/// The account, and where Stripe is. Implements neither `Debug` nor `Display`: it holds secrets.
#[derive(Clone)]
pub struct StripeSettings {
    pub secret_key: Arc<str>,
    pub publishable_key: String,
    /// Any of them may have signed an event.
    pub webhook_secrets: Vec<Arc<str>>,
    pub api_base: Url,
}

impl StripeSettings {
    /// Whether real money moves.
    pub fn is_live(&self) -> bool {
        self.secret_key.contains("_live_")
    }

    /// The secret key as it may be shown: enough to tell one from another.
    pub fn masked_key(&self) -> String {
        let kind: String = self.secret_key.splitn(3, '_').take(2).collect::<Vec<_>>().join("_");
        let end: String = self.secret_key.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        format!("{kind}_…{end}")
    }
}

/// One-time payments of an amount that the payer chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Donations {
    /// Lower case, as Stripe writes it.
    pub currency: String,
    pub suggested_minor: i64,
}

impl FromStr for Donations {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (currency, amount) = text.split_once(':').ok_or(())?;
        let is_code = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_alphabetic());
        let suggested_minor: i64 = amount.trim().parse().map_err(|_| ())?;
        if !is_code || !(1..=99_999_999).contains(&suggested_minor) {
            return Err(());
        }
        Ok(Self { currency: currency.to_ascii_lowercase(), suggested_minor })
    }
}

const SECRET: &str = "READERSHIP_STRIPE_SECRET_KEY";
const PUBLISHABLE: &str = "READERSHIP_STRIPE_PUBLISHABLE_KEY";
const WEBHOOK: &str = "READERSHIP_STRIPE_WEBHOOK_SECRET";
const BASE: &str = "READERSHIP_STRIPE_API_BASE";

impl Source {
    pub(super) fn stripe(&mut self) -> Option<StripeSettings> {
        let api_base = match self.base_url(BASE) {
            Some(url) if url.scheme() == "https" || is_loopback(&url) => url,
            Some(url) => {
                self.complain(BASE, "would send the secret key without TLS; use https");
                url
            }
            None => Url::parse("https://api.stripe.com/").ok()?,
        };
        let secret = self.text(SECRET);
        let publishable = self.text(PUBLISHABLE);
        let webhook_secrets: Vec<Arc<str>> =
            self.list(WEBHOOK, "whsec_… secrets", |text| text.starts_with("whsec_").then(|| text.into()));
        let (secret, publishable) = match (secret, publishable) {
            (None, None) => {
                if !webhook_secrets.is_empty() {
                    self.complain(WEBHOOK, &format!("is of no use without {SECRET}"));
                }
                return None;
            }
            (Some(_), None) => {
                self.complain(PUBLISHABLE, &format!("is required with {SECRET}: pk_test_… or pk_live_…"));
                return None;
            }
            (None, Some(_)) => {
                self.complain(SECRET, &format!("is required with {PUBLISHABLE}: sk_… or rk_…"));
                return None;
            }
            (Some(secret), Some(publishable)) => (secret, publishable),
        };
        let mode = ["test", "live"].into_iter().find(|mode| {
            [format!("sk_{mode}_"), format!("rk_{mode}_")].iter().any(|start| secret.starts_with(start.as_str()))
        });
        let Some(mode) = mode.filter(|_| is_key(&secret)) else {
            self.complain(SECRET, "is a key of Stripe: sk_test_…, sk_live_…, rk_test_… or rk_live_…");
            return None;
        };
        if !publishable.starts_with(&format!("pk_{mode}_")) || !is_key(&publishable) {
            self.complain(PUBLISHABLE, &format!("is the pk_{mode}_… key that belongs to the secret one"));
        }
        Some(StripeSettings { secret_key: secret.into(), publishable_key: publishable, webhook_secrets, api_base })
    }
}

fn is_key(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "[::1]")) || url.host_str().is_some_and(|host| host.starts_with("127."))
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Source};

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        let mut pairs = vec![("READERSHIP_URL", "https://members.example.com/")];
        pairs.extend_from_slice(more);
        let variables = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::read(Source::from_environment(variables)).map_err(|error| error.to_string())
    }

    #[test]
    fn both_keys_of_one_mode_or_none() {
        assert!(read(&[]).unwrap().stripe.is_none());
        let both = [
            ("READERSHIP_STRIPE_SECRET_KEY", "rk_test_abcdef1234"),
            ("READERSHIP_STRIPE_PUBLISHABLE_KEY", "pk_test_x"),
            ("READERSHIP_STRIPE_WEBHOOK_SECRET", "whsec_one, whsec_two"),
        ];
        let stripe = read(&both).unwrap().stripe.unwrap();
        assert_eq!((stripe.webhook_secrets.len(), stripe.is_live()), (2, false));
        assert_eq!(stripe.masked_key(), "rk_test_…1234");
        for wrong in [
            vec![both[0]],
            vec![both[1]],
            vec![both[2]],
            vec![both[0], ("READERSHIP_STRIPE_PUBLISHABLE_KEY", "pk_live_x")],
            vec![("READERSHIP_STRIPE_SECRET_KEY", "hunter2"), both[1]],
            vec![both[0], both[1], ("READERSHIP_STRIPE_WEBHOOK_SECRET", "secret")],
            vec![both[0], both[1], ("READERSHIP_STRIPE_API_BASE", "http://stripe.example/")],
        ] {
            let said = read(&wrong).err().expect("this is refused");
            assert!(said.contains("READERSHIP_STRIPE_"), "{said}");
            assert!(!said.contains("abcdef1234"), "{said}");
        }
        assert!(read(&[both[0], both[1], ("READERSHIP_STRIPE_API_BASE", "http://127.0.0.1:1/")]).is_ok());
    }

    #[test]
    fn donations_have_a_currency_and_an_amount() {
        let given = |text| read(&[("READERSHIP_DONATIONS", text)]).map(|settings| settings.donations);
        assert_eq!(given("USD:500").unwrap().unwrap().currency, "usd");
        for wrong in ["500", "usd", "usd:0", "dollar:5", "usd:-5"] {
            assert!(given(wrong).is_err(), "{wrong}");
        }
    }
}
