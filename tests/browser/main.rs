//! The demo's footer in a real Chromium: without any script and with the optional one.

mod chromium;
mod footer;
mod newsroom;
mod pages;
mod portal;
mod portal_site;
#[path = "../support/mod.rs"]
mod support;

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
