//! The demo and Ghost's widget in a real Chromium, with scripts and without.

mod account;
mod chromium;
mod footer;
mod keyboard;
mod looks;
mod newsroom;
mod pages;
mod paying;
mod portal;
mod portal_paying;
mod portal_site;
mod staff;
#[path = "../support/mod.rs"]
mod support;
mod waiting;

/// Tells a visit on both databases.
#[macro_export]
macro_rules! visit {
    ($(#[$meta:meta])* async fn $name:ident($newsroom:ident: Newsroom) $body:block) => {
        $crate::on_both! {
            $(#[$meta])*
            async fn $name(engine) {
                let $newsroom = $crate::newsroom::Newsroom::open(engine).await;
                $body
            }
        }
    };
}
