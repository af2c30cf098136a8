//! Mail leaves through a real conversation, whatever the other side does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use readership::mail::smtp::SmtpServer;
use readership::sandbox::smtp::{Fault, Offer, Stage};
use readership::site_facts;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::world::{Engine, PATIENCE, World};
use crate::{on_both, story};

story! {
    async fn a_mail_has_the_headers_and_parts_it_should(world: World, with |settings| settings.support_email = Some("help@rexwire.test".parse().unwrap())) {
        world.visitor().asks_with("signup", "ada@example.org", &[("name", "<b>Win $$$ http://spam.example</b>")]).await;
        let mail = world.nth_mail("ada@example.org", 1).await;
        assert_eq!(mail.from, "wire@rexwire.test");
        assert_eq!(mail.to, ["ada@example.org"]);
        assert_eq!(mail.subject(), "Confirm your sign-up at REX Wire");
        let header = |name| mail.header(name).unwrap_or_default();
        assert!(header("From").contains("REX Wire") && header("From").contains("<wire@rexwire.test>"));
        assert_eq!(header("To"), "ada@example.org");
        assert_eq!(header("Reply-To"), "help@rexwire.test");
        assert!(header("Message-ID").ends_with(".signup@rexwire.test>"), "{}", header("Message-ID"));
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        assert_eq!(header("X-Auto-Response-Suppress"), "All");
        assert!(header("Content-Type").starts_with("multipart/alternative"));
        for name in ["List-Unsubscribe", "Bcc", "Precedence", "X-Priority"] {
            assert_eq!(mail.header(name), None, "{name}");
        }
        assert!(mail.text().contains(&mail.link().unwrap()) && mail.html().contains("Confirm sign-up"));
        for words in [mail.text(), mail.html(), mail.subject()] {
            assert!(!words.contains("spam") && !words.contains("$$$"), "a stranger's words are not mailed: {words}");
        }
        assert!(mail.raw.len() < 100_000);
        assert!(String::from_utf8_lossy(&mail.raw).lines().all(|line| line.len() <= 78));
    }
}

story! {
    async fn a_title_with_odd_characters_breaks_no_header(world: World, with |settings| settings.site_title = "Réx \"Wire\" <x@y.example>, Ünïcode".to_owned()) {
        world.visitor().asks("signin", "nobody@example.org").await;
        world.visitor().asks("subscribe", "ada@example.org").await;
        let mail = world.nth_mail("ada@example.org", 1).await;
        assert_eq!(mail.to, ["ada@example.org"]);
        assert_eq!(mail.subject(), "Confirm your subscription to Réx \"Wire\" <x@y.example>, Ünïcode");
        assert!(mail.html().contains("Réx &#34;Wire&#34; &#60;x@y.example&#62;"), "{}", mail.html());
    }
}

story! {
    async fn no_request_waits_for_the_mail_server(world: World) {
        world.orders.always(Stage::Banner, Fault::Hang);
        let started = Instant::now();
        for number in 0..20 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await.lands_on("members-pending");
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert_eq!(world.mailbox.count(), 0);
    }
}

story! {
    async fn mails_wait_while_the_server_is_down(world: World) {
        world.orders.be_down(true);
        for number in 0..5 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await;
        }
        world.until("every mail was tried", async |world| world.count("outbox", "state = 'waiting' AND attempts = 1").await == 5).await;
        let ready = world.visitor().get("readyz").await;
        assert_eq!(ready.status, 200, "sign-ups go on");
        assert_eq!(ready.json()["mail"], "failing");
        assert!(ready.json()["degraded"][0].as_str().unwrap().contains("the mail server cannot be used"));
        world.orders.clear();
        world.clock.advance(Duration::from_secs(13));
        world.outbox_settles().await;
        for number in 0..5 {
            assert_eq!(world.mailbox.to(&format!("a{number}@example.org")).len(), 1);
        }
        assert_eq!(world.visitor().get("readyz").await.json()["mail"], "ok");
    }
}

story! {
    async fn a_busy_mailbox_is_tried_again_and_served_once(world: World) {
        world.orders.for_recipient("ada@example.org", [
            (Stage::Rcpt, Fault::Reply("450 4.2.1 busy")),
            (Stage::Dot, Fault::Reply("451 4.3.0 later")),
        ]);
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.visitor().asks("subscribe", "bob@example.org").await;
        world.nth_mail("bob@example.org", 1).await;
        world.until("first try", async |world| world.count("outbox", "state = 'waiting' AND attempts = 1").await == 1).await;
        world.clock.advance(Duration::from_secs(13));
        world.until("second try", async |world| world.count("outbox", "state = 'waiting' AND attempts = 2").await == 1).await;
        world.clock.advance(Duration::from_secs(37));
        world.nth_mail("ada@example.org", 1).await;
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("ada@example.org").len(), 1);
        assert_eq!(world.count("outbox", "state = 'accepted' AND attempts = 3").await, 1);
    }
}

story! {
    async fn a_mailbox_that_does_not_exist_is_left_alone_for_a_week(world: World) {
        world.orders.for_recipient("gone@example.org", [(Stage::Rcpt, Fault::Reply("550 5.1.1 no such user"))]);
        world.visitor().asks("subscribe", "gone@example.org").await.lands_on("members-pending");
        world.until("refused", async |world| world.count("outbox", "state = 'refused'").await == 1).await;
        world.until("suppressed", async |world| world.count("suppressions", "reason = 'bounce'").await == 1).await;
        world.visitor().asks("subscribe", "gone@example.org").await.lands_on("members-pending");
        assert_eq!(world.count("outbox", "state = 'withheld'").await, 1);
        world.clock.advance(Duration::from_secs(8 * 86_400));
        let person = world.visitor();
        person.asks("subscribe", "gone@example.org").await;
        person.opens(&world.newest_link("gone@example.org").await).await.lands_on("members-subscribe-ok");
        assert_eq!(world.count("suppressions", "1 = 1").await, 0, "a link that came back proves the mailbox");
    }
}

story! {
    async fn a_policy_refusal_does_not_condemn_the_address(world: World) {
        world.orders.for_recipient("ada@example.org", [(Stage::Rcpt, Fault::Reply("550 5.7.1 we do not like your server"))]);
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.until("refused", async |world| world.count("outbox", "state = 'refused'").await == 1).await;
        assert_eq!(world.count("suppressions", "1 = 1").await, 0);
    }
}

story! {
    async fn a_connection_lost_after_the_dot_costs_one_copy_at_most(world: World) {
        world.orders.for_recipient("ada@example.org", [(Stage::Dot, Fault::Drop)]);
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.until("the outcome is not known", async |world| world.count("outbox", "state = 'waiting' AND last_error LIKE 'perhaps taken%'").await == 1).await;
        world.clock.advance(Duration::from_secs(13));
        world.nth_mail("ada@example.org", 2).await;
        world.outbox_settles().await;
        let mails = world.mailbox.to("ada@example.org");
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
        assert_eq!(mails[0].link(), mails[1].link(), "the very same link");
    }
}

story! {
    /// D12: the clock jumps while mails are in the air. Their leases are over by that clock, and they are not
    /// sent twice for it.
    /// Several nodes whose clocks all jump are another matter (docs/reliability.md).
    async fn d12_a_clock_that_jumps_sends_nothing_twice(world: World) {
        if world.is_balanced() { return; }
        world.orders.always(Stage::Banner, Fault::Late(Duration::from_millis(1_500), "220 late.test"));
        for number in 0..3 {
            world.visitor().asks("subscribe", &format!("reader{number}@example.org")).await;
        }
        world.until("all are in the air", async |world| world.count("outbox", "state = 'sending'").await == 3).await;
        for _ in 0..3 {
            world.clock.advance(Duration::from_secs(3_600));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        world.outbox_settles().await;
        assert_eq!(world.mailbox.count(), 3);
        assert_eq!(world.count("outbox", "attempts = 1").await, 3);
    }
}

/// Every stage of a conversation at which a server may fall silent, vanish, talk nonsense or never
/// stop talking: the mail stays, others go through, and it is delivered when the server behaves.
async fn survives(engine: Engine, stage: Stage, fault: Fault) {
    let world = World::on(engine, |settings| {
        settings.sending.connect_ms = 300;
        settings.sending.command_ms = 300;
        settings.sending.dot_ms = 300;
        settings.sending.mail_ms = 2_000;
    })
    .await;
    world.orders.always(stage, fault.clone());
    world.visitor().asks("subscribe", "ada@example.org").await;
    world
        .until("it was tried", async |world| world.count("outbox", "state = 'waiting' AND attempts = 1").await == 1)
        .await;
    world.orders.clear();
    world.clock.advance(Duration::from_secs(13));
    world.visitor().asks("subscribe", "bob@example.org").await;
    assert!(world.mailbox.wait_for("bob@example.org", 1, PATIENCE).await.is_some(), "{stage:?} {fault:?}");
    let expected = if stage == Stage::Dot && fault == Fault::Drop { 2 } else { 1 };
    assert!(world.mailbox.wait_for("ada@example.org", expected, PATIENCE).await.is_some(), "{stage:?} {fault:?}");
    world.outbox_settles().await;
    assert_eq!(world.mailbox.to("ada@example.org").len(), expected, "{stage:?} {fault:?}");
}

macro_rules! hostile {
    ($($name:ident $stage:ident),*) => {$(
        on_both! {
            async fn $name(engine) {
                for fault in [Fault::Hang, Fault::Drop, Fault::Reply("nonsense \u{7f}"), Fault::Flood, Fault::Reply("421 4.3.2 closing")] {
                    survives(engine, Stage::$stage, fault).await;
                }
            }
        }
    )*};
}
hostile!(
    a_hostile_banner Banner,
    a_hostile_hello Ehlo,
    a_hostile_mail_from Mail,
    a_hostile_recipient Rcpt,
    a_hostile_data Data,
    a_hostile_dot Dot
);

story! {
    async fn a_server_that_hangs_holds_up_nobody_else(world: World, with |settings| {
        settings.sending.connections = 4;
        settings.sending.command_ms = 30_000;
    }) {
        world.orders.for_recipient("slow@example.org", [(Stage::Rcpt, Fault::Hang)]);
        world.visitor().asks("subscribe", "slow@example.org").await;
        for number in 0..20 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await;
        }
        for number in 0..20 {
            world.nth_mail(&format!("a{number}@example.org"), 1).await;
        }
        world.until("only the slow one is left", async |world| {
            world.count("outbox", "state = 'sending'").await == 1 && world.count("outbox", "state = 'accepted'").await == 20
        }).await;
    }
}

story! {
    async fn connections_are_used_again(world: World) {
        for number in 0..30 {
            world.visitor().asks("subscribe", &format!("a{number}@example.org")).await;
        }
        world.outbox_settles().await;
        assert_eq!(world.mailbox.count(), 30);
        assert!(world.orders.connections() <= 8, "{} connections", world.orders.connections());
    }
}

story! {
    async fn a_mail_is_parked_after_the_last_try(world: World, with |settings| settings.sending.attempts = 2) {
        world.orders.always(Stage::Rcpt, Fault::Reply("450 4.2.1 busy"));
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.until("first try", async |world| world.count("outbox", "attempts = 1 AND state = 'waiting'").await == 1).await;
        world.clock.advance(Duration::from_secs(13));
        world.until("parked", async |world| world.count("outbox", "state = 'parked'").await == 1).await;
        assert_eq!(world.visitor().get("readyz").await.json()["outbox_parked"], 1);
    }
}

story! {
    async fn a_link_that_ended_is_not_mailed(world: World, with |settings| settings.lifetimes.signup_link_s = 60) {
        world.orders.be_down(true);
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.until("first try", async |world| world.count("outbox", "attempts = 1 AND state = 'waiting'").await == 1).await;
        world.clock.advance(Duration::from_secs(61));
        world.orders.clear();
        world.until("given up", async |world| world.count("outbox", "state = 'expired'").await == 1).await;
        assert_eq!(world.mailbox.count(), 0);
    }
}

story! {
    async fn paused_sending_keeps_everything(world: World) {
        world.app().db.write(|conn| site_facts::pause_sending(conn, true)).await.unwrap();
        world.visitor().asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        assert_eq!(world.visitor().get("readyz").await.json()["mail"], "paused");
        assert_eq!(world.count("outbox", "state = 'waiting' AND attempts = 0").await, 1);
        world.app().db.write(|conn| site_facts::pause_sending(conn, false)).await.unwrap();
        world.nth_mail("ada@example.org", 1).await;
    }
}

/// A certificate authority of the test's own, and a server's certificate from it.
fn certificate(folder: &std::path::Path, name: &str) -> (std::path::PathBuf, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let path = folder.join(format!("{name}.pem"));
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (path, TlsAcceptor::from(Arc::new(config)))
}

/// Starts with a mail server of this offer, spoken to by this scheme, trusting this authority.
async fn with_tls(
    engine: Engine,
    scheme: &str,
    login: &str,
    offer: Offer,
    authority: Option<&std::path::Path>,
) -> World {
    World::with_mail_server(engine, offer, |settings| {
        let plain = settings.smtp.take().unwrap();
        let address = format!("{scheme}://{login}localhost:{}", plain.port);
        settings.smtp = Some(SmtpServer::parse(&address, authority).unwrap());
        settings.sending.command_ms = 2_000;
    })
    .await
}

async fn tls_stories(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, acceptor) = certificate(folder.path(), "localhost");
    let (_, stranger) = certificate(folder.path(), "mail.elsewhere.test");
    let login = Some(("user".to_owned(), "p@ss/word".to_owned()));
    let offers = |tls: Option<&TlsAcceptor>, implicit| Offer { tls: tls.cloned(), implicit, login: login.clone() };
    let credentials = "user:p%40ss%2Fword@";

    for (scheme, implicit) in [("smtps", true), ("smtp+starttls", false)] {
        let world = with_tls(engine, scheme, credentials, offers(Some(&acceptor), implicit), Some(&trusted)).await;
        world.visitor().asks("subscribe", "ada@example.org").await;
        world.nth_mail("ada@example.org", 1).await;

        let refusals = [
            ("an unknown authority", offers(Some(&acceptor), implicit), None, credentials),
            ("another name", offers(Some(&stranger), implicit), Some(trusted.as_path()), credentials),
            ("no TLS at all", offers(None, false), Some(trusted.as_path()), credentials),
            ("a wrong password", offers(Some(&acceptor), implicit), Some(trusted.as_path()), "user:wrong@"),
        ];
        for (what, offer, authority, credentials) in refusals {
            let world = with_tls(engine, scheme, credentials, offer, authority).await;
            world.visitor().asks("subscribe", "ada@example.org").await;
            world
                .until(what, async |world| world.count("outbox", "state = 'waiting' AND attempts = 1").await == 1)
                .await;
            assert_eq!(world.mailbox.count(), 0, "{scheme} {what}");
            // Of several nodes the one that tried says so.
            let asker = world.visitor();
            let failing = async |_: &World| asker.get("readyz").await.json()["mail"] == "failing";
            world.until(&format!("{scheme} {what}: it says so"), failing).await;
            let ready = asker.get("readyz").await.json();
            assert!(!ready.to_string().contains("p@ss") && !ready.to_string().contains("wrong@"), "{ready}");
        }
    }
}

mod tls_is_required_and_checked {
    use super::*;

    #[tokio::test]
    async fn on_sqlite() {
        tls_stories(Engine::Sqlite).await;
    }

    #[tokio::test]
    async fn on_postgres() {
        tls_stories(Engine::Postgres).await;
    }
}
