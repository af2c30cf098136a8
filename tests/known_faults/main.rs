//! Faults that others published, one test each: what happened to them does not happen here.
//!
//! The numbers are those of the advisories; `#…` is an issue of that project. Many rows of the requirements
//! are told in more ways in `tests/stories/`; here stands the fault as it was found.

#[path = "../support/mod.rs"]
mod support;

mod money;
mod readers;
mod staff;
