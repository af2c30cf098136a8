//! The request that is being answered, for whatever has no request at hand: errors and log lines.

use std::future::Future;

use uuid::Uuid;

use crate::ids;
use crate::texts::Language;

/// What is known of it everywhere.
#[derive(Clone, Copy)]
pub struct Current {
    pub id: Uuid,
    /// `lang` in its address.
    pub chosen: Option<Language>,
    /// What its asker reads, as far as the request itself tells.
    pub language: Language,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// Runs what answers a request.
pub async fn during<T>(current: Current, answering: impl Future<Output = T>) -> T {
    CURRENT.scope(current, answering).await
}

/// The id of the request: `x-request-id`, the id of its error, and of the log line that tells what a
/// client does not get to know. Outside any request a fresh one.
pub fn id() -> Uuid {
    CURRENT.try_with(|current| current.id).unwrap_or_else(|_| ids::uuid())
}

/// The language that the address of the request asks for, to be carried on.
pub fn chosen_language() -> Option<Language> {
    CURRENT.try_with(|current| current.chosen).unwrap_or_default()
}

/// The language to answer in.
pub fn language() -> Language {
    CURRENT.try_with(|current| current.language).unwrap_or_default()
}
