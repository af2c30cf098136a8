//! The conversation with the mail server: lettre speaks the protocol, over a stream of ours and
//! under deadlines of ours (`reliability.md` §3.3 says why each is needed).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::message::Outgoing;
use crate::config::{Sending, millis};

/// How the connection is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (`smtps://`).
    Implicit,
    /// STARTTLS, required (`smtp+starttls://`).
    StartTls,
    /// None (`smtp://`): on loopback, or where the settings say so.
    None,
}

/// The mail server, from `READERSHIP_SMTP_URL`.
#[derive(Clone)]
pub struct SmtpServer {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    /// `?tls=off` stands in the address.
    pub plain_allowed: bool,
    credentials: Option<Credentials>,
    authority: Option<PathBuf>,
}

impl SmtpServer {
    /// Reads `scheme://user:password@host:port`; the error completes "READERSHIP_SMTP_URL …".
    pub fn parse(text: &str, authority: Option<&Path>) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not an address: {error}"))?;
        let (tls, default_port) = match url.scheme() {
            "smtps" => (TlsMode::Implicit, 465),
            "smtp+starttls" => (TlsMode::StartTls, 587),
            "smtp" => (TlsMode::None, 25),
            other => {
                return Err(format!("starts with smtps://, smtp+starttls:// or smtp://, not {other}://"));
            }
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let decode = |text: &str| {
            percent_decode(text).ok_or_else(|| "has a user or password that is not UTF-8 when decoded".to_owned())
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(Credentials::new(decode(user)?, decode(password.unwrap_or_default())?)),
        };
        if let Some(path) = authority {
            read_authority(path)?;
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(default_port),
            tls,
            plain_allowed: url.query_pairs().any(|(name, value)| name == "tls" && value == "off"),
            credentials,
            authority: authority.map(Path::to_owned),
        })
    }

    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.tls {
            TlsMode::Implicit => "smtps",
            TlsMode::StartTls => "smtp+starttls",
            TlsMode::None => "smtp",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let pair = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn read_authority(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: &dyn fmt::Display| format!("needs READERSHIP_SMTP_CA_FILE: {}: {error}", path.display());
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(&error))?
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(&error))?;
    if certificates.is_empty() { Err(unreadable(&"it holds no certificate")) } else { Ok(certificates) }
}

/// Why a mail did not go out, by what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The server cannot be reached, or does not let us in: nothing about this mail.
    Transport(String),
    /// The server said "not now" to this mail.
    Deferred { code: u16, text: String },
    /// The server said "never" to this mail.
    Refused { code: u16, text: String, at_recipient: bool },
    /// The mail was handed over whole and the answer never came.
    Unknown(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(reason) | Self::Unknown(reason) => f.write_str(reason),
            Self::Deferred { code, text } | Self::Refused { code, text, .. } => {
                write!(f, "{code} {text}")
            }
        }
    }
}

/// An open connection that has said hello, and signed in where it must.
pub struct Connection {
    smtp: AsyncSmtpConnection,
    command: Duration,
    dot: Duration,
    pub sent: u64,
    /// It has been resting in the pool, where the server may have closed it.
    pub reused: bool,
}

/// What reply a step of a transaction got.
enum Step {
    Done,
    Negative { code: u16, text: String },
    Lost(String),
}

impl Connection {
    pub async fn open(server: &SmtpServer, hello: &str, deadlines: &Sending) -> Result<Self, SendError> {
        let command = millis(deadlines.command_ms);
        let opening = Self::shake_hands(server, hello, millis(deadlines.connect_ms), command);
        // Connecting, TLS, hello and AUTH are at most five steps of one deadline each.
        let whole = millis(deadlines.connect_ms) + command;
        let smtp = timeout(whole, opening)
            .await
            .map_err(|_| SendError::Transport(format!("{server} did not finish its greeting in time")))?
            .map_err(|reason| SendError::Transport(format!("{server}: {reason}")))?;
        Ok(Self { smtp, command, dot: millis(deadlines.dot_ms), sent: 0, reused: false })
    }

    async fn shake_hands(
        server: &SmtpServer,
        hello: &str,
        connect: Duration,
        command: Duration,
    ) -> Result<AsyncSmtpConnection, String> {
        let late = |what: &str| format!("{what} took too long");
        let tcp = timeout(connect, TcpStream::connect((server.host.as_str(), server.port)))
            .await
            .map_err(|_| late("connecting"))?
            .map_err(|error| error.to_string())?;
        // Without it a mail takes 44 ms instead of 0.6 (measured, `libraries.md`).
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let peer = tcp.peer_addr().map_err(|error| error.to_string())?;
        let stream: Box<dyn AsyncTokioStream> = match server.tls {
            TlsMode::Implicit => {
                let tls = timeout(connect, tls_connect(server, tcp)).await.map_err(|_| late("TLS"))??;
                Box::new(BoundedReplies::new(tls, peer))
            }
            TlsMode::StartTls | TlsMode::None => Box::new(BoundedReplies::new(tcp, peer)),
        };
        let hello = ClientId::Domain(hello.to_owned());
        let explain = |error: lettre::transport::smtp::Error| error.to_string();
        let mut smtp = timeout(command, AsyncSmtpConnection::connect_with_transport(stream, &hello))
            .await
            .map_err(|_| late("the greeting"))?
            .map_err(explain)?;
        if server.tls == TlsMode::StartTls {
            if !smtp.can_starttls() {
                return Err("it offers no STARTTLS, and mail is not sent without TLS".to_owned());
            }
            let parameters = starttls_parameters(server)?;
            timeout(command, smtp.starttls(parameters, &hello))
                .await
                .map_err(|_| late("STARTTLS"))?
                .map_err(explain)?;
        }
        if let Some(credentials) = &server.credentials {
            timeout(command, smtp.auth(&[Mechanism::Plain, Mechanism::Login], credentials))
                .await
                .map_err(|_| late("AUTH"))?
                .map_err(explain)?;
        }
        Ok(smtp)
    }

    /// Hands over one mail to one recipient. After any error but a plain refusal the connection is
    /// not to be used again; [`Connection::is_usable`] says so.
    pub async fn send(&mut self, mail: &Outgoing) -> Result<(), SendError> {
        self.sent += 1;
        let before_data = |step: Step, at_recipient: bool| match step {
            Step::Done => Ok(()),
            Step::Lost(reason) => Err(SendError::Transport(reason)),
            Step::Negative { code: 500.., text } if !at_recipient => {
                // Refusing our sender is about us, not about this mail: it waits for the operator.
                Err(SendError::Transport(format!("the sender was refused: {text}")))
            }
            Step::Negative { code: code @ 500.., text } => Err(SendError::Refused { code, text, at_recipient }),
            Step::Negative { code, text } => Err(SendError::Deferred { code, text }),
        };
        let sent = async {
            before_data(self.step(Mail::new(Some(mail.from.clone()), Vec::new())).await, false)?;
            before_data(self.step(Rcpt::new(mail.to.clone(), Vec::new())).await, true)?;
            before_data(self.step(Data).await, true)?;
            match self.hand_over(&mail.bytes).await {
                Step::Done => Ok(()),
                Step::Negative { code: code @ 500.., text } => {
                    Err(SendError::Refused { code, text, at_recipient: false })
                }
                Step::Negative { code, text } => Err(SendError::Deferred { code, text }),
                Step::Lost(reason) => Err(SendError::Unknown(reason)),
            }
        }
        .await;
        if matches!(sent, Err(SendError::Deferred { .. } | SendError::Refused { .. })) && self.is_usable() {
            // Whatever is half said is taken back before the next mail.
            if !matches!(self.step(Rset).await, Step::Done) {
                self.sent = u64::MAX;
            }
        }
        sent
    }

    /// Whether another mail may go over this connection.
    pub fn is_usable(&self) -> bool {
        self.sent < u64::MAX && !self.smtp.has_broken()
    }

    async fn step(&mut self, command: impl fmt::Display) -> Step {
        let reply = timeout(self.command, self.smtp.command(command)).await;
        self.read_reply(reply)
    }

    async fn hand_over(&mut self, bytes: &[u8]) -> Step {
        let reply = timeout(self.dot, self.smtp.message(bytes)).await;
        self.read_reply(reply)
    }

    fn read_reply<T>(
        &mut self,
        reply: Result<Result<T, lettre::transport::smtp::Error>, tokio::time::error::Elapsed>,
    ) -> Step {
        match reply {
            Ok(Ok(_)) => Step::Done,
            Ok(Err(error)) => match error.status() {
                Some(code) => {
                    let code = code.to_string().parse().unwrap_or(451);
                    // 421: the server is closing the connection.
                    if code == 421 {
                        self.sent = u64::MAX;
                    }
                    let text = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
                    Step::Negative { code, text: one_line(&text) }
                }
                None => {
                    self.sent = u64::MAX;
                    Step::Lost(one_line(&error.to_string()))
                }
            },
            Err(_) => {
                self.sent = u64::MAX;
                Step::Lost("no answer in time".to_owned())
            }
        }
    }

    /// Says goodbye, without waiting long for the answer.
    pub async fn close(mut self) {
        if self.is_usable() {
            let _ = timeout(Duration::from_millis(500), self.smtp.quit()).await;
        }
    }
}

/// A server's words, fit for a log line and a database column.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(300).collect()
}

async fn tls_connect(
    server: &SmtpServer,
    tcp: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // One that cannot be read is not trusted; the others are.
        let _ = roots.add(certificate);
    }
    if let Some(path) = &server.authority {
        for certificate in read_authority(path)? {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(server.host.clone()).map_err(|error| error.to_string())?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| format!("TLS: {error}"))
}

fn starttls_parameters(server: &SmtpServer) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.authority {
        for certificate in read_authority(path)? {
            let certificate = Certificate::from_der(certificate.to_vec()).map_err(|error| error.to_string())?;
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build_rustls().map_err(|error| error.to_string())
}

/// A stream that gives up on a server which keeps answering: lettre reads a line of a reply
/// without any bound (`reliability.md` M3). The count starts anew with each thing we say.
struct BoundedReplies<S> {
    inner: S,
    peer: SocketAddr,
    read: usize,
}

/// RFC 5321 §4.5.3.1.5 gives a reply line 512 octets; no honest reply comes near this.
const LONGEST_REPLY: usize = 64 * 1024;

impl<S> BoundedReplies<S> {
    fn new(inner: S, peer: SocketAddr) -> Self {
        Self { inner, peer, read: 0 }
    }
}

impl<S> fmt::Debug for BoundedReplies<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SMTP stream to {}", self.peer)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for BoundedReplies<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedReplies<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.read += buffer.filled().len() - before;
        if self.read > LONGEST_REPLY {
            return Poll::Ready(Err(io::Error::other("the server's reply has no end")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedReplies<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SmtpServer, String> {
        SmtpServer::parse(text, None)
    }

    #[test]
    fn reads_the_address_of_a_mail_server() {
        let server = parse("smtps://user%40example.com:p%2Fw@mail.example.com").unwrap();
        assert_eq!((server.host.as_str(), server.port, server.tls), ("mail.example.com", 465, TlsMode::Implicit));
        assert_eq!(parse("smtp+starttls://mail.example.com").unwrap().port, 587);
        let local = parse("smtp://[::1]:1025").unwrap();
        assert!(local.is_loopback() && local.tls == TlsMode::None && local.port == 1025);
        assert!(!parse("smtp://mail.example.com?tls=off").unwrap().is_loopback());
        assert!(parse("smtp://mail.example.com?tls=off").unwrap().plain_allowed);
        assert!(parse("https://mail.example.com").is_err());
        assert!(parse("mail.example.com").is_err());
    }

    #[test]
    fn shows_no_password() {
        assert_eq!(parse("smtps://user:secret@mail.example.com").unwrap().to_string(), "smtps://mail.example.com:465");
    }
}
