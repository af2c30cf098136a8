//! Mails about what members pay. Each names its amount and its day in its reader's own way.

use super::letters::{Button, Letter, Words};
use crate::billing::money::Money;
use crate::billing::notices::{self, Kind, Notice};
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::signin::Policy;
use crate::texts::{Language, Value};

/// The page on which a card is changed. The link opens it without signing in.
const CARD_PAGE: &str = "members/billing/";
const PLAN_PAGE: &str = "members/account/plan/";

pub fn letter(settings: &Settings, policy: &Policy, language: Language, notice: &Notice) -> Letter {
    let words = Words { language, settings };
    let facts = &notice.facts;
    let tier = facts.tier.clone().unwrap_or_else(|| settings.site_title.clone());
    let money = facts.amount_minor.zip(facts.currency.as_deref()).map(|(minor, currency)| Money::new(minor, currency));
    let amount = money.map_or(String::new(), |money| language.money(&money));
    let price = match facts.cadence.as_deref() {
        Some("year") => language.fill("price-year", &[("amount", (&amount).into())]),
        Some(_) => language.fill("price-month", &[("amount", (&amount).into())]),
        None => amount.clone(),
    };
    let day = facts.day_ms.map_or(String::new(), |at| language.day(Timestamp::from_millis(at)));
    let card = facts.card.clone().unwrap_or_else(|| "••••".to_owned());
    let values: [(&str, Value<'_>); 5] = [
        ("tier", (&tier).into()),
        ("amount", (&amount).into()),
        ("price", (&price).into()),
        ("day", (&day).into()),
        ("card", (&card).into()),
    ];
    let key = match notice.kind {
        Kind::Welcome => "mail-paid-welcome",
        Kind::Receipt => "mail-receipt",
        Kind::PaymentFailed => "mail-payment-failed",
        Kind::CardExpiring => "mail-card-expiring",
        Kind::TrialEnding => "mail-trial-ending",
        Kind::Cancelled => "mail-cancelled",
        Kind::Resumed => "mail-resumed",
        Kind::Ended => "mail-ended",
        Kind::TrialRefused => "mail-trial-refused",
    };
    let url = match notice.kind {
        Kind::PaymentFailed | Kind::CardExpiring => {
            let mut url = settings.link(CARD_PAGE);
            let key = notices::card_link_key(policy, notice.id);
            url.query_pairs_mut().append_pair("notice", &notice.id.to_string()).append_pair("key", key.reveal());
            url.to_string()
        }
        Kind::Welcome => settings.site_url.to_string(),
        Kind::Receipt => facts.url.clone().unwrap_or_else(|| settings.link(PLAN_PAGE).to_string()),
        Kind::Ended | Kind::TrialRefused => settings.link("members/checkout/").to_string(),
        _ => settings.link(PLAN_PAGE).to_string(),
    };
    Letter {
        kind: notice.kind.as_str(),
        language,
        subject: words.fill(&format!("{key}.subject"), &values),
        opening: vec![words.fill(key, &values)],
        code: None,
        button: Some(Button { label: words.t(&format!("{key}.button")), url }),
        closing: words.questions().into_iter().collect(),
        list: None,
    }
}
