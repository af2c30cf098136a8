//! A mail server for loopback. `mailin` keeps the protocol; the reading, the writing and the faults
//! that tests order are here.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mailin::response::OK;
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::mailbox::Mailbox;

/// Where in a conversation a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    Banner,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Dot,
}

/// What the server does instead of its duty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Says this and goes on.
    Reply(&'static str),
    /// Says this after so long, and goes on.
    Late(Duration, &'static str),
    /// Never answers.
    Hang,
    /// Closes the connection without a word. At the dot the mail is taken first.
    Drop,
    /// Answers without end.
    Flood,
}

/// How the server treats its clients. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Orders(Arc<Mutex<OrderBook>>);

#[derive(Default)]
struct OrderBook {
    always: HashMap<Stage, Fault>,
    per_recipient: HashMap<String, VecDeque<(Stage, Fault)>>,
    refuse_connections: bool,
    connections: usize,
}

impl Orders {
    fn book(&self) -> std::sync::MutexGuard<'_, OrderBook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, at this stage, for everybody.
    pub fn always(&self, stage: Stage, fault: Fault) {
        self.book().always.insert(stage, fault);
    }

    /// Once each, in this order, for mails to this recipient.
    pub fn for_recipient(&self, address: &str, faults: impl IntoIterator<Item = (Stage, Fault)>) {
        self.book().per_recipient.entry(address.to_owned()).or_default().extend(faults);
    }

    /// Closes every connection as soon as it is opened, as a server that is down does.
    pub fn be_down(&self, down: bool) {
        self.book().refuse_connections = down;
    }

    /// Behaves again.
    pub fn clear(&self) {
        let connections = self.book().connections;
        *self.book() = OrderBook { connections, ..OrderBook::default() };
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.book().connections
    }

    fn at(&self, stage: Stage, recipient: Option<&str>) -> Option<Fault> {
        let mut book = self.book();
        if let Some(queue) = recipient.and_then(|recipient| book.per_recipient.get_mut(recipient))
            && queue.front().is_some_and(|(due, _)| *due == stage)
        {
            return queue.pop_front().map(|(_, fault)| fault);
        }
        book.always.get(&stage).cloned()
    }
}

/// What the server offers.
#[derive(Clone, Default)]
pub struct Offer {
    /// STARTTLS, or with `implicit` TLS from the first byte.
    pub tls: Option<TlsAcceptor>,
    pub implicit: bool,
    /// User and password that AUTH takes.
    pub login: Option<(String, String)>,
}

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, mailbox: Mailbox, orders: Orders, offer: Offer) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let (mailbox, orders, offer) = (mailbox.clone(), orders.clone(), offer.clone());
                tokio::spawn(async move {
                    // A client that goes away in the middle is no fault of ours.
                    let _ = connection(tcp, peer, mailbox, orders, offer).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// One mail being taken, and what the client said so far.
struct Taker {
    mailbox: Mailbox,
    login: Option<(String, String)>,
    from: String,
    to: Vec<String>,
    raw: Vec<u8>,
    /// Set while a mail is answered with a fault: then it is not taken.
    discard: Arc<AtomicBool>,
}

impl Handler for Taker {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        self.from = from.to_owned();
        self.to.clear();
        self.raw.clear();
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.to.push(to.to_owned());
        OK
    }

    fn data(&mut self, piece: &[u8]) -> io::Result<()> {
        self.raw.extend_from_slice(piece);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if self.discard.swap(false, Ordering::Relaxed) {
            return OK;
        }
        self.mailbox.put(std::mem::take(&mut self.from), std::mem::take(&mut self.to), std::mem::take(&mut self.raw));
        OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let fits = self.login.as_ref().is_some_and(|(name, word)| name == user && word == password);
        if fits { mailin::response::AUTH_OK } else { mailin::response::INVALID_CREDENTIALS }
    }
}

async fn connection(
    tcp: TcpStream,
    peer: SocketAddr,
    mailbox: Mailbox,
    orders: Orders,
    offer: Offer,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    {
        let mut book = orders.book();
        book.connections += 1;
        if book.refuse_connections {
            return Ok(());
        }
    }
    let mut builder = SessionBuilder::new("inbox.test");
    if offer.tls.is_some() && !offer.implicit {
        builder.enable_start_tls();
    }
    if offer.login.is_some() {
        builder.enable_auth(AuthMechanism::Plain);
    }
    let discard = Arc::new(AtomicBool::new(false));
    let taker = Taker {
        mailbox,
        login: offer.login.clone(),
        from: String::new(),
        to: Vec::new(),
        raw: Vec::new(),
        discard: Arc::clone(&discard),
    };
    let ip = if peer.ip().is_ipv4() { peer.ip() } else { Ipv4Addr::LOCALHOST.into() };
    let mut session = builder.build(ip, taker);
    match (&offer.tls, offer.implicit) {
        (Some(acceptor), true) => {
            let tls = acceptor.accept(tcp).await?;
            session.tls_active();
            converse(tls, &mut session, &orders, &discard, true).await.map(drop)
        }
        (acceptor, _) => {
            let Some(tcp) = converse(tcp, &mut session, &orders, &discard, true).await? else {
                return Ok(());
            };
            let Some(acceptor) = acceptor else {
                return Ok(());
            };
            let tls = acceptor.accept(tcp).await?;
            session.tls_active();
            converse(tls, &mut session, &orders, &discard, false).await.map(drop)
        }
    }
}

/// Talks until the client goes, or asks for TLS: then the bare stream is given back.
async fn converse<S>(
    stream: S,
    session: &mut Session<Taker>,
    orders: &Orders,
    discard: &AtomicBool,
    greet: bool,
) -> io::Result<Option<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    if greet {
        if let Some(fault) = orders.at(Stage::Banner, None)
            && !act(&mut stream, &fault).await?
        {
            return Ok(None);
        }
        stream.write_all(&session.greeting().buffer()?).await?;
    }
    let mut in_data = false;
    let mut recipient: Option<String> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        if in_data && line != b".\r\n" {
            session.process(&line);
            continue;
        }
        let stage = if in_data { Some(Stage::Dot) } else { stage_of(&line) };
        if stage == Some(Stage::Rcpt) {
            recipient = address_of(&line);
        }
        let fault = stage.and_then(|stage| orders.at(stage, recipient.as_deref()));
        if let Some(fault) = fault {
            if stage == Some(Stage::Dot) {
                // A server that vanishes here has taken the mail and never says so; any other has not.
                discard.store(fault != Fault::Drop, Ordering::Relaxed);
                session.process(&line);
                in_data = false;
            }
            if !act(&mut stream, &fault).await? {
                return Ok(None);
            }
            continue;
        }
        let response = session.process(&line);
        in_data = response.code == 354;
        if response.action != Action::NoReply {
            stream.write_all(&response.buffer()?).await?;
        }
        match response.action {
            Action::Close => return Ok(None),
            Action::UpgradeTls => return Ok(Some(stream.into_inner())),
            Action::Reply | Action::NoReply => {}
        }
    }
}

/// Commits a fault; returns whether the conversation goes on.
async fn act<S: AsyncWrite + Unpin>(stream: &mut S, fault: &Fault) -> io::Result<bool> {
    match fault {
        Fault::Reply(text) => {
            stream.write_all(format!("{text}\r\n").as_bytes()).await?;
            Ok(true)
        }
        Fault::Late(after, text) => {
            tokio::time::sleep(*after).await;
            stream.write_all(format!("{text}\r\n").as_bytes()).await?;
            Ok(true)
        }
        Fault::Hang => std::future::pending().await,
        Fault::Drop => Ok(false),
        Fault::Flood => loop {
            stream.write_all(b"250-and another thing, and another, and another, and another\r\n").await?;
        },
    }
}

fn stage_of(line: &[u8]) -> Option<Stage> {
    let verb: String = line.iter().take(4).map(|byte| byte.to_ascii_uppercase() as char).collect();
    match verb.as_str() {
        "EHLO" | "HELO" => Some(Stage::Ehlo),
        "STAR" => Some(Stage::StartTls),
        "AUTH" => Some(Stage::Auth),
        "MAIL" => Some(Stage::Mail),
        "RCPT" => Some(Stage::Rcpt),
        "DATA" => Some(Stage::Data),
        _ => None,
    }
}

fn address_of(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let (_, rest) = line.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}
