//! Texts that readers read, in their language. Everything stands in `locales/<tag>/*.ftl`, in
//! Fluent's own syntax, built into the program and parsed once.
//!
//! A page, a form or a mail has one [`Language`]; whoever wants a text asks it. Errors of the JSON
//! interfaces are not texts for readers: clients match them word for word.

mod amounts;
mod bundle;
mod dates;
mod language;

pub use amounts::grouped;
pub use bundle::Value;
pub use language::{Direction, Language};

/// `Ünter uns!` → `ünter-uns`: letters and digits in lower case, with dashes between the words.
pub fn dashed(text: &str) -> String {
    let dashed: String = text.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
