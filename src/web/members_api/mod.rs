//! The members API, as Ghost's widgets and clients speak it (protocol B).

pub mod integrity_token;
pub mod jwks;
pub mod member;
pub mod send_magic_link;
pub mod session;
pub mod site;
