//! Stories through real HTTP and real SMTP, each told on SQLite and on PostgreSQL.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod account;
mod admin_api;
mod answering;
mod backing_up;
mod codes;
mod headers;
mod judge;
mod languages;
mod limits;
mod links;
mod mailing;
mod members_api;
mod members_of_staff;
mod money;
mod outbox;
mod pages_of_staff;
mod paying;
mod permutations;
mod plans;
mod sending_as;
mod sessions;
mod shapes;
mod signing_in;
mod staff;
mod subscribing;
mod tokens;
mod unsubscribing;
mod waiting;
mod webhooks;
