//! Every number that can be set, in groups: its key, its default, its bounds, its meaning.

use super::Key;
use super::source::Source;

/// Declares a group of numbers: a struct with a field each, its defaults, and their keys
/// (`READERSHIP_<GROUP>_<FIELD>`).
macro_rules! numbers {
    ($(#[$meta:meta])* $group:ident, $prefix:literal { $($field:ident, $key:literal, $default:literal, $min:literal ..= $max:literal, $meaning:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $group { $(#[doc = $meaning] pub $field: u64,)* }

        impl Default for $group {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $group {
            pub(super) fn keys() -> Vec<Key> {
                vec![$(Key {
                    name: concat!("READERSHIP_", $prefix, "_", $key),
                    default: stringify!($default).replace('_', ""),
                    meaning: $meaning,
                },)*]
            }

            pub(super) fn read(source: &mut Source) -> Self {
                Self { $($field: source.number(
                    concat!("READERSHIP_", $prefix, "_", $key), $default, $min, $max,
                ),)* }
            }
        }
    };
}

numbers! {
    /// How often a mail may be asked for (`reliability.md` §4); 0 means no limit.
    Limits, "LIMITS" {
        client_per_minute, "CLIENT_PER_MINUTE", 10, 0..=1_000_000, "asks for a mail from one client network (IPv4 address or IPv6 /64) in a minute";
        client_per_hour, "CLIENT_PER_HOUR", 60, 0..=1_000_000, "the same in an hour";
        address_gap_s, "ADDRESS_GAP_S", 60, 0..=86_400, "seconds between two mails to one address";
        address_per_15m, "ADDRESS_PER_15M", 3, 0..=1_000, "mails to one address in 15 minutes";
        address_per_hour, "ADDRESS_PER_HOUR", 5, 0..=1_000, "mails to one address in an hour";
        address_per_day, "ADDRESS_PER_DAY", 10, 0..=1_000, "mails to one address in a day";
        site_unconfirmed_per_hour, "SITE_UNCONFIRMED_PER_HOUR", 300, 0..=10_000_000, "mails to addresses that are no members, in an hour, for the whole site (1 % of the members where that is more)";
        code_tries, "CODE_TRIES", 5, 1..=20, "tries at one code; after the last, code and link are dead";
        code_client_per_hour, "CODE_CLIENT_PER_HOUR", 30, 0..=1_000_000, "tries at codes from one client network in an hour";
        code_address_per_hour, "CODE_ADDRESS_PER_HOUR", 10, 0..=1_000_000, "tries at codes of one address in an hour";
        number_tries, "NUMBER_TRIES", 3, 1..=20, "tries at the number of a waiting browser; after the last, the link only signs in where it is opened";
        email_changes_per_hour, "EMAIL_CHANGES_PER_HOUR", 5, 0..=1_000, "changes of address that one member may ask for in an hour";
        waiting_streams, "WAITING_STREAMS", 512, 0..=1_000_000, "browsers that may watch at once for their link to be used; further ones ask again every few seconds";
        checkouts_per_hour, "CHECKOUTS_PER_HOUR", 99, 0..=1_000_000, "visits to Stripe's pages asked for from one client network in an hour";
        checkouts_address_per_hour, "CHECKOUTS_ADDRESS_PER_HOUR", 8, 0..=1_000_000, "the same for one address that nobody has proved";
        live_links, "LIVE_LINKS", 3, 1..=20, "links that work at the same time for one address; a further one voids the oldest";
    }
}

numbers! {
    /// How long things live, in seconds (`reliability.md` §4).
    Lifetimes, "LIFETIMES" {
        signin_link_s, "SIGNIN_LINK_S", 3_600, 60..=604_800, "a link to sign in";
        signup_link_s, "SIGNUP_LINK_S", 86_400, 60..=604_800, "a link that confirms a sign-up or a subscription";
        code_s, "CODE_S", 600, 30..=86_400, "a code in a mail";
        email_link_s, "EMAIL_LINK_S", 3_600, 60..=604_800, "a link that proves or approves another address";
        email_undo_s, "EMAIL_UNDO_S", 259_200, 0..=2_592_000, "how long the old address may take a change back";
        fresh_signin_s, "FRESH_SIGNIN_S", 900, 60..=86_400, "how recently one must have signed in to change the address, take the data out or leave";
        leaving_s, "LEAVING_S", 604_800, 0..=7_776_000, "time to think again before a deleted account is erased";
        entitlement_token_s, "ENTITLEMENT_TOKEN_S", 300, 60..=3_600, "a member token of /members/api/entitlements/";
        retired_key_s, "RETIRED_KEY_S", 900, 60..=86_400, "how long a signing key is still published after another took its place";
        integrity_token_s, "INTEGRITY_TOKEN_S", 600, 10..=86_400, "a token of /members/api/integrity-token/, good once";
        identity_token_s, "IDENTITY_TOKEN_S", 600, 60..=3_600, "a member token of /members/api/session/";
        session_idle_s, "SESSION_IDLE_S", 2_592_000, 60..=31_536_000, "a session that is not used";
        session_absolute_s, "SESSION_ABSOLUTE_S", 15_552_000, 60..=63_072_000, "a session at all";
        session_touch_s, "SESSION_TOUCH_S", 600, 0..=86_400, "how often at most the last use of a session is written down";
        retention_links_s, "RETENTION_LINKS_S", 86_400, 0..=2_592_000, "how long a link is remembered after it ended, so that its page can offer a new one";
        retention_unconfirmed_s, "RETENTION_UNCONFIRMED_S", 604_800, 3_600..=7_776_000, "how long what an unconfirmed request said is kept";
        retention_outbox_s, "RETENTION_OUTBOX_S", 604_800, 3_600..=7_776_000, "how long the fate of a mail is kept";
    }
}

numbers! {
    /// Deadlines and bounds of sending (`reliability.md` §4).
    Sending, "SMTP" {
        connections, "CONNECTIONS", 8, 1..=64, "connections to the mail server; two of them, or the only one, send sign-in mail and nothing else";
        mails_per_connection, "MAILS_PER_CONNECTION", 100, 1..=100_000, "mails over one connection before it is opened anew";
        idle_s, "IDLE_S", 60, 1..=3_600, "seconds an unused connection is kept";
        connect_ms, "CONNECT_MS", 10_000, 10..=600_000, "milliseconds to connect, with TLS";
        command_ms, "COMMAND_MS", 30_000, 10..=600_000, "milliseconds for the answer to a command";
        dot_ms, "DOT_MS", 120_000, 10..=600_000, "milliseconds for the answer to a whole mail";
        mail_ms, "MAIL_MS", 180_000, 10..=900_000, "milliseconds for everything about one mail";
        lease_s, "LEASE_S", 60, 2..=3_600, "seconds after which a mail that a dead process was sending is taken up again";
        attempts, "ATTEMPTS", 12, 1..=100, "tries before a mail is parked";
    }
}

numbers! {
    /// Talking to Stripe, and what follows from what it says (`reliability.md` §4).
    Billing, "BILLING" {
        grace_days, "GRACE_DAYS", 7, 0..=90, "days that access lasts after a payment failed, while Stripe tries again";
        trial_ending_days, "TRIAL_ENDING_DAYS", 3, 0..=30, "days before the end of a trial at which its mail goes out; 0 for none";
        card_expiring_days, "CARD_EXPIRING_DAYS", 30, 0..=90, "days before a card ends at which its mail goes out; 0 for none";
        connect_ms, "CONNECT_MS", 5_000, 10..=60_000, "milliseconds to connect to Stripe";
        call_ms, "CALL_MS", 8_000, 10..=60_000, "milliseconds for one answer of Stripe";
        total_ms, "TOTAL_MS", 20_000, 10..=120_000, "milliseconds for one call with all its tries";
        retries, "RETRIES", 2, 0..=10, "further tries at a call that may be tried again";
        calls_per_s, "CALLS_PER_S", 20, 1..=1_000, "calls in a second while everything is compared with Stripe";
        calls_at_once, "CALLS_AT_ONCE", 8, 1..=64, "calls that may be under way at once";
        breaker_failures, "BREAKER_FAILURES", 5, 1..=1_000, "failures in a row after which Stripe counts as away";
        breaker_s, "BREAKER_S", 30, 1..=3_600, "seconds for which it is then left alone";
        event_body_bytes, "EVENT_BODY_BYTES", 1_048_576, 1_024..=16_777_216, "bytes of one event of Stripe";
        event_retention_s, "EVENT_RETENTION_S", 2_592_000, 86_400..=31_536_000, "seconds that what Stripe told is kept word for word";
        reconcile_every_s, "RECONCILE_EVERY_S", 86_400, 0..=2_592_000, "seconds between two comparisons of everything with Stripe; 0 for none by itself";
    }
}

numbers! {
    /// Whoever runs the site (`reliability.md` A1 to A10).
    Staff, "STAFF" {
        password_kib, "PASSWORD_KIB", 65_536, 64..=1_048_576, "KiB of memory for hashing a password (Argon2id)";
        password_passes, "PASSWORD_PASSES", 3, 1..=20, "passes over that memory";
        password_chars, "PASSWORD_CHARS", 15, 8..=64, "shortest password of an account without a second factor";
        password_chars_with_factor, "PASSWORD_CHARS_WITH_FACTOR", 8, 8..=64, "shortest password of an account with one";
        hashing_queue, "HASHING_QUEUE", 16, 1..=1_000, "passwords that may wait to be looked at; two are at a time, more are answered 503";
        account_tries, "ACCOUNT_TRIES", 5, 1..=1_000, "tries at an account from one client network in ten minutes";
        client_tries, "CLIENT_TRIES", 20, 1..=10_000, "tries from one client network in ten minutes, at whatever account";
        failures, "FAILURES", 100, 3..=10_000, "wrong passwords in a row after which an account takes a link by mail to open it";
        session_idle_s, "SESSION_IDLE_S", 28_800, 60..=2_592_000, "seconds of a session that is not used";
        session_absolute_s, "SESSION_ABSOLUTE_S", 604_800, 60..=2_592_000, "seconds of a session at all";
        proof_s, "PROOF_S", 900, 30..=86_400, "seconds for which password or code are not asked for again before something dangerous";
        first_link_s, "FIRST_LINK_S", 86_400, 60..=2_592_000, "seconds of the link that makes the first account";
        invitation_s, "INVITATION_S", 604_800, 60..=2_592_000, "seconds of an invitation";
        reset_s, "RESET_S", 1_800, 60..=86_400, "seconds of a link to another password";
        second_factor, "SECOND_FACTOR", 1, 0..=2, "who must have a second factor: 0 nobody, 1 owners and administrators, 2 everybody";
        undo_s, "UNDO_S", 1_800, 0..=86_400, "seconds for which a change of many members can be taken back, and a deletion waits";
        exports_per_hour, "EXPORTS_PER_HOUR", 6, 0..=1_000, "exports of all members that one account may take in an hour; 0 means no limit";
        export_kept_s, "EXPORT_KEPT_S", 86_400, 600..=604_800, "seconds for which a file of members that was taken out waits to be fetched";
        upload_bytes, "UPLOAD_BYTES", 209_715_200, 1_024..=1_073_741_824, "bytes of a file of members";
    }
}

numbers! {
    /// Deadlines and caps of the HTTP side (`reliability.md` §4).
    Http, "HTTP" {
        workers, "WORKERS", 0, 0..=256, "threads that answer requests; 0 is one a core";
        header_ms, "HEADER_MS", 5_000, 50..=120_000, "milliseconds for the head of a request, also of a second one on the same connection";
        body_idle_ms, "BODY_IDLE_MS", 10_000, 50..=120_000, "milliseconds between two pieces of a body";
        body_total_ms, "BODY_TOTAL_MS", 30_000, 50..=900_000, "milliseconds for a whole body";
        handler_ms, "HANDLER_MS", 10_000, 50..=120_000, "milliseconds to make an answer";
        write_ms, "WRITE_MS", 30_000, 50..=900_000, "milliseconds a client may take nothing of an answer";
        keep_alive_ms, "KEEP_ALIVE_MS", 15_000, 100..=600_000, "milliseconds an idle connection is kept";
        connection_age_s, "CONNECTION_AGE_S", 600, 1..=86_400, "seconds after which a connection is closed behind an answer";
        requests_per_connection, "REQUESTS_PER_CONNECTION", 1_000, 1..=1_000_000_000, "requests after which a connection is closed";
        connections, "CONNECTIONS", 4_096, 16..=1_000_000, "open connections";
        connections_per_client, "CONNECTIONS_PER_CLIENT", 256, 1..=1_000_000, "open connections of one client network; proxies that are trusted and loopback are not counted";
        body_bytes, "BODY_BYTES", 16_384, 1_024..=1_048_576, "bytes of a form or JSON body";
        header_bytes, "HEADER_BYTES", 16_384, 1_024..=65_536, "bytes of all header fields";
        header_fields, "HEADER_FIELDS", 64, 8..=100, "header fields";
        shutdown_s, "SHUTDOWN_S", 10, 0..=600, "seconds that running requests get at the end";
    }
}

numbers! {
    /// Bounds of the database layer (`design.md` §6).
    Database, "DB" {
        readers, "READERS", 4, 1..=64, "SQLite: threads that read";
        connections, "CONNECTIONS", 8, 1..=128, "PostgreSQL: connections";
        queue, "QUEUE", 2_048, 16..=65_536, "operations that may wait; more are answered 503";
        batch, "BATCH", 256, 1..=4_096, "SQLite: changes in one commit";
        kept_sessions, "KEPT_SESSIONS", 100_000, 2..=100_000_000, "SQLite: sessions whose member is kept in memory, about 400 bytes each";
    }
}
