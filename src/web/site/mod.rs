//! Pages for people: the three forms, the page of a link, the account. All work without a script.

pub mod account;
pub mod assets;
pub mod forms;
pub mod link_page;
pub mod pages;
