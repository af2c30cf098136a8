//! How they prove who they are: links and codes by mail, sessions, and the tokens that other
//! programs read.
//!
//! Start reading in `links.rs`; [`asking::request`] and [`redemption::redeem`] are the way in.

pub mod asking;
pub mod codes;
pub mod devices;
pub mod integrity;
pub mod kept;
pub mod links;
pub mod present;
pub mod redemption;
pub mod return_to;
pub mod sessions;
pub mod signing_keys;
pub mod tokens;
pub mod waiting;

use std::time::Duration;

use crate::config::{Lifetimes, Limits};
use crate::secrets::SecretKey;

/// What the rules of signing in depend on.
#[derive(Clone)]
pub struct Policy {
    pub limits: Limits,
    pub lifetimes: Lifetimes,
    pub key: SecretKey,
    /// Whether those who joined a newsletter get a mail that says so.
    pub welcome_mail: bool,
    /// How long access lasts after a payment failed.
    pub grace: Duration,
}

impl Policy {
    /// Everything at its default.
    pub fn with_key(key: SecretKey) -> Self {
        Self {
            limits: Limits::default(),
            lifetimes: Lifetimes::default(),
            key,
            welcome_mail: false,
            grace: Duration::from_secs(7 * 86_400),
        }
    }
}
