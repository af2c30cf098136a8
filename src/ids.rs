//! Identifiers: twelve bytes, written as 24 lower-case hex characters, ordered by time
//! (the ObjectId of the members protocol), and random UUIDs for what strangers may see.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use data_encoding::HEXLOWER;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Binary;

use crate::clock::Timestamp;
use crate::secrets;

/// Four bytes of seconds, five that are random per process, three that count: ids made later
/// sort later, and two nodes never make the same one.
fn object_id(now: Timestamp) -> [u8; 12] {
    static PROCESS: OnceLock<[u8; 5]> = OnceLock::new();
    static COUNTER: OnceLock<AtomicU32> = OnceLock::new();
    let process = PROCESS.get_or_init(secrets::random);
    let counter = COUNTER
        .get_or_init(|| AtomicU32::new(u32::from_be_bytes(secrets::random()) & 0x007f_ffff))
        .fetch_add(1, Ordering::Relaxed);

    let mut id = [0; 12];
    let seconds = u32::try_from(now.seconds().max(0)).unwrap_or(u32::MAX);
    id[..4].copy_from_slice(&seconds.to_be_bytes());
    id[4..9].copy_from_slice(process);
    id[9..].copy_from_slice(&counter.to_be_bytes()[1..]);
    id
}

/// What a text must look like to be an identifier: 24 hex characters.
#[derive(Debug, thiserror::Error)]
#[error("an identifier has 24 lower-case hex characters")]
pub struct NotAnId;

macro_rules! identifiers {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Binary)]
        pub struct $name([u8; 12]);

        impl $name {
            pub fn new(now: Timestamp) -> Self {
                Self(object_id(now))
            }

            /// What no id is: those made from the second of `at` on are greater, those made before it less.
            pub fn edge(at: Timestamp) -> Self {
                let mut id = [0; 12];
                let seconds = u32::try_from(at.seconds().max(0)).unwrap_or(u32::MAX);
                id[..4].copy_from_slice(&seconds.to_be_bytes());
                Self(id)
            }

            /// The second in which it was made.
            pub fn made_at(&self) -> Timestamp {
                let seconds = u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]]);
                Timestamp::from_millis(i64::from(seconds) * 1_000)
            }

            pub fn as_bytes(&self) -> &[u8; 12] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnId)?;
                bytes.try_into().map(Self).map_err(|_| NotAnId)
            }
        }

        impl<DB: Backend> FromSql<Binary, DB> for $name
        where
            Vec<u8>: FromSql<Binary, DB>,
        {
            fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let bytes = Vec::<u8>::from_sql(value)?;
                Ok(Self(bytes.as_slice().try_into()?))
            }
        }

        impl<DB: Backend> ToSql<Binary, DB> for $name
        where
            [u8]: ToSql<Binary, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                <[u8] as ToSql<Binary, DB>>::to_sql(&self.0[..], out)
            }
        }
    )*};
}

identifiers! {
    /// A person who confirmed an address.
    MemberId,
    /// A mailing list of the site.
    NewsletterId,
    /// A word that staff or a form put on members.
    LabelId,
    /// A request for a mail with a link.
    MagicLinkId,
    /// A mail that is to be sent.
    OutboxId,
    /// Proof that somebody agreed to something.
    ConsentId,
    /// The words somebody agreed to.
    ConsentTextId,
    /// Something that happened to a member.
    MemberEventId,
    /// A member's move from one address to another.
    EmailChangeId,
    /// A key of a program.
    ApiKeyId,
    /// What one can be a member of.
    TierId,
    /// What a tier costs, a month or a year.
    TierPriceId,
    /// Something that makes a tier cheaper, or free for a while.
    OfferId,
    /// A visit to Stripe's pages.
    CheckoutId,
    /// Free access that staff gave.
    CompId,
    /// Something a member was told about what they pay.
    BillingNoticeId,
    /// Somebody who runs the site.
    StaffId,
    /// A link for staff.
    StaffLinkId,
    /// Something that staff are told about their own account.
    StaffNoticeId,
    /// What staff wrote about a member.
    NoteId,
    /// Work that takes long.
    JobId,
}

/// A random UUID (version 4, RFC 9562), as the protocol shows for members and newsletters.
pub fn uuid() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(secrets::random()).into_uuid()
}

/// The same for a request: it names a line of the log and is no secret, so that a generator of this thread's own,
/// begun with real randomness (xorshift64*, Vigna 2016), will do.
pub fn of_request() -> uuid::Uuid {
    thread_local!(static STATE: std::cell::Cell<u64> = std::cell::Cell::new(u64::from_be_bytes(secrets::random()) | 1));
    let next = || {
        STATE.with(|state| {
            let mut x = state.get();
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            state.set(x);
            x.wrapping_mul(0x2545_F491_4F6C_DD1D)
        })
    };
    uuid::Builder::from_random_bytes(((u128::from(next()) << 64) | u128::from(next())).to_be_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_time_and_read_back() {
        let first = MemberId::new(Timestamp::from_millis(1_000_000));
        let second = MemberId::new(Timestamp::from_millis(2_000_000));
        assert!(first < second);
        assert_eq!(first.to_string().len(), 24);
        assert_eq!(first.to_string().parse::<MemberId>().unwrap(), first);
    }

    #[test]
    fn requests_are_told_apart() {
        let some: std::collections::HashSet<uuid::Uuid> = (0..10_000).map(|_| of_request()).collect();
        assert_eq!(some.len(), 10_000);
        assert!(some.iter().all(|id| id.get_version_num() == 4));
        let other = std::thread::spawn(of_request).join().unwrap();
        assert!(!some.contains(&other), "threads do not repeat each other");
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in ["", "../etc/passwd", "5f", "zz", "\0", "5F9C1E0A2B3C4D5E6F708192", &"a".repeat(10_000)] {
            assert!(text.parse::<MemberId>().is_err(), "{text:?}");
        }
    }
}
