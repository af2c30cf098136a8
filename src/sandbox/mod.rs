//! What `demo` and the tests stand on: a mail server with an inbox, a demo newsroom, a stand-in
//! for Stripe, a clock that moves. It is reached only through the settings a real installation has, and
//! speaks SMTP and Stripe's HTTP; the rest of the program cannot tell.

pub mod demo;
pub mod inbox_pages;
pub mod mailbox;
pub mod newsroom;
pub mod smtp;
pub mod stripe;
