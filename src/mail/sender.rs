//! The worker that sends: claims what is due, hands it to the mail server over pooled connections,
//! writes down what became of it.
//!
//! Nothing outside is called inside a transaction: a mail is claimed in one, tried outside any,
//! and its fate is written in another. A process that is killed in between leaves a lease that
//! runs out; at most the mails it had in the air are sent twice.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::contents;
use super::dkim;
use super::message::{self, Outgoing};
use super::outbox::{self, Claimed, Lane, Next, Node, Tried};
use super::smtp::{Connection, SendError, SmtpServer};
use super::suppression;
use crate::clock::{Clock, Timestamp};
use crate::config::{Settings, millis, seconds};
use crate::db::{Db, DbResult};
use crate::ids::OutboxId;
use crate::members::address::EmailAddress;
use crate::secrets;
use crate::signin::Policy;
use crate::site_facts;

/// What the sender has seen of the mail server, for `/readyz` and `doctor`.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub last_sent: Option<Timestamp>,
    pub trouble: Option<(Timestamp, String)>,
}

/// The part that the rest of the program holds: it wakes the sender and reads its health.
#[derive(Clone, Default)]
pub struct Mailroom {
    wake: Arc<Notify>,
    health: Arc<Mutex<Health>>,
}

impl Mailroom {
    /// Says that a mail was queued; without it the sender looks once a second.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>, now: Timestamp) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(reason) => health.trouble = Some((now, reason)),
            None => *health = Health { last_sent: Some(now), trouble: None },
        }
    }
}

/// Everything the worker needs.
pub struct Sender {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<Settings>,
    pub policy: Policy,
    pub mailroom: Mailroom,
    pub server: SmtpServer,
}

struct Shared {
    sender: Sender,
    node: Node,
    /// One permit a connection; other mail than sign-in mail holds one of `other` as well, so that
    /// some connections are always free for those who wait before their screen.
    connections: Semaphore,
    other: Semaphore,
    idle: Mutex<VecDeque<(Connection, Instant)>>,
    /// Mails in the air.
    held: Mutex<HashSet<OutboxId>>,
    signers: dkim::Kept,
}

/// How long the worker rests when nothing is due and nobody wakes it.
const REST: Duration = Duration::from_secs(1);
/// Mails in the air per connection: the next are claimed and rendered while some are being sent.
const AHEAD: usize = 4;
/// How long mails in the air get when the process ends (`reliability.md` Q1).
const LAST_MAILS: Duration = Duration::from_secs(20);

/// Sends until `stop` says so, then finishes what is in the air.
pub async fn run(sender: Sender, mut stop: watch::Receiver<bool>) {
    let connections = usize::try_from(sender.settings.sending.connections).unwrap_or(1);
    let shared = Arc::new(Shared {
        signers: dkim::Kept::default(),
        connections: Semaphore::new(connections),
        other: Semaphore::new(connections.saturating_sub(2).max(1)),
        idle: Mutex::new(VecDeque::new()),
        held: Mutex::default(),
        node: secrets::random(),
        sender,
    });
    let room = connections * AHEAD;
    let mut in_the_air: JoinSet<()> = JoinSet::new();
    let mut renewed = Instant::now();
    let lease = seconds(shared.sender.settings.sending.lease_s);

    while !*stop.borrow() {
        while in_the_air.try_join_next().is_some() {}
        if renewed.elapsed() > lease / 3 && !in_the_air.is_empty() {
            renewed = Instant::now();
            shared.renew(lease).await;
        }
        // A claim is a commit: several mails at a time are worth waiting a moment for.
        let free = room.saturating_sub(in_the_air.len());
        let worth_it = free >= room / 2;
        let claimed = if !worth_it { Vec::new() } else { shared.claim(free).await };
        let found = !claimed.is_empty();
        for (mail, lane) in claimed {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            shared.held().insert(mail.id);
            in_the_air.spawn(async move {
                let id = mail.id;
                shared.handle(mail, lane, &stop).await;
                shared.held().remove(&id);
            });
        }
        if !found {
            tokio::select! {
                () = shared.sender.mailroom.wake.notified(), if worth_it => {}
                Some(_) = in_the_air.join_next() => {}
                () = tokio::time::sleep(REST) => {}
                _ = stop.changed() => {}
            }
            shared.close_idle().await;
        }
    }

    let finishing = async { while in_the_air.join_next().await.is_some() {} };
    if timeout(LAST_MAILS, finishing).await.is_err() {
        tracing::warn!("some mails were still in the air after {LAST_MAILS:?}; they will be sent again");
    }
    in_the_air.abort_all();
    let (node, now) = (shared.node, shared.sender.clock.now());
    if let Err(error) = shared.sender.db.write(move |conn| outbox::release(conn, &node, now)).await {
        tracing::warn!(%error, "mails that were claimed are taken up again when their lease ends");
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, HashSet<OutboxId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn claim(&self, free: usize) -> Vec<(Claimed, Lane)> {
        let (node, now) = (self.node, self.sender.clock.now());
        let lease = seconds(self.sender.settings.sending.lease_s);
        let (most, other) = (count(free), count(self.other.available_permits().min(free)));
        let held: Vec<OutboxId> = self.held().iter().copied().collect();
        let due = self
            .sender
            .db
            .read(move |conn| Ok(!site_facts::sending_is_paused(conn)? && outbox::is_due(conn, now)?))
            .await;
        if !matches!(due, Ok(true)) {
            return Vec::new();
        }
        let claimed: DbResult<Vec<(Claimed, Lane)>> = self
            .sender
            .db
            .write(move |conn| {
                let mut all = Vec::new();
                for (lane, most) in [(Lane::SignIn, most), (Lane::Other, other)] {
                    let room = most - count(all.len());
                    if room > 0 {
                        let claimed = outbox::claim(conn, &node, &held, lane, room, lease, now)?;
                        all.extend(claimed.into_iter().map(|mail| (mail, lane)));
                    }
                }
                Ok(all)
            })
            .await;
        claimed.unwrap_or_else(|error| {
            tracing::warn!(%error, "no mails could be claimed");
            Vec::new()
        })
    }

    async fn renew(&self, lease: Duration) {
        let (node, now) = (self.node, self.sender.clock.now());
        if let Err(error) = self.sender.db.write(move |conn| outbox::renew(conn, &node, lease, now)).await {
            tracing::warn!(%error, "leases could not be renewed");
        }
    }

    /// One mail from claim to fate. A panic in building it parks nothing else.
    async fn handle(&self, mail: Claimed, lane: Lane, stop: &watch::Receiver<bool>) {
        let _other = match lane {
            Lane::SignIn => None,
            Lane::Other => self.other.acquire().await.ok(),
        };
        let Ok(_connection) = self.connections.acquire().await else {
            return;
        };
        if *stop.borrow() {
            return; // Released with everything else that was not begun.
        }
        let whole = millis(self.sender.settings.sending.mail_ms);
        let trying = AssertUnwindSafe(timeout(whole, self.try_once(&mail))).catch_unwind();
        let tried = match trying.await {
            Ok(Ok(tried)) => tried,
            Ok(Err(_)) => Tried::Unknown("the whole mail took too long".to_owned()),
            Err(_) => {
                metrics::counter!("readership_panics_total").increment(1);
                Tried::Refused("building the mail failed".to_owned())
            }
        };
        self.write_down(&mail, tried).await;
    }

    async fn write_down(&self, mail: &Claimed, tried: Tried) {
        let now = self.sender.clock.now();
        let jitter = secrets::random_below(1_001);
        let next = outbox::after_try(tried, mail.attempts, mail.expires_at, &self.sender.settings.sending, jitter, now);
        metrics::counter!("readership_mails_total", "state" => next.state.as_str()).increment(1);
        tracing::info!(mail = %mail.id, attempt = mail.attempts, state = next.state.as_str(), "mail tried");
        // The fate of a mail that went out must not be lost: it is written again until it stands,
        // or the lease ends and the mail is sent a second time.
        for pause_ms in [0, 100, 500, 2_000, 5_000] {
            tokio::time::sleep(millis(pause_ms)).await;
            let (id, node, next): (_, _, Next) = (mail.id, self.node, next.clone());
            match self.sender.db.write(move |conn| outbox::finish(conn, id, &node, &next, now)).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, mail = %mail.id, "the fate of a mail could not be written")
                }
            }
        }
    }

    async fn try_once(&self, mail: &Claimed) -> Tried {
        let outgoing = match self.build(mail).await {
            Ok(Some(outgoing)) => outgoing,
            Ok(None) => return Tried::Obsolete,
            Err(tried) => return tried,
        };
        let now = self.sender.clock.now();
        let sent = self.send(&outgoing).await;
        match &sent {
            Ok(()) => self.sender.mailroom.note(None, now),
            Err(SendError::Transport(reason)) => {
                tracing::warn!(mail = %mail.id, reason, "the mail server cannot be used");
                self.sender.mailroom.note(Some(reason.clone()), now);
            }
            Err(_) => {}
        }
        match sent {
            Ok(()) => Tried::Accepted,
            Err(SendError::Refused { code, text, at_recipient }) => {
                if suppression::is_hard(code, &text, at_recipient) {
                    self.suppress(&mail.recipient, format!("{code} {text}")).await;
                }
                Tried::Refused(format!("{code} {text}"))
            }
            Err(error @ SendError::Unknown(_)) => Tried::Unknown(error.to_string()),
            Err(error) => Tried::Deferred(error.to_string()),
        }
    }

    /// Renders the mail from what stands in the database now. `None`: what it is about is over.
    async fn build(&self, mail: &Claimed) -> Result<Option<Outgoing>, Tried> {
        let (settings, policy) = (Arc::clone(&self.sender.settings), self.sender.policy.clone());
        let (about, signers, now) = (mail.clone(), self.signers.clone(), self.sender.clock.now());
        let letter = self
            .sender
            .db
            .read(move |conn| {
                let Some(letter) = contents::read(conn, &settings, &policy, &about, now)? else { return Ok(None) };
                let domain = settings.mail_from.as_ref().map_or("", |from| from.address.domain());
                Ok(Some((letter, signers.of(conn, &policy.key, domain)?)))
            })
            .await
            .map_err(|error| Tried::Deferred(error.to_string()))?;
        let Some((letter, signer)) = letter else {
            return Ok(None);
        };
        let mut outgoing = message::compose(&self.sender.settings, mail, &letter)
            .map_err(|error| Tried::Refused(error.to_string()))?;
        if let Some(signer) = signer {
            let signed = signer.sign(&outgoing.bytes, now);
            outgoing.bytes = signed.ok_or_else(|| Tried::Deferred("the mail could not be signed".to_owned()))?;
        }
        Ok(Some(outgoing))
    }

    async fn suppress(&self, recipient: &str, detail: String) {
        let Ok(address) = EmailAddress::parse(recipient) else {
            return;
        };
        let now = self.sender.clock.now();
        let noted = self.sender.db.write(move |conn| suppression::hard_bounce(conn, &address, &detail, now)).await;
        if let Err(error) = noted {
            tracing::warn!(%error, "a bounce could not be noted");
        }
    }

    async fn send(&self, mail: &Outgoing) -> Result<(), SendError> {
        let sending = &self.sender.settings.sending;
        let mut connection = match self.pooled() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut sent = connection.send(mail).await;
        // A pooled connection may have been closed by the server meanwhile; before anything of the
        // mail was said, a fresh one is as good as a first try.
        if matches!(sent, Err(SendError::Transport(_))) && !connection.is_usable() && connection.reused {
            connection = self.connect().await?;
            sent = connection.send(mail).await;
        }
        if connection.is_usable() && connection.sent < sending.mails_per_connection {
            connection.reused = true;
            self.lock_idle().push_back((connection, Instant::now()));
        } else {
            connection.close().await;
        }
        sent
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let settings = &self.sender.settings;
        let hello = settings.mail_from.as_ref().map_or("localhost", |from| from.address.domain());
        Connection::open(&self.sender.server, hello, &settings.sending).await
    }

    fn pooled(&self) -> Option<Connection> {
        self.lock_idle().pop_back().map(|(connection, _)| connection)
    }

    async fn close_idle(&self) {
        let longest = seconds(self.sender.settings.sending.idle_s);
        let old: Vec<Connection> = {
            let mut idle = self.lock_idle();
            let keep_from = idle.iter().position(|(_, since)| since.elapsed() < longest).unwrap_or(idle.len());
            idle.drain(..keep_from).map(|(connection, _)| connection).collect()
        };
        for connection in old {
            connection.close().await;
        }
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, VecDeque<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
