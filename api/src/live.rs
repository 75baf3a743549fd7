//! What arrives, as it arrives: one look at ClickHouse every few seconds, for all who listen to the same.
//!
//! A stream is a request that never ends, so it does not hold a place among the requests at once but one of its own,
//! and ends by itself where the server stops or its credential expires.

mod pollers;
mod window;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::response::IntoResponse;
use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::Error;
use crate::query::Database;
use crate::query::live::{Look, fetch};
use pollers::{Poll, Pollers};
use window::{Seen, window};

/// After so long without a look, in milliseconds, what is new is not counted: it would be all.
const LONGEST_PAUSE: i64 = 3_600_000;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// Whose events.
    pub tenant: String,
    /// Those that arrived within so many minutes.
    pub window: u32,
    /// How often, in seconds.
    pub every: u32,
}

/// All live streams, cheap to clone.
#[derive(Clone)]
pub struct Live {
    database: Database,
    places: Arc<Semaphore>,
    pollers: Pollers<View, Event>,
}

impl Live {
    /// At most so many streams at once.
    pub fn new(database: Database, streams: usize) -> Self {
        Self { database, places: Arc::new(Semaphore::new(streams)), pollers: Pollers::default() }
    }

    /// The messages of a view, until `end` says why there are no more, which is the last one.
    ///
    /// # Errors
    /// A 503: there are too many streams.
    pub fn stream<E: Future<Output = Error> + Send + 'static>(
        &self,
        view: View,
        end: E,
    ) -> Result<impl Stream<Item = Result<Event, Infallible>> + Send + use<E>, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::Unavailable { message: "too many live streams".into() })?;
        let every = Duration::from_secs(view.every.into());
        let database = self.database.clone();
        let messages = self.pollers.listen(&view.clone(), every, || Poller { database, view, seen: None });
        let listener = Listener { messages, end: Some(Box::pin(end)), _place: place };
        Ok(stream::unfold(listener, async |mut listener| {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        }))
    }
}

/// One client.
struct Listener {
    messages: watch::Receiver<Option<Event>>,
    /// None after the last message.
    end: Option<Pin<Box<dyn Future<Output = Error> + Send>>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Of a client that reads slowly only the newest message waits.
    async fn next(&mut self) -> Option<Event> {
        let end = self.end.as_mut()?;
        tokio::select! {
            biased;
            error = end => {
                self.end = None;
                Some(event_of(error).await)
            }
            event = newest(&mut self.messages) => event,
        }
    }
}

async fn newest(messages: &mut watch::Receiver<Option<Event>>) -> Option<Event> {
    loop {
        messages.changed().await.ok()?;
        if let Some(event) = messages.borrow_and_update().clone() {
            return Some(event);
        }
    }
}

/// Looks for one view.
struct Poller {
    database: Database,
    view: View,
    /// What the last look that succeeded has seen.
    seen: Option<Seen>,
}

impl Poll for Poller {
    type Said = Event;

    async fn poll(&mut self) -> Event {
        let at = Timestamp::now().as_millisecond();
        let from = at - i64::from(self.view.window) * 60_000;
        let seen = self.seen.as_ref().filter(|seen| at - seen.at <= LONGEST_PAUSE);
        let earlier = seen.map_or(from, |seen| seen.from.min(from));
        let look = Look { tenant: &self.view.tenant, from, earlier };
        let found = match fetch(&self.database, look).await {
            Ok(found) => found,
            Err(error) => return event_of(error.into()).await,
        };
        let (window, seen) = window(&found, at, from, seen);
        self.seen = Some(seen);
        match Event::default().event("window").id(at.to_string()).json_data(window) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "a window is no JSON");
                event_of(Error::Internal).await
            }
        }
    }
}

/// The error as a message: the problem that would be its answer.
async fn event_of(error: Error) -> Event {
    let problem = to_bytes(error.into_response().into_body(), usize::MAX).await.unwrap_or_default();
    Event::default().event("error").data(String::from_utf8_lossy(&problem))
}
