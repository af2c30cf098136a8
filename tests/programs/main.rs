//! The binary as processes: started, told, killed, started again.

mod commands;
mod crashes;
mod demo;
mod serving;
mod staff;
#[path = "../support/mod.rs"]
mod support;

/// Runs a test with an installation on either database.
#[macro_export]
macro_rules! process {
    ($(#[$meta:meta])* async fn $name:ident($installation:ident: Installation) $body:block) => {
        $crate::on_both! {
            $(#[$meta])*
            async fn $name(engine) {
                let $installation = $crate::support::program::Installation::new(engine);
                $body
            }
        }
    };
}
