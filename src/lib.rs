//! Readership: newsletter sign-up, sign-in by mail and paid membership for any website.
//!
//! The rooms of the house, and the ways through it, are described in `docs/architecture.md`.

pub mod app;
pub mod billing;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod findings;
pub mod ids;
pub mod jobs;
pub mod limits;
pub mod mail;
pub mod members;
pub mod newsletters;
pub mod sandbox;
pub mod secrets;
pub mod signin;
pub mod site_facts;
pub mod staff;
pub mod texts;
pub mod web;
