//! What an operator types.

use crate::process;
use crate::support::people::Person;
use crate::support::program::{bare, errors, printed};
use crate::support::world::PATIENCE;

#[test]
fn help_names_every_command() {
    let help = printed(&bare(&["--help"]).output().unwrap());
    for command in [
        "serve",
        "demo",
        "migrate",
        "doctor",
        "backup",
        "restore",
        "sending",
        "newsletters",
        "keys",
        "explain",
        "tiers",
        "offers",
        "comps",
        "billing",
        "staff",
        "audit",
    ] {
        assert!(help.contains(&format!("  {command}")), "{command} is missing:\n{help}");
        let output = bare(&[command, "--help"]).output().unwrap();
        assert!(output.status.success() && printed(&output).contains("Usage: readership"), "{output:?}");
    }
    assert_eq!(bare(&["sevre"]).output().unwrap().status.code(), Some(2));
    assert!(errors(&bare(&["sevre"]).output().unwrap()).contains("serve"), "a slip of the hand gets a hint");
}

#[test]
fn doctor_without_settings_says_what_is_needed() {
    let output = bare(&["doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("READERSHIP_URL"), "{output:?}");
    assert!(printed(&output).contains("READERSHIP_SMTP_URL"), "every key is listed");
}

process! {
    async fn doctor_looks_at_everything(installation: Installation) {
        let program = installation.serve().await;
        let output = installation.run(&["doctor"]);
        let said = printed(&output);
        assert!(output.status.success(), "{said}{}", errors(&output));
        assert!(said.contains("up to date") && said.contains("takes our greeting"), "{said}");
        drop(program);

        let down = installation.command(&["doctor"]).env("READERSHIP_SMTP_URL", "smtp://127.0.0.1:9").output().unwrap();
        assert_eq!(down.status.code(), Some(1));
        assert!(printed(&down).contains("the mail server cannot be used"), "{}", printed(&down));
    }
}

process! {
    /// The whole way of an operator: back up while it runs, lose everything, restore, look, resume.
    async fn a_backup_brings_an_installation_back(installation: Installation) {
        let program = installation.serve().await;
        let ada = Person::new(installation.url.clone());
        ada.asks("signup", "ada@example.org").await;
        let link = installation.mailbox.wait_for("ada@example.org", 1, PATIENCE).await.unwrap()[0].link().unwrap();
        ada.opens(&link).await.lands_on("members-signup-ok");
        let file = installation.folder.path().join("backup.db");
        let path = file.to_str().unwrap();
        let output = installation.run(&["backup", path]);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(printed(&output).contains("checked"), "{output:?}");
        // Never over a file that exists, never into a database that is used.
        assert_eq!(installation.run(&["backup", path]).status.code(), Some(1));
        let refused = installation.run(&["restore", path]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org");
        program.kill();

        let mut fresh = crate::support::program::Installation::new(match installation.database() {
            readership::config::DatabaseUrl::Sqlite(_) => crate::support::world::Engine::Sqlite,
            readership::config::DatabaseUrl::Postgres(_) => crate::support::world::Engine::Postgres,
        });
        fresh.url = installation.url.clone();
        std::fs::copy(installation.folder.path().join("secret.key"), fresh.folder.path().join("secret.key")).unwrap();
        let output = fresh.run(&["restore", path]);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(printed(&output).contains("paused"), "{output:?}");

        let program = fresh.serve().await;
        assert_eq!(ada.record().await.unwrap()["email"], "ada@example.org", "she is still signed in");
        ada.asks("signin", "ada@example.org").await.lands_on("members-pending");
        let doctor = fresh.run(&["doctor"]);
        assert!(printed(&doctor).contains("sending resume"), "{}", printed(&doctor));
        assert!(printed(&fresh.run(&["sending", "status"])).contains("paused"));
        assert_eq!(fresh.mailbox.count(), 0);
        assert!(printed(&fresh.run(&["sending", "resume"])).contains("on"));
        fresh.mailbox.wait_for("ada@example.org", 1, PATIENCE).await.expect("the mail that waited goes out");
        drop(program);
    }
}

process! {
    async fn a_newsletter_is_added_while_it_runs(installation: Installation) {
        let program = installation.serve().await;
        let output = installation.run(&["newsletters", "add", "Weekend Read"]);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(printed(&installation.run(&["newsletters", "list"])).contains("weekend-read"));
        let ada = Person::new(installation.url.clone());
        ada.asks_with("subscribe", "ada@example.org", &[("newsletter", "weekend-read")]).await.lands_on("members-pending");
        drop(program);
    }
}

process! {
    /// Shown for web pages and programs, and replaced while it runs.
    async fn keys_are_shown_and_replaced(installation: Installation) {
        let refused = installation.run(&["keys"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(errors(&refused).contains("readership serve"), "{refused:?}");

        let program = installation.serve().await;
        let keys = || -> serde_json::Value { serde_json::from_str(&printed(&installation.run(&["keys", "--json"]))).unwrap() };
        let before = keys();
        let content = before["content"].as_str().unwrap().to_owned();
        let said = printed(&installation.run(&["keys"]));
        assert!(said.contains(&content) && said.contains("keep it secret"), "{said}");
        let widget = Person::new(installation.url.clone());
        let settings = async |key: &str| widget.get(&format!("ghost/api/content/settings/?key={key}")).await.status.as_u16();
        assert_eq!(settings(&content).await, 200);

        assert!(installation.run(&["keys", "rotate", "content"]).status.success());
        let after = keys();
        assert_ne!(after["content"], before["content"]);
        assert_eq!(after["admin"], before["admin"], "one key at a time");
        assert_eq!(settings(&content).await, 401);
        assert_eq!(settings(after["content"].as_str().unwrap()).await, 200);
        assert!(installation.run(&["keys", "rotate", "admin"]).status.success());
        assert_ne!(keys()["admin"], before["admin"]);

        let known = async || widget.get("members/.well-known/jwks.json").await.json()["keys"].as_array().unwrap().len();
        assert_eq!(known().await, 1);
        let said = printed(&installation.run(&["keys", "rotate", "signing"]));
        assert!(said.contains("in 20 seconds"), "{said}");
        let deadline = std::time::Instant::now() + PATIENCE;
        while known().await != 2 {
            assert!(std::time::Instant::now() < deadline, "the running program takes up the new key");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(installation.run(&["keys", "rotate", "front-door"]).status.code(), Some(2));
        drop(program);
    }
}

process! {
    async fn settings_come_from_a_file_too(installation: Installation) {
        let file = installation.folder.path().join("readership.toml");
        std::fs::write(&file, "READERSHIP_SITE_TITLE = \"From the file\"\nREADERSHIP_LIMITS_LIVE_LINKS = 2\n").unwrap();
        let path = file.to_str().unwrap();
        let mut command = installation.command(&["--config", path, "doctor"]);
        command.env_remove("READERSHIP_SITE_TITLE");
        assert!(printed(&command.output().unwrap()).contains("From the file"));
        std::fs::write(&file, "READERSHIP_SITE_TILTE = \"x\"\n").unwrap();
        let output = installation.run(&["--config", path, "doctor"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(errors(&output).contains("READERSHIP_SITE_TILTE"), "{output:?}");
    }
}

process! {
    /// What staff type about money: tiers, offers, access free of charge, why somebody may read.
    async fn staff_sell_and_explain(installation: Installation) {
        let program = installation.serve().await;
        let run = |arguments: &[&str]| {
            let output = installation.run(arguments);
            assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
            printed(&output)
        };
        let refused = |arguments: &[&str]| {
            let output = installation.run(arguments);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
            errors(&output)
        };
        let id = run(&["tiers", "add", "--name", "Gold", "--currency", "usd", "--month", "500", "--year", "5000"]);
        assert_eq!(id.trim().len(), 24, "{id}");
        assert!(run(&["tiers", "list"]).contains("Gold  [gold]  5.00 USD a month, 50.00 USD a year"));
        assert!(refused(&["tiers", "add", "--name", "Gold", "--currency", "usd", "--month", "1"]).contains("already"));
        assert!(refused(&["tiers", "add", "--name", "X", "--currency", "zzz", "--month", "1"]).contains("currency"));
        assert!(refused(&["tiers", "archive", "free"]).contains("free tier"));
        run(&["tiers", "edit", "gold", "--month", "700", "--benefit", "Everything", "--hidden", "--trial-days", "7"]);
        let list: serde_json::Value = serde_json::from_str(&run(&["tiers", "list", "--json"])).unwrap();
        assert_eq!((&list[1]["month"], &list[1]["trial_days"], &list[1]["public"]), (&700.into(), &7.into(), &false.into()));
        assert!(run(&["tiers", "archive", "gold"]).contains("archived"));
        run(&["tiers", "archive", "gold", "--undo"]);

        let offer = run(&["offers", "add", "--name", "Spring", "--code", "spring", "--tier", "gold", "--percent", "20"]);
        assert!(offer.contains("members/checkout/?offer=spring"), "{offer}");
        assert!(refused(&["offers", "add", "--name", "A", "--code", "spring", "--tier", "gold", "--percent", "20"]).contains("already"));
        assert!(refused(&["offers", "add", "--name", "A", "--code", "a", "--tier", "gold"]).contains("--percent"));
        assert!(run(&["offers", "list"]).contains("Spring  [spring]  percent 20 once, signup, taken 0 times"));
        assert!(run(&["offers", "archive", "spring"]).contains("(archived)"));

        let ada = Person::new(installation.url.clone());
        ada.asks("signup", "ada@example.org").await;
        let link = installation.mailbox.wait_for("ada@example.org", 1, PATIENCE).await.unwrap()[0].link().unwrap();
        ada.opens(&link).await;
        assert!(run(&["explain", "ada@example.org"]).contains("counts as free"));
        assert!(run(&["explain", "nobody@example.org"]).contains("none has the address"));
        assert!(refused(&["comps", "give", "nobody@example.org", "--tier", "gold"]).contains("no member"));
        assert!(refused(&["comps", "give", "ada@example.org", "--tier", "gold", "--until", "tomorrow"]).contains("no day"));
        run(&["comps", "give", "ada@example.org", "--tier", "gold", "--until", "2099-12-31"]);
        let said = run(&["explain", "ada@example.org"]);
        assert!(said.contains("given by staff gives Gold: staff gave it free of charge (to 2100-01-01"), "{said}");
        // A command beside the service: noticed within a moment.
        for _ in 0..200 {
            if ada.record().await.unwrap()["status"] == "comped" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(ada.record().await.unwrap()["status"], "comped");
        run(&["comps", "end", "ada@example.org"]);
        assert!(run(&["explain", "ada@example.org"]).contains("that is over"));
        assert!(refused(&["billing", "reconcile"]).contains("Stripe is not set up"));
        assert!(refused(&["doctor", "stripe"]).contains("Stripe is not set up"));
        drop(program);
    }
}

process! {
    /// With a stand-in for Stripe: the webhook makes itself, everything is compared, the doctor is content.
    async fn staff_look_at_stripe(installation: Installation) {
        use readership::sandbox::stripe::StandIn;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let stripe = StandIn::new(readership::clock::Clock::system(), &base);
        let _serving = crate::support::shop::serve(listener, stripe.clone());
        let settings = [
            ("READERSHIP_STRIPE_SECRET_KEY", "sk_test_program"),
            ("READERSHIP_STRIPE_PUBLISHABLE_KEY", "pk_test_program"),
            ("READERSHIP_STRIPE_API_BASE", &*base),
        ];
        let program = installation.serve().await;
        let run = |arguments: &[&str]| installation.command(arguments).envs(settings).output().unwrap();
        let doctor = run(&["doctor", "stripe"]);
        assert_eq!(doctor.status.code(), Some(1));
        let said = printed(&doctor);
        assert!(said.contains("sk_test_…gram") && !said.contains("sk_test_program"), "{said}");
        assert!(said.contains("`readership billing webhook` makes the endpoint"), "{said}");
        let made = run(&["billing", "webhook"]);
        assert!(made.status.success() && printed(&made).contains("members/webhooks/stripe/"), "{}", errors(&made));
        let again = run(&["billing", "webhook"]);
        assert!(printed(&again).contains("up to date"), "{}{}", printed(&again), errors(&again));
        let compared = run(&["billing", "reconcile"]);
        assert!(printed(&compared).contains("0 customers compared"), "{}{}", printed(&compared), errors(&compared));
        let doctor = run(&["doctor", "stripe"]);
        assert!(doctor.status.success(), "{}{}", printed(&doctor), errors(&doctor));
        for words in ["knows the key", "may read what it must", "agree about the time", "0 of 0 customers differed"] {
            assert!(printed(&doctor).contains(words), "{words}: {}", printed(&doctor));
        }
        assert!(printed(&run(&["billing", "retry"])).contains("0 events"));
        drop(program);
    }
}
