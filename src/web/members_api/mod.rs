//! The members API, as Ghost's widgets and clients speak it (protocol B).

pub mod billing_off;
pub mod identity;
mod inbox_links;
pub mod integrity_token;
pub mod jwks;
pub mod member;
pub mod member_email;
pub mod member_newsletters;
pub mod send_magic_link;
pub mod session;
pub mod site;
pub mod small;
pub mod verify_otc;
