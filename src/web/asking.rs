//! The request that is being answered, for whatever has no request at hand: errors and log lines.

use std::future::Future;

use uuid::Uuid;

use crate::ids;

tokio::task_local! {
    static ID: Uuid;
}

/// Runs what answers a request under the request's id.
pub async fn under<T>(id: Uuid, answering: impl Future<Output = T>) -> T {
    ID.scope(id, answering).await
}

/// The id of the request that is being answered: `x-request-id`, the id of its error, and of the
/// log line that tells what a client does not get to know. Outside any request a fresh one.
pub fn id() -> Uuid {
    ID.try_with(|id| *id).unwrap_or_else(|_| ids::uuid())
}
