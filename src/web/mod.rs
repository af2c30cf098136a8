//! HTTP, and nothing else: a handler reads the request, calls one domain function, and turns its
//! result into a response.
//!
//! `routes.rs` lists every address. `server.rs` and `connection.rs` hold the deadlines and caps of
//! connections, `frame.rs` what every request and response passes through.

pub mod admin;
pub mod admin_api;
pub mod agent;
pub mod answer;
pub mod body;
pub mod client;
pub mod connection;
pub mod content_api;
pub mod cookies;
pub mod cors;
pub mod current;
pub mod error;
pub mod frame;
pub mod health;
pub mod language;
pub mod members_api;
pub mod openapi;
pub mod operations;
pub mod origin;
pub mod page_error;
pub mod routes;
pub mod server;
pub mod site;
pub mod streams;
pub mod stripe_webhook;
