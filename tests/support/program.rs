//! The binary as an operator starts it: a process with settings in its environment.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use readership::config::DatabaseUrl;
use readership::sandbox::mailbox::Mailbox;
use readership::sandbox::smtp::{Offer, Orders};
use url::Url;

use super::people::Person;
use super::postgres::TestDatabase;
use super::world::{Engine, PATIENCE, SITE, serve_mail};

/// A folder, a database, a mail server: everything of an installation but the process.
pub struct Installation {
    pub mailbox: Mailbox,
    pub orders: Orders,
    pub folder: tempfile::TempDir,
    pub url: Url,
    mail_port: u16,
    own: Option<TestDatabase>,
}

impl Installation {
    pub fn new(engine: Engine) -> Self {
        let mail = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mailbox, orders) = (Mailbox::default(), Orders::default());
        let mail_port = mail.local_addr().unwrap().port();
        serve_mail(mail, mailbox.clone(), orders.clone(), Offer::default());
        Self {
            mailbox,
            orders,
            folder: tempfile::tempdir().unwrap(),
            url: Url::parse(&format!("http://127.0.0.1:{}/", free_port())).unwrap(),
            mail_port,
            own: (engine == Engine::Postgres).then(TestDatabase::empty),
        }
    }

    pub fn database(&self) -> DatabaseUrl {
        match &self.own {
            Some(database) => DatabaseUrl::Postgres(database.url()),
            None => DatabaseUrl::Sqlite(self.folder.path().join("readership.db")),
        }
    }

    /// `readership …` with this installation's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        let address = format!("127.0.0.1:{}", self.url.port().unwrap());
        command
            .env("READERSHIP_URL", self.url.as_str())
            .env("READERSHIP_SITE_URL", SITE)
            .env("READERSHIP_SITE_TITLE", "REX Wire")
            .env("READERSHIP_LISTEN", address)
            .env("READERSHIP_DATA_DIR", self.folder.path())
            .env("READERSHIP_SMTP_URL", format!("smtp://127.0.0.1:{}", self.mail_port))
            .env("READERSHIP_MAIL_FROM", "REX Wire <wire@rexwire.test>")
            .env("READERSHIP_SMTP_LEASE_S", "2");
        for limit in ["CLIENT_PER_MINUTE", "CLIENT_PER_HOUR", "ADDRESS_GAP_S", "SITE_UNCONFIRMED_PER_HOUR"] {
            command.env(format!("READERSHIP_LIMITS_{limit}"), "0");
        }
        if let Some(database) = &self.own {
            command.env("DATABASE_URL", database.url());
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// `readership serve`, once it answers.
    pub async fn serve(&self) -> Program {
        let program = Program::start(self.command(&["serve"]));
        let person = Person::new(self.url.clone());
        let started = Instant::now();
        while person.client.get(self.url.join("healthz").unwrap()).send().await.is_err() {
            assert!(started.elapsed() < PATIENCE, "it does not answer: {}", program.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program
    }
}

/// `readership …` with no settings at all.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_readership"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("READERSHIP_") || name == "DATABASE_URL") {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A running process; killed with the test.
pub struct Program {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Program {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        listen(child.stdout.take().unwrap(), Arc::clone(&said));
        listen(child.stderr.take().unwrap(), Arc::clone(&said));
        Self { child, said }
    }

    /// Everything it printed so far, on either stream.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub async fn says(&self, words: &str) {
        let started = Instant::now();
        while !self.said().contains(words) {
            assert!(started.elapsed() < PATIENCE, "it never said {words:?}: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `kill -9`: no chance to finish anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Sends a signal by its name and waits for the end.
    pub async fn told(mut self, signal: &str) -> (ExitStatus, String) {
        let told = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.said());
            }
            assert!(started.elapsed() < PATIENCE, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stream: impl std::io::Read + Send + 'static, said: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// What a finished process printed on its error stream.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A port nobody uses now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
