//! What holds for every input, not only for those we thought of.

mod addresses;
mod requests;
mod return_addresses;
