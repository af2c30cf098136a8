//! What is measured against: a handler that does nothing, and a mail server that takes everything.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};

/// A bare actix-web handler that answers the same bytes from memory.
pub fn handler(port: u16, body: &Path) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(body)?);
    actix_web::rt::System::new().block_on(async move {
        HttpServer::new(move || {
            let body = body.clone();
            App::new().route(
                "/members/api/member/",
                web::get().to(move || {
                    let body = body.clone();
                    async move { HttpResponse::Ok().content_type("application/json; charset=utf-8").body(body) }
                }),
            )
        })
        .workers(std::thread::available_parallelism()?.get())
        .bind(("127.0.0.1", port))?
        .run()
        .await?;
        Ok(())
    })
}

/// Speaks just enough SMTP to take a mail, as fast as a mail server could.
pub fn mail_sink(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || converse(&stream));
    }
    Ok(())
}

fn converse(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    stream.write_all(b"220 sink.test\r\n")?;
    let mut line = Vec::new();
    let mut in_data = false;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match (in_data, line.get(..4).unwrap_or_default()) {
            (true, _) if line == b".\r\n" => {
                in_data = false;
                b"250 2.0.0 taken\r\n"
            }
            (true, _) => continue,
            (false, b"EHLO") => b"250-sink.test\r\n250 8BITMIME\r\n",
            (false, b"DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT") => return stream.write_all(b"221 bye\r\n"),
            (false, _) => b"250 ok\r\n",
        };
        stream.write_all(answer)?;
    }
}

/// One of the above as a process of its own; killed at the end.
pub struct Process {
    pub port: u16,
    child: Child,
}

impl Process {
    pub fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let arguments =
            arguments.iter().map(|word| if *word == "PORT" { port.to_string() } else { (*word).to_owned() });
        let child = Command::new(std::env::current_exe()?).args(arguments).stdin(Stdio::null()).spawn()?;
        let process = Self { port, child };
        wait_for(port)?;
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something listens.
pub fn wait_for(port: u16) -> anyhow::Result<()> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(20), "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
