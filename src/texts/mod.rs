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
