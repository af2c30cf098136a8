//! Backups are whole, and start a new life paused.

use readership::config::DatabaseUrl;
use readership::db::{self, backup};
use readership::site_facts;

use crate::story;
use crate::support::postgres::TestDatabase;

story! {
    async fn a_backup_taken_while_running_restores_into_either_database(world: World) {
        for number in 0..5 {
            world.member(&format!("ö{number}@example.org").replace('ö', "o")).await;
        }
        world.visitor().asks_with("signup", "waiting@example.org", &[("name", "Zoë \"\\ 👩‍🔬"), ("label", "vip")]).await;
        world.outbox_settles().await;
        let file = world.folder().join("backup.db");
        let source = world.settings.database.clone();
        let (from, to) = (source.clone(), file.clone());
        let rows = tokio::task::spawn_blocking(move || backup::write(&from, &to)).await.unwrap().unwrap();
        assert!(rows > 20, "{rows}");
        assert!(backup::write(&source, &file).unwrap_err().to_string().contains("exists already"));

        let members = world.count("members", "1 = 1").await;
        let database = TestDatabase::empty();
        for target in [DatabaseUrl::Sqlite(world.folder().join("restored.db")), DatabaseUrl::Postgres(database.url())] {
            assert_eq!(backup::restore(&target, &file).unwrap(), rows);
            assert!(backup::restore(&target, &file).is_err(), "a database that is in use is never overwritten");
            let mut conn = db::open_beside(&target).unwrap();
            assert!(site_facts::sending_is_paused(&mut conn).unwrap());
            assert_eq!(readership::members::count(&mut conn).unwrap(), u64::try_from(members).unwrap());
        }
        // And the restored one is a working installation: members are still signed in.
        let ada = world.member("ada@example.org").await;
        world.stop();
        let file = world.folder().join("second.db");
        backup::write(&source, &file).unwrap();
        let restored = if world.engine == Engine::Sqlite { world.folder().join("again.db") } else { world.folder().join("from-postgres.db") };
        world.settings.database = DatabaseUrl::Sqlite(restored);
        backup::restore(&world.settings.database, &file).unwrap();
        world.start().await;
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
        ada.asks("signin", "ada@example.org").await.lands_on("members-pending");
        assert_eq!(world.count("outbox", "state = 'waiting'").await, 1);
    }
}

story! {
    async fn what_is_no_backup_is_refused(world: World) {
        let rubbish = world.folder().join("rubbish.db");
        std::fs::write(&rubbish, "this is no database").unwrap();
        let target = DatabaseUrl::Sqlite(world.folder().join("target.db"));
        assert!(backup::restore(&target, &rubbish).is_err());
        assert!(backup::restore(&target, &world.folder().join("missing.db")).is_err());
        let file = world.folder().join("backup.db");
        backup::write(&world.settings.database, &file).unwrap();
        let mut newer = readership::db::open_beside(&DatabaseUrl::Sqlite(file.clone())).unwrap();
        db::execute(&mut newer, "INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')").unwrap();
        drop(newer);
        let error = backup::restore(&target, &file).unwrap_err().to_string();
        assert!(error.contains("newer version") && error.contains("9999"), "{error}");
        assert!(!world.folder().join("target.db").exists());
    }
}
