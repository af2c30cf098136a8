//! Whoever runs the site, from the machine itself: the link that is printed, accounts, the log, settings.

use std::time::Instant;

use diesel::RunQueryDsl;
use readership::db::Conn;

use crate::process;
use crate::support::people::Person;
use crate::support::program::{Installation, Program, errors, printed};
use crate::support::staff::{PASSWORD, hidden};
use crate::support::world::PATIENCE;

/// The token of the link that a program printed.
fn token_in(said: &str) -> Option<String> {
    Some(said.split("admin/join/?token=").nth(1)?.split_whitespace().next()?.to_owned())
}

async fn joins(installation: &Installation, token: &str, address: &str) -> Person {
    let person = Person::new(installation.url.clone());
    let fields = [("token", token), ("email", address), ("name", "Olga"), ("password", PASSWORD), ("again", PASSWORD)];
    person.did("join/", &fields).await;
    person
}

async fn owner(installation: &Installation, program: &Program) -> Person {
    program.says("admin/join/?token=").await;
    joins(installation, &token_in(&program.said()).unwrap(), "olga@rexwire.test").await
}

process! {
    /// A11: the link stands on standard output, not in the log, and ends with the first account.
    async fn serve_prints_a_link_until_somebody_runs_the_site(installation: Installation) {
        let program = installation.serve().await;
        program.says("Nobody runs this site yet").await;
        let first = token_in(&program.said()).unwrap();
        let (_, said) = program.told("TERM").await;
        assert_eq!(said.matches(&first).count(), 1);
        let program = installation.serve().await;
        let olga = owner(&installation, &program).await;
        olga.looks_at("account/").await;
        let late = Person::new(installation.url.clone()).get(&format!("admin/join/?token={first}")).await;
        assert_eq!(late.status, 410, "the link of the start before");
        drop(program);
        let program = installation.serve().await;
        program.says("readership answers").await;
        assert!(!program.said().contains("admin/join"), "{}", program.said());
    }
}

process! {
    /// `staff add`, `staff list`, `audit verify`.
    async fn accounts_and_the_log_from_the_command_line(installation: Installation) {
        let program = installation.serve().await;
        let added = installation.run(&["staff", "add", "sam@rexwire.test", "--role", "support"]);
        let token = token_in(&printed(&added)).unwrap_or_else(|| panic!("{added:?}"));
        let sam = joins(&installation, &token, "ignored@rexwire.test").await;
        assert_eq!(sam.get("admin/staff/").await.status, 403);
        let again = installation.run(&["staff", "add", "sam@rexwire.test"]);
        assert!(!again.status.success() && errors(&again).contains("has an account already"), "{again:?}");
        let wrong = installation.run(&["staff", "add", "x@rexwire.test", "--role", "god"]);
        assert!(errors(&wrong).contains("owner, administrator, support or read-only"), "{wrong:?}");
        let listed = printed(&installation.run(&["staff", "list"]));
        assert!(listed.contains("sam@rexwire.test") && listed.contains("support") && !listed.contains("argon2"), "{listed}");
        let verified = printed(&installation.run(&["audit", "verify"]));
        assert!(verified.contains("all as they were written"), "{verified}");
        let short = installation.run(&["audit", "verify", "--at-least", "1000"]);
        assert!(!short.status.success() && errors(&short).contains("cut off"), "{short:?}");
        drop(program);
    }
}

process! {
    /// Settings change while it runs: checked as a whole, in force at once, still there after a restart, and
    /// what the environment says stays.
    async fn settings_change_while_it_runs(installation: Installation) {
        let program = installation.serve().await;
        let olga = owner(&installation, &program).await.without_kept_connections();
        // Owners need a second factor before anything else.
        assert!(olga.get("admin/settings/").await.location().contains("second-factor"));
        drop(program);
        let mut command = installation.command(&["serve"]);
        command.env("READERSHIP_STAFF_SECOND_FACTOR", "0").env_remove("READERSHIP_SITE_TITLE");
        let program = Program::start(command);
        program.says("readership answers").await;
        let title = async || olga.get("members/api/site/").await.json()["site"]["title"].as_str().unwrap_or_default().to_owned();
        assert_eq!(title().await, "site.test");
        let page = olga.looks_at("settings/").await;
        assert!(page.contains("stands in the environment"), "{page}");
        let version = |page: &str| hidden(page.split("id=\"site\"").nth(1).unwrap(), "version");
        let was = version(&page);
        let bad = olga.does("settings/site/", &[("version", &was), ("READERSHIP_SITE_TITLE", "Harbour Post"), ("READERSHIP_ACCENT_COLOR", "red")]).await;
        assert_eq!(bad.status, 422, "{}", bad.body);
        assert!(bad.body.contains("READERSHIP_ACCENT_COLOR-error") && bad.body.contains("Harbour Post"), "{}", bad.body);
        assert_eq!(title().await, "site.test", "nothing half saved");
        olga.did("settings/site/", &[("version", &was), ("READERSHIP_SITE_TITLE", "Harbour Post"), ("READERSHIP_LANGUAGE", "de")]).await;
        let begun = Instant::now();
        while title().await != "Harbour Post" {
            assert!(begun.elapsed() < PATIENCE, "{}", program.said());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let late = olga.does("settings/site/", &[("version", &was), ("READERSHIP_SITE_TITLE", "Another")]).await;
        assert_eq!(late.status, 409, "somebody else was quicker");
        let mail = olga.looks_at("settings/").await;
        let mail = hidden(mail.split("id=\"mail\"").nth(1).unwrap(), "version");
        let fixed = olga.did("settings/mail/", &[("version", &mail), ("READERSHIP_MAIL_FROM", "Eve <eve@evil.example>")]).await;
        drop(fixed);
        olga.did("mail/test/", &[]).await;
        let got = installation.mailbox.wait_for("olga@rexwire.test", 1, PATIENCE).await.expect("the test mail").pop().unwrap();
        assert!(got.header("From").unwrap().contains("wire@rexwire.test"));
        drop(program);

        let mut command = installation.command(&["serve"]);
        command.env("READERSHIP_STAFF_SECOND_FACTOR", "0").env_remove("READERSHIP_SITE_TITLE");
        let program = Program::start(command);
        program.says("readership answers").await;
        assert_eq!(title().await, "Harbour Post", "after a restart too");
        let (status, _) = program.told("TERM").await;
        assert!(status.success());
    }
}

/// How many rows there are.
fn count(installation: &Installation, sql: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let query = diesel::sql_query(format!("SELECT count(*) AS count FROM {sql}"));
    let counted: Count = match readership::db::open_beside(&installation.database()).unwrap() {
        Conn::Postgres(mut conn) => query.get_result(&mut conn).unwrap(),
        Conn::Sqlite(mut conn) => query.get_result(&mut conn).unwrap(),
    };
    counted.count
}

process! {
    /// D6: killed again and again in the middle of an import, it goes on from the last row that was
    /// committed; nobody comes in twice, and nobody is left out.
    async fn d6_an_import_that_is_killed_goes_on(installation: Installation) {
        const MEMBERS: i64 = 4_000;
        let start = || {
            let mut command = installation.command(&["serve"]);
            command.env("READERSHIP_STAFF_SECOND_FACTOR", "0");
            Program::start(command)
        };
        let mut program = start();
        let olga = owner(&installation, &program).await;
        let csv: String =
            std::iter::once("email\n".to_owned()).chain((0..MEMBERS).map(|n| format!("r{n}@example.org\n"))).collect();
        let sent = olga.sends_in(&csv, &[("consent", "They ticked the box in our shop.")]).await;
        let id = sent.location().split("jobs/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let until = async |sql: &str, least: i64| {
            let begun = Instant::now();
            while count(&installation, sql) < least {
                assert!(begun.elapsed() < 2 * PATIENCE, "{sql}");
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        until("jobs WHERE state = 'checked'", 1).await;
        olga.did(&format!("jobs/{id}/start/"), &[]).await;
        for part in 1..4 {
            until("members", part * MEMBERS / 5).await;
            program.kill();
            // A node that died holds its lease for a minute; nobody waits for that here.
            let mut conn = readership::db::open_beside(&installation.database()).unwrap();
            readership::db::execute(&mut conn, "UPDATE jobs SET lease_until = 0").unwrap();
            drop(conn);
            program = start();
        }
        until("jobs WHERE state = 'done'", 1).await;
        assert_eq!(count(&installation, "members"), MEMBERS);
        assert_eq!(count(&installation, "member_events WHERE kind = 'imported'"), MEMBERS);
        let report = olga.looks_at(&format!("jobs/{id}/")).await;
        assert!(report.contains(&format!("<strong>{MEMBERS}</strong>new")), "{report}");
        drop(program);
    }
}
