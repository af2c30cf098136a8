//! Who runs the site: accounts with a role each, how they prove who they are, and what they did.
//!
//! [`signin`] is the way in, [`links`] makes accounts, [`roles`] says who may do what, and [`audit`]
//! writes down everything that was done. Keys of programs stand in [`api_keys`].

pub mod accounts;
pub mod api_keys;
pub mod audit;
mod breached;
pub mod figures;
pub mod links;
pub mod notices;
pub mod once;
pub mod passwords;
pub mod roles;
pub mod second_factor;
pub mod sessions;
pub mod signin;
pub mod stored_settings;
