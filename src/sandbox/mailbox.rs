//! Where the sandbox's mail server puts what it takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail_parser::MessageParser;
use tokio::sync::watch;

/// How many mails are kept; older ones make room.
const MOST: usize = 20_000;

/// A mail as it came over the wire.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// Counts from one, in the order of arrival.
    pub number: usize,
    pub from: String,
    pub to: Vec<String>,
    pub raw: Arc<[u8]>,
}

impl ReceivedMail {
    fn parsed<T>(&self, read: impl FnOnce(&mail_parser::Message<'_>) -> T) -> Option<T> {
        MessageParser::default().parse(&*self.raw).map(|message| read(&message))
    }

    pub fn subject(&self) -> String {
        self.parsed(|message| message.subject().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    pub fn text(&self) -> String {
        self.parsed(|message| message.body_text(0).map(std::borrow::Cow::into_owned).unwrap_or_default())
            .unwrap_or_default()
    }

    pub fn html(&self) -> String {
        self.parsed(|message| message.body_html(0).map(std::borrow::Cow::into_owned).unwrap_or_default())
            .unwrap_or_default()
    }

    /// The raw value of a header field, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.parsed(|message| {
            message.header_raw(name).map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .flatten()
    }

    /// The first address in the text that holds a token.
    pub fn link(&self) -> Option<String> {
        self.text()
            .split_whitespace()
            .find(|word| word.starts_with("http") && word.contains("token="))
            .map(str::to_owned)
    }
}

/// An inbox that can be waited on.
#[derive(Clone)]
pub struct Mailbox {
    mails: Arc<Mutex<Vec<ReceivedMail>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self { mails: Arc::default(), count: Arc::new(watch::channel(0).0) }
    }
}

impl Mailbox {
    pub fn put(&self, from: String, to: Vec<String>, raw: Vec<u8>) {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.count() + 1;
        if mails.len() >= MOST {
            mails.drain(..MOST / 2);
        }
        mails.push(ReceivedMail { number, from, to, raw: raw.into() });
        self.count.send_replace(number);
    }

    /// Everything that is kept, oldest first.
    pub fn all(&self) -> Vec<ReceivedMail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn get(&self, number: usize) -> Option<ReceivedMail> {
        self.all().into_iter().find(|mail| mail.number == number)
    }

    /// How many mails ever came.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    pub fn to(&self, address: &str) -> Vec<ReceivedMail> {
        self.all().into_iter().filter(|mail| mail.to.iter().any(|to| to == address)).collect()
    }

    /// Waits until `address` has at least `count` mails; `None` when that takes longer than `most`.
    pub async fn wait_for(&self, address: &str, count: usize, most: Duration) -> Option<Vec<ReceivedMail>> {
        let mut arrivals = self.count.subscribe();
        let enough = async {
            loop {
                arrivals.borrow_and_update();
                let mails = self.to(address);
                if mails.len() >= count {
                    return Some(mails);
                }
                arrivals.changed().await.ok()?;
            }
        };
        tokio::time::timeout(most, enough).await.ok().flatten()
    }
}
