//! The sender before the world: signatures that others can check, and what the DNS must say.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use readership::findings::Finding;
use readership::mail::dkim::{self, Signer};
use readership::mail::dns;
use readership::staff::roles::Role;
use serde_json::json;

use crate::story;
use crate::support::dns::Zone;

/// What dkimpy says of some mails.
fn verified(records: &BTreeMap<String, String>, mails: &[Vec<u8>]) -> Vec<bool> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/verify_dkim.py");
    let mut judge = Command::new("/usr/bin/python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Debian's Python with python3-dkim; `./test` sees to it");
    let asked = json!({"records": records, "mails": mails.iter().map(|mail| BASE64.encode(mail)).collect::<Vec<_>>()});
    judge.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

story! {
    /// M9: a key is made, published, used; mails are signed with it, and an independent verifier agrees.
    async fn m9_mails_are_signed_with_a_key_that_is_published(world: World, with |settings| {
        settings.site_title = "Ünïcode Wire, “täglich” und mit einem sehr langen Namen, der in keine Zeile passt".to_owned();
        settings.welcome_mail = true;
    }) {
        let zone = Zone::default();
        world.settings.dns_resolver = Some(zone.serve());
        world.restart().await;
        let olga = world.staff(Role::Owner).await;
        olga.did("mail/sender/keys/", &[]).await;
        let key = world.look(|conn| dkim::of_domain(conn, "rexwire.test")).await.remove(0);
        assert!(olga.looks_at("mail/sender/").await.contains(&key.record()));
        let early = olga.does(&format!("mail/sender/keys/{}/use/", key.selector), &[]).await;
        assert_eq!(early.status, 409, "nobody could look it up yet");
        zone.says(&key.name(), &key.record());
        olga.did(&format!("mail/sender/keys/{}/use/", key.selector), &[]).await;
        world.member("ada@example.org").await;
        world.outbox_settles().await;
        olga.did("mail/test/", &[]).await;
        world.nth_mail("owner@rexwire.test", 1).await;
        let mails: Vec<Vec<u8>> = world.mailbox.all().into_iter().map(|mail| mail.raw.to_vec()).collect();
        assert!(mails.len() >= 3);
        let records = BTreeMap::from([(key.name(), key.record())]);
        assert!(verified(&records, &mails).into_iter().all(|holds| holds));
        for (from, to) in [("One-Click", "Two-Click"), ("Subject:", "Subject: x"), ("Subject:", "Subject: x\r\nSubject:")] {
            let changed: Vec<Vec<u8>> = mails
                .iter()
                .map(|mail| String::from_utf8_lossy(mail).into_owned())
                .filter(|mail| mail.contains(from))
                .map(|mail| mail.replacen(from, to, 1).into_bytes())
                .collect();
            assert!(!changed.is_empty() && verified(&records, &changed).into_iter().all(|holds| !holds), "{from} → {to}");
        }
        olga.did("mail/sender/keys/", &[]).await;
        let newer = world.look(|conn| dkim::of_domain(conn, "rexwire.test")).await.into_iter().find(|one| one.selector != key.selector).unwrap();
        zone.says(&newer.name(), &newer.record());
        olga.did(&format!("mail/sender/keys/{}/use/", newer.selector), &[]).await;
        olga.did("mail/test/", &[]).await;
        let mail = world.nth_mail("owner@rexwire.test", 2).await;
        assert!(String::from_utf8_lossy(&mail.raw).contains(&format!("s={}", newer.selector)), "the newer key signs");
        let dump = String::from_utf8_lossy(&world.dump().await).into_owned();
        assert!(!dump.contains("PRIVATE KEY"));
    }
}

story! {
    /// M9: a thousand mails with everything that breaks signatures.
    async fn m9_a_thousand_odd_mails_pass(world: World) {
        let key = world.app().policy.key.clone();
        let now = world.clock.now();
        let new = dkim::generate(&key, "rexwire.test", now).unwrap();
        let selector = new.selector().to_owned();
        world.app().db.write(move |conn| dkim::store(conn, &new, now)).await.unwrap();
        let (signer, kept) = world.look({
            let selector = selector.clone();
            move |conn| Ok((Signer::read(conn, &key, &selector)?, dkim::of_domain(conn, "rexwire.test")?))
        }).await;
        let bodies = ["", "\r\n", "one line", "a  b\t c \r\n", ".\r\n..\r\n.dot\r\n", "trailing \t \r\n\r\n\r\n", "=E2=98=82=\r\n soft\r\n", "\r\n\r\nlate\r\n"];
        let mails: Vec<Vec<u8>> = (0..1_000).map(|number: usize| {
            let body = bodies[number % bodies.len()].repeat(1 + number % 5);
            let fold = ["", "\r\n ", "\r\n\t", " \r\n  "][number % 4];
            let subject = format!("=?utf-8?q?{}?={fold} {}", "=C3=A4".repeat(number % 40), "x".repeat(1 + number % 300));
            let reply = if number.is_multiple_of(3) { "Reply-To: desk@rexwire.test\r\n" } else { "" };
            let list = if number.is_multiple_of(2) { "List-Unsubscribe: <https://m.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" } else { "" };
            let mail = format!("From:  \"Wire\"{fold} <wire@rexwire.test>\r\nTo: a{number}@example.org\r\n{reply}SUBJECT: {subject} \r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n{list}\r\n{body}");
            signer.sign(mail.as_bytes(), now).unwrap()
        }).collect();
        let records = BTreeMap::from([(kept[0].name(), kept[0].record())]);
        let verdicts = verified(&records, &mails);
        let bad: Vec<usize> = verdicts.iter().enumerate().filter(|(_, holds)| !**holds).map(|(at, _)| at).collect();
        assert!(bad.is_empty() && verdicts.len() == 1_000, "{bad:?}: {}", bad.first().map_or(String::new(), |at| String::from_utf8_lossy(&mails[*at]).into_owned()));
    }
}

story! {
    /// M18: each gap is named with the record to add, and a DNS without gaps is good.
    async fn m18_gaps_in_the_dns_are_named(world: World) {
        let zone = Zone::default();
        let mut settings = world.settings.clone();
        settings.dns_resolver = Some(zone.serve());
        settings.smtp = Some(readership::mail::smtp::SmtpServer::parse("smtps://mail.rexwire.test", None).unwrap());
        let now = world.clock.now();
        let key = world.app().policy.key.clone();
        let new = dkim::generate(&key, "rexwire.test", now).unwrap();
        world.app().db.write(move |conn| dkim::store(conn, &new, now)).await.unwrap();
        let keys = world.look(|conn| dkim::of_domain(conn, "rexwire.test")).await;
        let gaps = dns::check(&settings, &keys).await;
        let told = |what: &str| gaps.iter().find(|one| one.what == what).unwrap().clone();
        assert_eq!(told("SPF").record, Some(("rexwire.test".to_owned(), "v=spf1 a:mail.rexwire.test ~all".to_owned())));
        assert_eq!(told("DKIM").record, Some((keys[0].name(), keys[0].record())));
        assert_eq!(told("DMARC").record.unwrap().0, "_dmarc.rexwire.test");
        assert!(matches!(told("PTR").finding, Finding::Fault(_)));

        let address = Ipv4Addr::new(192, 0, 2, 25);
        zone.says("rexwire.test", "v=spf1 a:mail.rexwire.test ~all");
        zone.says(&keys[0].name(), &keys[0].record());
        zone.says("_dmarc.rexwire.test", "v=DMARC1; p=none");
        zone.has_address("mail.rexwire.test", address);
        zone.is_called(address, "mail.rexwire.test");
        let good = dns::check(&settings, &keys).await;
        assert!(good.iter().all(|one| matches!(one.finding, Finding::Good(_))), "{good:?}");
        zone.says("rexwire.test", "v=spf1 +all");
        zone.forgets(&keys[0].name());
        zone.says(&keys[0].name(), "v=DKIM1; p=AAAA");
        let bad = dns::check(&settings, &keys).await;
        let faults: Vec<&str> = bad.iter().filter(|one| matches!(one.finding, Finding::Fault(_))).map(|one| one.what).collect();
        assert_eq!(faults, ["SPF", "DKIM"], "{bad:?}");
    }
}
