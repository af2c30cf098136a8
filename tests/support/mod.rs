//! What the stories stand on: the whole program on a port of its own, a real mail server, a real
//! database of either kind, and people with browsers that keep cookies.

#![allow(dead_code)] // Each test binary uses its own part.

pub mod dns;
pub mod keys;
pub mod nginx;
pub mod people;
pub mod postgres;
pub mod program;
pub mod shop;
pub mod staff;
pub mod world;

/// Runs a test twice: on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($(#[$meta:meta])* async fn $name:ident($engine:ident) $body:block) => {
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::support::world::Engine;

            async fn tell($engine: Engine) $body

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

/// Tells a story on both databases.
///
/// `with |settings| …` changes the settings before the program starts.
#[macro_export]
macro_rules! story {
    ($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block) => {
        story!($(#[$meta])* async fn $name($world: World, with |_settings| {}) $body);
    };
    ($(#[$meta:meta])* async fn $name:ident($world:ident: World, with |$settings:ident| $change:expr) $body:block) => {
        $crate::on_both! {
            $(#[$meta])*
            async fn $name(engine) {
                #[allow(unused_mut)]
                let mut $world = $crate::support::world::World::on(engine, |$settings| $change).await;
                $body
            }
        }
    };
}

/// Tells a story of paying on both databases, with a stand-in for Stripe.
#[macro_export]
macro_rules! paying {
    ($(#[$meta:meta])* async fn $name:ident($shop:ident: Shop) $body:block) => {
        paying!($(#[$meta])* async fn $name($shop: Shop, with |_settings| {}) $body);
    };
    ($(#[$meta:meta])* async fn $name:ident($shop:ident: Shop, with |$settings:ident| $change:expr) $body:block) => {
        $crate::on_both! {
            $(#[$meta])*
            async fn $name(engine) {
                #[allow(unused_mut)]
                let mut $shop = $crate::support::shop::Shop::open(engine, |$settings| $change).await;
                $body
            }
        }
    };
}
