//! What they pay: so far the tiers one can be a member of.

pub mod tiers;
