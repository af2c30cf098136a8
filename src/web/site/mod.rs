//! Pages for people: the three forms, the page of a link, the page that waits for it, the account,
//! unsubscribing, buying. All work without a script.

pub mod account;
pub mod addresses;
pub mod assets;
pub mod billing;
pub mod checkout;
pub mod forms;
pub mod link_page;
pub mod pages;
pub mod signout;
pub mod stripe_return;
pub mod undo_page;
pub mod unsubscribe_page;
pub mod waiting_page;
