//! `readership demo`.

use std::net::TcpListener;

use crate::support::people::Person;
use crate::support::program::{Program, bare, errors, files, free_port};

#[tokio::test]
async fn the_demo_starts_with_no_settings_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let port = five_free_ports();
    let mut command = bare(&["demo", "--port", &port.to_string()]);
    command.env("TMPDIR", folder.path());
    let program = Program::start(command);
    program.says("Ctrl-C ends it").await;
    for (name, offset) in [("Newsroom", 0), ("Members", 1), ("Inbox", 2), ("Stripe", 4)] {
        let address = format!("http://127.0.0.1:{}/", port + offset);
        assert!(
            program.said().lines().any(|line| line.contains(name) && line.contains(&address)),
            "{}",
            program.said()
        );
    }
    let site = Person::new(format!("http://127.0.0.1:{port}/").parse().unwrap());
    assert!(site.get("").await.body.contains("members-subscribe-ok"));
    let (status, said) = program.told("INT").await;
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("The demo has ended."), "{said}");
    assert_eq!(files(folder.path()), [format!("readership-demo-{port}")]);
}

#[test]
fn a_port_that_is_taken_gives_one_line_and_a_hint() {
    let port = five_free_ports();
    for offset in 0..5 {
        let taken = TcpListener::bind(("127.0.0.1", port + offset)).unwrap();
        let output = bare(&["demo", "--port", &port.to_string()]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = errors(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(&format!("port {}", port + offset)) && said.contains("--port"), "{said}");
        drop(taken);
    }
}

/// The first of five neighbours nobody uses now.
fn five_free_ports() -> u16 {
    (0..100)
        .map(|_| free_port())
        .find(|port| *port < 65_000 && (0..5).all(|offset| TcpListener::bind(("127.0.0.1", port + offset)).is_ok()))
        .expect("five free ports in a row")
}
