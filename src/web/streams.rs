//! Event streams: answers that stay open for a while and say when something happened.
//!
//! Bounded: so many at a time, each for so long. Whoever finds no place asks again like a browser
//! without a script.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::app::App;

/// How often a stream looks whether something happened.
const LOOK: Duration = Duration::from_secs(1);
/// A line that means nothing, so that neither this server nor a proxy takes the silence for an end.
const PULSE: Duration = Duration::from_secs(8);
/// How long one stream lasts; browsers open the next by themselves.
const LIFE: Duration = Duration::from_secs(120);

/// The places for streams. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Streams(Arc<Semaphore>);

impl Streams {
    pub fn new(places: u64) -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS))))
    }
}

struct Running<F> {
    app: App,
    has_happened: F,
    began: Instant,
    last_word: Instant,
    over: bool,
    _place: OwnedSemaphorePermit,
}

/// `text/event-stream` with one event, `change`, as soon as `has_happened` says so. `None` when
/// every place is taken.
pub fn until<F, A>(app: &App, has_happened: F) -> Option<HttpResponse>
where
    F: Fn(App) -> A + 'static,
    A: Future<Output = bool>,
{
    let place = Arc::clone(&app.streams.0).try_acquire_owned().ok()?;
    let now = Instant::now();
    let running = Running { app: app.clone(), has_happened, began: now, last_word: now, over: false, _place: place };
    let words = stream::unfold(running, |mut running| async move {
        loop {
            if running.over || running.began.elapsed() >= LIFE || running.app.is_stopping() {
                return None;
            }
            if (running.has_happened)(running.app.clone()).await {
                running.over = true;
                return Some((word("event: change\ndata: \n\n"), running));
            }
            if running.last_word.elapsed() >= PULSE {
                running.last_word = Instant::now();
                return Some((word(": still waiting\n\n"), running));
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    let answer = HttpResponse::Ok()
        .insert_header(("content-type", "text/event-stream; charset=utf-8"))
        // nginx holds answers back until it has a whole buffer, unless told not to.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(words);
    Some(answer)
}

fn word(text: &'static str) -> Result<Bytes, std::convert::Infallible> {
    Ok(Bytes::from_static(text.as_bytes()))
}
