//! What a look at the installation finds.

/// What was found: good, worth a thought, or in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    Good(String),
    Advice(String),
    Fault(String),
}
