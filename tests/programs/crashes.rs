//! `kill -9` at the worst moments: nothing acknowledged is lost, nothing sent beyond the bound.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::RunQueryDsl;
use readership::db::{self, Conn};
use readership::sandbox::mailbox::Mailbox;
use readership::sandbox::smtp::{Fault, Stage};

use crate::process;
use crate::support::people::Person;
use crate::support::program::{Installation, Program};
use crate::support::world::PATIENCE;

/// Connections to the mail server: as many mails may be in the air when the process dies.
const IN_THE_AIR: usize = 8;

fn addresses(round: usize) -> Vec<String> {
    (0..60).map(|number| format!("reader{number}.round{round}@example.org")).collect()
}

/// Everybody asks for a mail and is told that one is on its way.
async fn all_ask(installation: &Installation, addresses: &[String]) {
    for address in addresses {
        Person::new(installation.url.clone()).asks("subscribe", address).await.lands_on("members-pending");
    }
}

async fn every_one_has_a_mail(mailbox: &Mailbox, addresses: &[String]) {
    for address in addresses {
        mailbox.wait_for(address, 1, PATIENCE).await.unwrap_or_else(|| panic!("the mail to {address} is lost"));
    }
}

process! {
    async fn a_kill_between_commit_and_mail_loses_and_doubles_nothing(installation: Installation) {
        installation.orders.be_down(true);
        let program = installation.serve().await;
        let addresses = addresses(0);
        all_ask(&installation, &addresses).await;
        program.kill();
        assert_eq!(installation.mailbox.count(), 0);
        // Every row is there, and falls due again by itself.
        make_due(&installation);
        installation.orders.clear();
        let program = installation.serve().await;
        every_one_has_a_mail(&installation.mailbox, &addresses).await;
        outbox_settles(&installation).await;
        assert_eq!(installation.mailbox.count(), addresses.len());
        // And the links are as good as ever.
        let reader = Person::new(installation.url.clone());
        let link = installation.mailbox.to(&addresses[0])[0].link().unwrap();
        reader.confirms(&link).await.lands_on("members-subscribe-ok");
        drop(program);
    }
}

process! {
    /// The mail server took the mail, and the process died before it could write that down. The
    /// second copy is the very same mail: receivers fold copies by their Message-ID.
    async fn a_kill_while_mails_are_in_the_air_doubles_at_most_those(installation: Installation) {
        let mut expected = 0;
        for round in 1..=3 {
            let program = installation.serve().await;
            let addresses = addresses(round);
            installation.orders.always(Stage::Banner, Fault::Hang);
            all_ask(&installation, &addresses).await;
            expected += addresses.len();
            installation.orders.clear();
            program.kill();
            make_due(&installation);

            // Killed once more, in the middle of sending.
            let before = installation.mailbox.count();
            let program = installation.serve().await;
            while installation.mailbox.count() < before + 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            program.kill();
            let program = installation.serve().await;
            every_one_has_a_mail(&installation.mailbox, &addresses).await;
            outbox_settles(&installation).await;
            drop(program);
        }
        let mut copies: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for mail in installation.mailbox.all() {
            copies.entry(mail.to[0].clone()).or_default().push((mail.header("Message-ID").unwrap(), mail.link().unwrap()));
        }
        assert_eq!(copies.len(), expected);
        let doubled = installation.mailbox.count() - expected;
        assert!(doubled <= 3 * IN_THE_AIR, "{doubled} mails went out twice");
        for (address, mut copies) in copies {
            copies.dedup();
            assert_eq!(copies.len(), 1, "the copies to {address} differ");
        }
    }
}

process! {
    /// What was answered is on disk: a session, a subscription, a sign-out.
    async fn what_was_answered_survives_a_kill(installation: Installation) {
        let program = installation.serve().await;
        let (ada, bob) = (Person::new(installation.url.clone()), Person::new(installation.url.clone()));
        for (person, address) in [(&ada, "ada@example.org"), (&bob, "bob@example.org")] {
            person.asks("signup", address).await;
            let mails = installation.mailbox.wait_for(address, 1, PATIENCE).await.unwrap();
            person.opens(&mails[0].link().unwrap()).await.lands_on("members-signup-ok");
        }
        let copy = bob.copy();
        assert_eq!(bob.signs_out(None).await.status, 204);
        program.kill();
        let program = installation.serve().await;
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
        assert_eq!(copy.record().await, None, "signed out stays signed out");
        let used = installation.mailbox.to("ada@example.org")[0].link().unwrap();
        Person::new(installation.url.clone()).opens(&used).await.is_page_with_button(410);
        drop(program);
    }
}

process! {
    /// Killed at any point of the migrations, the next start goes on where that one stopped.
    async fn migrations_go_on_after_a_kill(installation: Installation) {
        for delay_us in [0, 500, 1_000, 2_000, 4_000, 6_000, 8_000, 12_000, 16_000, 24_000] {
            let program = Program::start(installation.command(&["migrate"]));
            std::thread::sleep(Duration::from_micros(delay_us));
            // Killed, or done before the kill came.
            drop(program);
        }
        let output = installation.run(&["migrate"]);
        assert!(output.status.success(), "{output:?}");
        let again = installation.run(&["migrate"]);
        assert!(String::from_utf8_lossy(&again.stdout).contains("up to date"), "{again:?}");
        let program = installation.serve().await;
        Person::new(installation.url.clone()).asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        drop(program);
    }
}

fn execute(installation: &Installation, sql: &str) {
    db::execute(&mut db::open_beside(&installation.database()).unwrap(), sql).unwrap();
}

/// Brings the next try of every waiting mail forward, as the passing of time would.
fn make_due(installation: &Installation) {
    execute(installation, "UPDATE outbox SET next_attempt_at = 0 WHERE state = 'waiting'");
}

async fn outbox_settles(installation: &Installation) {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let started = std::time::Instant::now();
    loop {
        let query = diesel::sql_query("SELECT count(*) AS count FROM outbox WHERE state IN ('waiting', 'sending')");
        let open: Count = match db::open_beside(&installation.database()).unwrap() {
            Conn::Postgres(mut conn) => query.get_result(&mut conn).unwrap(),
            Conn::Sqlite(mut conn) => query.get_result(&mut conn).unwrap(),
        };
        if open.count == 0 {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{} mails are still open", open.count);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
