//! `readership serve` as a process of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::people::{self, KEY, People};

pub struct Program {
    pub port: u16,
    /// From the start of the process to its first good answer.
    pub started_in: Duration,
    child: Child,
}

impl Program {
    /// Without a mail server mails wait, and sign-ups are measured alone. Without a port for Stripe nobody
    /// answers there at all: only what Stripe tells is measured.
    pub fn start(people: &People, mail_port: Option<u16>, stripe_port: Option<u16>) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        // Another build of the same program: `READERSHIP_BIN`.
        let binary = std::env::var_os("READERSHIP_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_readership").into());
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .env_remove("READERSHIP_BIN")
            .env("READERSHIP_URL", format!("http://127.0.0.1:{port}/"))
            .env("READERSHIP_SITE_URL", "http://site.test/")
            .env("READERSHIP_LISTEN", format!("127.0.0.1:{port}"))
            .env("READERSHIP_DATA_DIR", &people.folder)
            .env("READERSHIP_SECRET_KEY", data_encoding::BASE64.encode(&KEY))
            .env("READERSHIP_LOG", "error")
            // One client asks for everything here; a reader's connection is closed after a thousand.
            .env("READERSHIP_HTTP_REQUESTS_PER_CONNECTION", "1000000000")
            .env("DATABASE_URL", people.database_url())
            .env("READERSHIP_STRIPE_SECRET_KEY", "sk_test_bench")
            .env("READERSHIP_STRIPE_PUBLISHABLE_KEY", "pk_test_bench")
            .env("READERSHIP_STRIPE_WEBHOOK_SECRET", people::WEBHOOK_SECRET)
            .env("READERSHIP_STRIPE_API_BASE", format!("http://127.0.0.1:{}/", stripe_port.unwrap_or(9)))
            .env("READERSHIP_BILLING_RECONCILE_EVERY_S", "0")
            .env("READERSHIP_STAFF_SECOND_FACTOR", "0")
            .env("READERSHIP_STAFF_EXPORTS_PER_HOUR", "0")
            .stdin(Stdio::null());
        for limit in [
            "CLIENT_PER_MINUTE",
            "CLIENT_PER_HOUR",
            "SITE_UNCONFIRMED_PER_HOUR",
            "CHECKOUTS_PER_HOUR",
            "CHECKOUTS_ADDRESS_PER_HOUR",
        ] {
            command.env(format!("READERSHIP_LIMITS_{limit}"), "0");
        }
        if let Some(mail_port) = mail_port {
            command
                .env("READERSHIP_SMTP_URL", format!("smtp://127.0.0.1:{mail_port}"))
                .env("READERSHIP_MAIL_FROM", "Bench <bench@site.test>");
        }
        let started = Instant::now();
        let mut program = Self { port, started_in: Duration::ZERO, child: command.spawn()? };
        while !answers(port) {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(30), "the program does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        program.started_in = started.elapsed();
        Ok(program)
    }

    /// Resident memory now and at its highest (`/proc/{pid}/status`).
    pub fn memory(&self) -> anyhow::Result<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).context("a line of /proc")?;
            let kib: u64 = line.split_whitespace().nth(1).context("a figure of /proc")?.parse()?;
            Ok::<_, anyhow::Error>(kib / 1024)
        };
        Ok(format!("{} MiB, at its highest {} MiB", mib("VmRSS")?, mib("VmHWM")?))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // As an operator would, so that the next start finds the database closed in order.
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let until = Instant::now() + Duration::from_secs(15);
        while told.is_ok() && Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
