//! The demo's footer in a real Chromium: without any script and with the optional one.

mod chromium;
mod footer;
mod newsroom;
mod pages;
#[path = "../support/mod.rs"]
mod support;

/// Tells a visit twice: on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! visit {
    ($(#[$meta:meta])* async fn $name:ident($newsroom:ident: Newsroom) $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::newsroom::Newsroom;
            use $crate::support::world::Engine;

            async fn tell(engine: Engine) {
                let $newsroom = Newsroom::open(engine).await;
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
