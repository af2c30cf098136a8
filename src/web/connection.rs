//! One TCP connection under deadlines.
//!
//! actix cuts the slow head of a first request only, by a coarse clock. It does not cut the half-sent
//! head of a second one or a client that takes nothing of its answer (`reliability.md` O1): this
//! stream does all three.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::{Http, millis, seconds};
use crate::limits::ClientNetwork;

/// What a connection may take, from the settings.
#[derive(Clone, Copy)]
pub struct Deadlines {
    pub head: Duration,
    pub write: Duration,
    pub keep_alive: Duration,
    pub age: Duration,
    pub requests: u64,
}

impl From<&Http> for Deadlines {
    fn from(http: &Http) -> Self {
        Self {
            head: millis(http.header_ms),
            write: millis(http.write_ms),
            keep_alive: millis(http.keep_alive_ms),
            age: seconds(http.connection_age_s),
            requests: http.requests_per_connection,
        }
    }
}

/// Where a connection stands. Shared by its stream and, through actix, by each of its requests.
pub struct Progress {
    deadlines: Deadlines,
    opened: Instant,
    requests: Cell<u64>,
    /// When the head of the next request must be whole; `None` while a request is answered.
    head_due: Cell<Option<Instant>>,
    head_begun: Cell<bool>,
}

impl Progress {
    fn new(deadlines: Deadlines) -> Self {
        let now = Instant::now();
        Self {
            deadlines,
            opened: now,
            requests: Cell::new(0),
            head_due: Cell::new(Some(now + deadlines.head)),
            head_begun: Cell::new(true),
        }
    }

    /// A whole head arrived. Returns whether the connection is to be closed behind the answer.
    pub fn request_begins(&self) -> bool {
        self.head_due.set(None);
        self.requests.set(self.requests.get() + 1);
        self.requests.get() >= self.deadlines.requests || self.opened.elapsed() >= self.deadlines.age
    }

    /// The handler is done; from here the client has the keep-alive time to ask again.
    pub fn request_ends(&self) {
        self.await_next();
    }

    fn await_next(&self) {
        self.head_due.set(Some(Instant::now() + self.deadlines.keep_alive));
        self.head_begun.set(false);
    }

    fn bytes_arrived(&self) {
        if let Some(due) = self.head_due.get()
            && !self.head_begun.replace(true)
        {
            self.head_due.set(Some(due.min(Instant::now() + self.deadlines.head)));
        }
    }

    /// An answer is on its way, perhaps a long one.
    fn bytes_left(&self) {
        if self.head_due.get().is_some() {
            self.await_next();
        }
    }
}

/// The stream that actix reads and writes.
pub struct GuardedStream {
    tcp: TcpStream,
    progress: Rc<Progress>,
    read_timer: RefCell<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    _slot: Option<Slot>,
}

impl GuardedStream {
    pub fn new(tcp: TcpStream, deadlines: Deadlines, slot: Option<Slot>) -> Self {
        let progress = Rc::new(Progress::new(deadlines));
        let first = progress.head_due.get().unwrap_or_else(Instant::now);
        Self { tcp, progress, read_timer: RefCell::new(Box::pin(sleep_until(first))), write_timer: None, _slot: slot }
    }

    pub fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// Ready when the head that is awaited is overdue.
    fn poll_overdue(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.progress.head_due.get() else {
            return Poll::Pending;
        };
        let mut timer = self.read_timer.borrow_mut();
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        timer.as_mut().poll(cx)
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let write = self.progress.deadlines.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(write)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(late("the client takes nothing of its answer")))
    }
}

fn late(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.tcp).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                if buffer.filled().len() > before {
                    self.progress.bytes_arrived();
                }
                Poll::Ready(result)
            }
            Poll::Pending => match self.poll_overdue(cx) {
                Poll::Ready(()) => Poll::Ready(Err(late("the head of a request is overdue"))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.tcp).poll_write(cx, bytes) {
            Poll::Ready(result) => {
                self.write_timer = None;
                self.progress.bytes_left();
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_stalled(cx),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// How many connections each client network has open.
#[derive(Clone, Default)]
pub struct Slots(Arc<Mutex<HashMap<ClientNetwork, u64>>>);

/// One open connection of a client; gives its place back when it is dropped.
pub struct Slot {
    slots: Slots,
    client: ClientNetwork,
}

impl Slots {
    pub fn take(&self, client: ClientNetwork, most: u64) -> Option<Slot> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Slot { slots: self.clone(), client })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_places_and_gives_them_back() {
        let slots = Slots::default();
        let client = ClientNetwork::of("192.0.2.1".parse().unwrap());
        let first = slots.take(client, 2);
        let second = slots.take(client, 2);
        assert!(first.is_some() && second.is_some() && slots.take(client, 2).is_none());
        assert!(slots.take(ClientNetwork::of("192.0.2.2".parse().unwrap()), 2).is_some());
        drop(first);
        assert!(slots.take(client, 2).is_some());
        drop(second);
        assert!(slots.0.lock().unwrap().is_empty());
    }
}
