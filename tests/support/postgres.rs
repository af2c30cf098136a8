//! Databases on the throw-away PostgreSQL that `./test` starts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// `postgres://…/postgres`: where databases may be made. Set by `./test`.
fn server() -> String {
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL is not set: run `./test STORY`, which starts a PostgreSQL for the tests")
}

pub fn execute(sql: &str) {
    let mut conn = PgConnection::establish(&server()).expect("the tests' PostgreSQL answers");
    conn.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn url_of(database: &str) -> String {
    let (base, _) = server().rsplit_once('/').map(|(base, rest)| (base.to_owned(), rest.to_owned())).unwrap();
    format!("{base}/{database}")
}

/// A database of its own, dropped at the end.
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// An empty one.
    pub fn empty() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(&format!("CREATE DATABASE {name}"));
        Self { name }
    }

    /// A copy of one that `prepare` filled once for all tests of this binary.
    pub fn prepared(prepare: impl FnOnce(&str)) -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let template = TEMPLATE.get_or_init(|| {
            let name = format!("template_{}", std::process::id());
            execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            execute(&format!("CREATE DATABASE {name}"));
            prepare(&url_of(&name));
            name
        });
        let name = format!("story_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self { name }
    }

    pub fn url(&self) -> String {
        url_of(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}
