//! Stories through real HTTP and real SMTP, each told on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod answering;
mod backing_up;
mod limits;
mod links;
mod mailing;
mod members_api;
mod sessions;
mod signing_in;
mod subscribing;
