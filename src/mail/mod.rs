//! Mail: written into the outbox in the transaction of its cause, sent later by the sender.
//!
//! `outbox.rs` holds the rows and their fate, `letters.rs` what each mail says (from
//! `contents.rs`, which reads what it is about), `message.rs` makes the
//! bytes of it, `smtp.rs` has the conversation, `sender.rs` is the worker that brings them together.

pub mod billing_letters;
pub mod contents;
pub mod dkim;
pub mod dns;
pub mod letters;
pub mod message;
pub mod outbox;
pub mod sender;
pub mod smtp;
pub mod staff_letters;
pub mod suppression;
