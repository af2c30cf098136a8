//! The binary as processes: started, told, killed, started again.

mod commands;
mod crashes;
mod demo;
mod serving;
#[path = "../support/mod.rs"]
mod support;

/// Runs a test twice: with an installation on SQLite and with one on PostgreSQL.
#[macro_export]
macro_rules! process {
    ($(#[$meta:meta])* async fn $name:ident($installation:ident: Installation) $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::support::program::Installation;
            use $crate::support::world::Engine;

            async fn tell(engine: Engine) {
                let $installation = Installation::new(engine);
                $body
            }

            #[tokio::test]
            async fn on_sqlite() {
                tell(Engine::Sqlite).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                tell(Engine::Postgres).await;
            }
        }
    };
}
