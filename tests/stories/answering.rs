//! The HTTP side under clients that are slow, loud or rude.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::story;
use crate::support::world::{PATIENCE, World};

/// Says something on a bare connection and returns all that comes back until it is closed.
async fn says(world: &World, pieces: &[&str]) -> (String, Duration) {
    let mut tcp = TcpStream::connect(world.settings.listen).await.unwrap();
    let started = Instant::now();
    for piece in pieces {
        if tcp.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    // A connection that is reset has been closed, too.
    let _ =
        tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut answer)).await.expect("the server closes the connection");
    (String::from_utf8_lossy(&answer).into_owned(), started.elapsed())
}

story! {
    async fn slow_clients_are_closed(world: World, with |settings| {
        settings.http.header_ms = 300;
        settings.http.body_idle_ms = 300;
        settings.http.body_total_ms = 600;
        settings.http.keep_alive_ms = 900;
    }) {
        let (_, first_head) = says(&world, &["GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: "]).await;
        assert!(first_head < Duration::from_secs(5));
        let (answer, second_head) = says(&world, &["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: "]).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.matches("HTTP/1.1 200").count() == 1, "{answer}");
        assert!(second_head < Duration::from_secs(5), "{second_head:?}");
        let head = "POST /members/signin/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n";
        let (answer, _) = says(&world, &[head, "email=a"]).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        let (answer, idle) = says(&world, &["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"]).await;
        assert!(answer.starts_with("HTTP/1.1 200") && idle < Duration::from_secs(5), "{idle:?}");
        let (_, silent) = says(&world, &[]).await;
        assert!(silent < Duration::from_secs(5));
    }
}

story! {
    async fn too_much_is_refused_before_it_is_read(world: World) {
        let post = |headers: &str| format!("POST /members/signin/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}Connection: close\r\n\r\n");
        let (answer, _) = says(&world, &[&post("Content-Length: 20000000\r\n")]).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
        let (answer, _) = says(&world, &[&post("Transfer-Encoding: chunked\r\n"), &chunk, &chunk]).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let get = |headers: &str| format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n");
        let (answer, _) = says(&world, &[&get(&format!("X-Long: {}\r\n", "a".repeat(20_000)))]).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let (answer, _) = says(&world, &[&get(&"X-Many: a\r\n".repeat(80))]).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        let (answer, _) = says(&world, &[&format!("GET /members/?token={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a".repeat(9_000))]).await;
        assert!(answer.starts_with("HTTP/1.1 414"), "{answer}");
    }
}

story! {
    async fn smuggled_requests_are_refused(world: World) {
        for headers in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: +5\r\n",
            "Content-Length: -1\r\n", "Content-Length: 5, 5\r\n", "Content-Length : 5\r\n", "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding : chunked\r\n", " Folded: x\r\n",
        ] {
            let request = format!("POST /members/signin/ HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let (answer, _) = says(&world, &[&request]).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{headers:?}: {answer}");
            assert!(!answer.contains("alive"), "{headers:?} let a second request through: {answer}");
        }
    }
}

story! {
    async fn a_connection_is_closed_after_its_share(world: World, with |settings| settings.http.requests_per_connection = 3) {
        let mut tcp = TcpStream::connect(world.settings.listen).await.unwrap();
        for number in 1..=3 {
            tcp.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"alive\n") {
                assert!(tcp.read_buf(&mut answer).await.unwrap() > 0);
            }
            assert_eq!(String::from_utf8_lossy(&answer).contains("connection: close"), number == 3);
        }
        assert_eq!(tcp.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }
}

story! {
    async fn odd_paths_and_queries_never_fail(world: World) {
        for path in [
            "members/%2e%2e/%2e%2e/etc/passwd", "members/%00", "members/?token=%ff%fe", "members/?%", "members/signin/?return_to=%ff",
            "members/account/?x=<script>alert(1)</script>", "members/api/member/%0d%0aX: y", "members//api//member//", "%", "members/?token=a&token=b",
        ] {
            let answer = world.visitor().get(path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
            assert!(!answer.body.contains("<script>alert"), "{path}");
        }
    }
}

story! {
    async fn health_is_told(world: World) {
        let someone = world.visitor();
        assert_eq!(someone.get("healthz").await.body, "alive\n");
        let ready = someone.get("readyz").await;
        assert_eq!(ready.status, 200);
        assert_eq!(ready.json(), json!({
            "ready": true, "billing": "off", "database": "ok", "mail": "ok", "degraded": [], "outbox_waiting": 0, "outbox_parked": 0,
        }));
    }
}

story! {
    async fn without_a_mail_server_mails_wait_and_it_is_said(world: World, with |settings| settings.smtp = None) {
        world.visitor().asks("subscribe", "ada@example.org").await.lands_on("members-pending");
        let ready = world.visitor().get("readyz").await;
        assert_eq!((ready.status.as_u16(), ready.json()["mail"].clone()), (200, json!("none")));
        assert_eq!(ready.json()["outbox_waiting"], 1);
    }
}
