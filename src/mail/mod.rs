//! Mail: written into the outbox in the transaction of its cause, sent later by the sender.
//!
//! `outbox.rs` holds the rows and their fate, `message.rs` makes the mail, `smtp.rs` has the
//! conversation, `sender.rs` is the worker that brings the three together.

pub mod message;
pub mod outbox;
pub mod sender;
pub mod smtp;
pub mod suppression;
