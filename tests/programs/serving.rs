//! Starting, stopping, and what is refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process;
use crate::support::people::{Person, token_of};
use crate::support::program::{Installation, bare, errors};
use crate::support::world::{Engine, PATIENCE};

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused() {
    let first = Installation::new(Engine::Sqlite);
    let program = first.serve().await;
    let second = first.command(&["serve"]).env("READERSHIP_LISTEN", "127.0.0.1:0").output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = errors(&second);
    assert!(said.contains("readership.db") && said.contains("another process"), "{said}");
    Person::new(first.url.clone()).asks("subscribe", "ada@example.org").await.lands_on("members-pending");
    drop(program);
    // The lock goes with the process, however it ended.
    let program = first.serve().await;
    drop(program);
}

#[tokio::test]
async fn two_nodes_share_one_postgres() {
    let installation = Installation::new(Engine::Postgres);
    let first = installation.serve().await;
    let port = crate::support::program::free_port();
    let second = crate::support::program::Program::start({
        let mut command = installation.command(&["serve"]);
        command.env("READERSHIP_LISTEN", format!("127.0.0.1:{port}"));
        command
    });
    second.says("readership answers").await;
    let other = url::Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();

    let ada = Person::new(installation.url.clone());
    ada.asks("signup", "ada@example.org").await;
    let link = installation.mailbox.wait_for("ada@example.org", 1, PATIENCE).await.unwrap()[0].link().unwrap();
    // The button is pressed at the other node, the member is known at both.
    let there = Person::new(other);
    there.opens(&link).await.is_page_with_button(200);
    let origin = installation.url.origin().ascii_serialization();
    there.posts_from(&origin, "members/", &[("token", &token_of(&link))]).await.lands_on("members-signup-ok");
    assert_eq!(there.record().await.unwrap()["email"], "ada@example.org");
    let here = Person::new(installation.url.clone());
    here.take_cookie(&there.cookies());
    assert_eq!(here.record().await.unwrap()["email"], "ada@example.org");
    assert_eq!(here.signs_out(None).await.status, 204);
    assert_eq!(there.record().await, None, "signing out holds at once, everywhere");
    assert_eq!(installation.mailbox.to("ada@example.org").len(), 1);
    drop((first, second));
}

process! {
    async fn sigterm_ends_it_in_order(installation: Installation) {
        let program = installation.serve().await;
        Person::new(installation.url.clone()).asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        // A request whose body is still on its way is answered before the end.
        let mut half = TcpStream::connect(("127.0.0.1", installation.url.port().unwrap())).unwrap();
        let body = "email=bob%40example.org";
        write!(
            half,
            "POST /members/subscribe/ HTTP/1.1\r\nHost: x\r\nOrigin: http://site.test\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            &body[..6]
        )
        .unwrap();
        half.flush().unwrap();
        let rest = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            half.write_all(&body.as_bytes()[6..]).unwrap();
            let mut answer = String::new();
            half.read_to_string(&mut answer).unwrap();
            answer
        });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let (status, said) = program.told("TERM").await;
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("stopped"), "{said}");
        assert!(rest.join().unwrap().contains("members-pending"));
        // Nothing is left behind that a restart would have to mend.
        let program = installation.serve().await;
        installation.mailbox.wait_for("bob@example.org", 1, PATIENCE).await.expect("the mail goes out");
        drop(program);
    }
}

process! {
    async fn logs_tell_no_secrets(installation: Installation) {
        let mut command = installation.command(&["serve"]);
        command.env("READERSHIP_LOG", "debug").env("READERSHIP_LOG_FORMAT", "json");
        let program = crate::support::program::Program::start(command);
        program.says("readership answers").await;
        let ada = Person::new(installation.url.clone());
        ada.asks("signup", "ada.lovelace@example.org").await;
        let mails = installation.mailbox.wait_for("ada.lovelace@example.org", 1, PATIENCE).await.unwrap();
        let link = mails[0].link().unwrap();
        ada.opens(&link).await.lands_on("members-signup-ok");
        assert!(ada.record().await.is_some());
        let identity = ada.get("members/api/session/").await.body;
        ada.opens(&link).await.is_page_with_button(410);
        ada.presses("members/resend/", &link).await;
        ada.get("members/nothing/here?token=something").await;
        installation.orders.for_recipient("refused@example.org", [(
            readership::sandbox::smtp::Stage::Rcpt,
            readership::sandbox::smtp::Fault::Reply("550 5.1.1 refused@example.org unknown"),
        )]);
        ada.asks("subscribe", "refused@example.org").await;
        program.says("refused").await;
        let cookies = ada.cookies();
        let (status, said) = program.told("TERM").await;
        assert!(status.success());
        assert!(said.lines().count() > 8, "the log says what happens: {said}");
        let mut secrets: Vec<&str> = cookies.split("; ").map(|cookie| cookie.split_once('=').unwrap().1).collect();
        let token = token_of(&link);
        secrets.extend([token.as_str(), identity.as_str(), "ada.lovelace", "lovelace@", "refused@example"]);
        assert!(secrets.len() >= 6);
        for secret in secrets {
            assert!(!said.contains(secret), "{secret} is in the log:\n{said}");
        }
    }
}

#[test]
fn wrong_settings_are_named_all_at_once() {
    let output = bare(&["serve"])
        .env("READERSHIP_URL", "not an address")
        .env("READERSHIP_LISTEN", "here")
        .env("READERSHIP_LIMITS_LIVE_LINKS", "0")
        .env("READERSHIP_TYPO", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    for key in ["READERSHIP_URL", "READERSHIP_LISTEN", "READERSHIP_LIMITS_LIVE_LINKS", "READERSHIP_TYPO"] {
        assert!(said.contains(key), "{key} is not named: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let installation = Installation::new(Engine::Sqlite);
    let taken = std::net::TcpListener::bind(("127.0.0.1", installation.url.port().unwrap())).unwrap();
    let output = installation.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains(&taken.local_addr().unwrap().to_string()), "{said}");
}
