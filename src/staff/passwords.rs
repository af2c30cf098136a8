//! Passwords of staff: which are taken, and hashing them off the threads that answer requests
//! (`reliability.md` A1 to A3; Argon2id, RFC 9106).

use std::sync::Arc;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use super::breached;
use crate::config::Staff;
use crate::secrets;

/// The longest password that is looked at.
const LONGEST: usize = 256;

/// Characters that must be left when words of the site and of the account are taken out.
const LEAST_OWN: usize = 6;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPassword {
    #[error("It has fewer than {0} characters. A few words in a row make a good one.")]
    TooShort(u64),
    #[error("It has more than 256 characters.")]
    TooLong,
    #[error(
        "It is easily guessed: it, or most of it, stands on the lists that attackers try first, or in your name, address or the site's name."
    )]
    Guessable,
    #[error("It was found in breaches of other sites so often that attackers try it first.")]
    Breached,
}

/// Whether a password is taken. Any characters are; there is nothing it must contain. `words`: what an
/// attacker would try for this account, such as its address and the site's name.
pub fn check(password: &str, shortest: u64, words: &[&str]) -> Result<(), NotAPassword> {
    let length = password.chars().count();
    if length > LONGEST {
        return Err(NotAPassword::TooLong);
    }
    if u64::try_from(length).unwrap_or(u64::MAX) < shortest {
        return Err(NotAPassword::TooShort(shortest));
    }
    if breached::contains(password) {
        return Err(NotAPassword::Breached);
    }
    let parts: Vec<&str> =
        words.iter().flat_map(|text| text.split(['@', '.', ' ', '-'])).chain(words.iter().copied()).collect();
    // Words of the site and of the account count for nothing, however often they are there.
    let mut own = password.to_lowercase();
    for part in parts.iter().filter(|part| part.chars().count() >= 3) {
        own = own.replace(&part.to_lowercase(), "");
    }
    if own.chars().filter(|c| c.is_alphanumeric()).count() < LEAST_OWN {
        return Err(NotAPassword::Guessable);
    }
    // 3 is "safely unguessable: moderate protection from offline slow-hash scenario" (zxcvbn).
    if zxcvbn::zxcvbn(password, &parts).score() < zxcvbn::Score::Three {
        return Err(NotAPassword::Guessable);
    }
    Ok(())
}

/// All that wait were not waited for: come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being looked at")]
pub struct TooBusy;

/// How a password that was typed fits the one that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    Wrong,
    Right,
    /// Right, and kept with less care than today: this is to be kept instead.
    RightAndRenewed(String),
}

type Work = Box<dyn FnOnce(&Argon2<'static>) + Send>;

/// Two threads that hash, and a short queue before them. Cheap to clone.
#[derive(Clone)]
pub struct Hashers {
    queue: Sender<Work>,
    params: Params,
    /// Of no password, to look at where there is no account: known and unknown take as long.
    nobodys: Arc<str>,
}

/// Hashed at the same time; each takes its memory.
const AT_ONCE: usize = 2;

impl Hashers {
    pub fn start(settings: &Staff) -> anyhow::Result<Self> {
        let of = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let params = Params::new(of(settings.password_kib), of(settings.password_passes), 1, None)
            .map_err(|error| anyhow::anyhow!("READERSHIP_STAFF_PASSWORD_KIB and _PASSES: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let nobodys = hashed(&argon2, secrets::Token::random().reveal());
        let (queue, waiting) = bounded::<Work>(usize::try_from(settings.hashing_queue)?);
        for number in 0..AT_ONCE {
            let (argon2, waiting) = (argon2.clone(), waiting.clone());
            thread::Builder::new().name(format!("hash-{number}")).spawn(move || {
                while let Ok(work) = waiting.recv() {
                    work(&argon2);
                }
            })?;
        }
        Ok(Self { queue, params, nobodys: nobodys.into() })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, TooBusy> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |argon2| {
            // Whoever asked may have gone.
            let _ = answer.send(work(argon2));
        });
        self.queue.try_send(work).map_err(|_| TooBusy)?;
        answered.await.map_err(|_| TooBusy)
    }

    /// `$argon2id$v=19$m=…`, as it is kept.
    pub async fn hash(&self, password: String) -> Result<String, TooBusy> {
        self.run(move |argon2| hashed(argon2, &password)).await
    }

    /// Compares a password that was typed with the one that is kept; with none it takes as long.
    pub async fn compare(&self, password: String, kept: Option<String>) -> Result<Fit, TooBusy> {
        let (nobodys, params) = (Arc::clone(&self.nobodys), self.params.clone());
        self.run(move |argon2| {
            let is_somebodys = kept.is_some();
            let kept = kept.unwrap_or_else(|| nobodys.to_string());
            let Ok(hash) = PasswordHash::new(&kept) else { return Fit::Wrong };
            let fits =
                password.chars().count() <= LONGEST && argon2.verify_password(password.as_bytes(), &hash).is_ok();
            match (fits && is_somebodys, Params::try_from(&hash)) {
                (false, _) => Fit::Wrong,
                (true, Ok(kept)) if kept.m_cost() >= params.m_cost() && kept.t_cost() >= params.t_cost() => Fit::Right,
                (true, _) => Fit::RightAndRenewed(hashed(argon2, &password)),
            }
        })
        .await
    }
}

fn hashed(argon2: &Argon2<'_>, password: &str) -> String {
    let salt: [u8; 16] = secrets::random();
    // Fails only for parameters that were refused at the start, and for a salt of another length.
    argon2.hash_password_with_salt(password.as_bytes(), &salt).expect("the parameters were checked").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_unguessable_is_all_that_is_asked() {
        let ok = |password: &str| check(password, 15, &["ada@rexwire.test", "REX Wire", "Ada Byron"]);
        assert_eq!(ok("plum ferry lantern oat"), Ok(()));
        assert_eq!(ok("ünïcödé 🦊 wörds älso"), Ok(()));
        assert_eq!(ok(&"plum ferry lantern oat ".repeat(11)), Ok(()));
        assert_eq!(ok(&"x".repeat(257)), Err(NotAPassword::TooLong));
        assert_eq!(ok("short"), Err(NotAPassword::TooShort(15)));
        for guessable in
            ["wordpasspassword", "111111111111111111", "rexwirerexwire2026", "qwertyuiopasdfghj", "ada@rexwire.test"]
        {
            assert_eq!(ok(guessable), Err(NotAPassword::Guessable), "{guessable}");
        }
        for breached in ["passwordpassword", "Hd764nW5d7E1vb1", "1QAZ2wsx3edc4rfv"] {
            assert_eq!(ok(breached), Err(NotAPassword::Breached), "{breached}");
        }
    }

    #[tokio::test]
    async fn the_last_character_matters_and_care_rises() {
        let weak = Staff { password_kib: 64, password_passes: 1, ..Staff::default() };
        let hashers = Hashers::start(&weak).unwrap();
        let long = "é".repeat(255);
        let kept = hashers.hash(format!("{long}a")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1"), "{kept}");
        assert_eq!(hashers.compare(format!("{long}b"), Some(kept.clone())).await, Ok(Fit::Wrong));
        assert_eq!(hashers.compare(format!("{long}a"), Some(kept.clone())).await, Ok(Fit::Right));
        assert_eq!(hashers.compare(format!("{long}a"), None).await, Ok(Fit::Wrong));
        let stronger = Hashers::start(&Staff { password_kib: 128, password_passes: 2, ..Staff::default() }).unwrap();
        let renewed = stronger.compare(format!("{long}a"), Some(kept)).await.unwrap();
        assert!(matches!(&renewed, Fit::RightAndRenewed(kept) if kept.contains("m=128,t=2")), "{renewed:?}");
    }
}
