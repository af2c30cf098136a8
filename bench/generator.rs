//! Asks over keep-alive connections, one request in the air on each, and measures.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[derive(Clone, Copy)]
pub struct Plan {
    pub connections: usize,
    pub time: Duration,
    /// Before anything is counted.
    pub warm_up: Duration,
}

impl Plan {
    pub fn new(connections: usize, time: Duration) -> Self {
        Self { connections, time, warm_up: Duration::from_secs(1) }
    }

    pub fn half(self) -> Self {
        Self { time: self.time / 2, ..self }
    }

    /// For what ends by itself: all of it counts.
    pub fn to_the_end(self) -> Self {
        Self { time: Duration::from_secs(60), warm_up: Duration::ZERO, ..self }
    }
}

/// What was measured.
#[derive(Default)]
pub struct Load {
    pub requests: usize,
    pub time: Duration,
    /// Of every request, in microseconds; sorted.
    pub latencies_us: Vec<u32>,
}

impl Load {
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.time += other.time;
        self.latencies_us.extend(other.latencies_us);
        self.latencies_us.sort_unstable();
    }

    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64().max(1e-9)
    }

    /// Milliseconds within which this share of the requests was answered.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let at = ((self.latencies_us.len() as f64 * share) as usize).min(self.latencies_us.len().saturating_sub(1));
        self.latencies_us.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

/// Runs `plan` against a port of this machine. `request` makes the next request, or ends the run;
/// every answer must have `status`.
pub fn run(port: u16, plan: Plan, request: impl FnMut() -> Option<Vec<u8>>, status: u16) -> anyhow::Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let next = RefCell::new(request);
        let (latencies, end) = (RefCell::new(Vec::with_capacity(1 << 20)), Cell::new(None));
        let warm = Instant::now() + plan.warm_up;
        let until = warm + plan.time;
        let connections = (0..plan.connections).map(|_| async {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let mut buffer = Vec::with_capacity(8_192);
            while Instant::now() < until {
                let Some(request) = (next.borrow_mut())() else {
                    break;
                };
                let asked = Instant::now();
                stream.write_all(&request).await?;
                let (answered, closes) = answer(&mut stream, &mut buffer).await?;
                anyhow::ensure!(answered == status, "an answer was {answered}: {}", String::from_utf8_lossy(&buffer));
                if asked >= warm {
                    latencies.borrow_mut().push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                if closes {
                    stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
                    stream.set_nodelay(true)?;
                }
            }
            end.set(Some(Instant::now()));
            Ok::<_, anyhow::Error>(())
        });
        for ended in futures_util::future::join_all(connections).await {
            ended?;
        }
        let mut latencies_us = latencies.into_inner();
        latencies_us.sort_unstable();
        let time = end.get().unwrap_or(until).saturating_duration_since(warm);
        Ok(Load { requests: latencies_us.len(), time, latencies_us })
    })
}

/// Reads one whole answer: its status, and whether the connection ends behind it.
async fn answer(stream: &mut tokio::net::TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<(u16, bool)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the connection ended in the middle of an answer");
        }
        if let Some(answer) = whole(buffer) {
            return Ok(answer);
        }
    }
}

/// Status and `Connection: close`, once head and body are there.
fn whole(buffer: &[u8]) -> Option<(u16, bool)> {
    let head = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let status = text.get(9..12)?.parse().ok()?;
    let field = |name: &str| {
        text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)))
    };
    let length = field("content-length").map_or(0, |(_, value)| value.trim().parse().unwrap_or(0));
    (buffer.len() >= head + length).then(|| (status, field("connection").is_some_and(|(_, how)| how.trim() == "close")))
}

/// The body of one answer.
pub fn body_of(port: u16, request: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(request.as_bytes())?;
    let mut buffer = Vec::new();
    let mut piece = [0; 8_192];
    while whole(&buffer).is_none() {
        let read = stream.read(&mut piece)?;
        anyhow::ensure!(read > 0, "no answer");
        buffer.extend_from_slice(&piece[..read]);
    }
    let (status, _) = whole(&buffer).context("an answer")?;
    anyhow::ensure!(status == 200, "{}", String::from_utf8_lossy(&buffer));
    let head = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("a head")? + 4;
    Ok(buffer.split_off(head))
}
