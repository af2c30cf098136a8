//! Stripe away: an address that takes connections and never answers, and readers who want to pay
//! meanwhile. What everybody else waits is what is measured (`reliability.md` P8).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::people;

/// Takes connections for as long as this process lives; returns its port.
pub fn silent_stripe() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let held: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
        drop(held);
    });
    Ok(port)
}

/// Readers who ask for a checkout again and again, ten times a second each.
pub struct Buyers {
    stop: Arc<AtomicBool>,
    /// How many answers of each status they had.
    answers: Arc<Mutex<BTreeMap<u16, u64>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Buyers {
    pub fn come(port: u16, many: u64) -> Self {
        let (stop, answers) = (Arc::<AtomicBool>::default(), Arc::<Mutex<BTreeMap<u16, u64>>>::default());
        let threads = (0..many)
            .map(|number| {
                let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let status = ask(port, number).unwrap_or(0);
                        *answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
                        std::thread::sleep(Duration::from_millis(100));
                    }
                })
            })
            .collect();
        Self { stop, answers, threads }
    }

    /// Lets them go; tells what they were answered, `0` for nothing.
    pub fn leave(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().map(|(status, count)| format!("{count} × {status}")).collect::<Vec<_>>().join(", ")
    }
}

fn ask(port: u16, number: u64) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(40)))?;
    stream.write_all(&people::checkout(number))?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(std::str::from_utf8(&head[9..])?.parse()?)
}
