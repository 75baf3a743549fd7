//! The requests that are running or waiting, by query id: what KILL QUERY looks at.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::exception::{Exception, code};

/// All requests under way.
pub(crate) struct Registry {
    running: Mutex<HashMap<String, Arc<Running>>>,
    limit: usize,
}

/// One request.
pub(crate) struct Running {
    pub(crate) query_id: String,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) since: Instant,
    /// What the request turned out to be.
    work: Mutex<Work>,
    /// Set by KILL QUERY, or because the client went away.
    pub(crate) cancelled: CancellationToken,
    /// Set when nothing of the request runs any more.
    pub(crate) ended: CancellationToken,
}

/// A statement, as far as it is known.
#[derive(Default)]
struct Work {
    kind: Kind,
    /// The beginning of its text.
    query: String,
}

/// How a statement may be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Not known yet, or a query: at any time, by anybody.
    #[default]
    Query,
    /// Only while its rows arrive.
    Insert,
    /// By KILL QUERY, but not by its client's going away.
    Command,
}

impl Running {
    /// Notes what the request turned out to be.
    pub(crate) fn describe(&self, kind: Kind, query: &[u8]) {
        const SHOWN: usize = 1000;
        let query = String::from_utf8_lossy(&query[..query.len().min(SHOWN)]).into_owned();
        *lock(&self.work) = Work { kind, query };
    }

    /// The beginning of the statement.
    pub(crate) fn query(&self) -> String {
        lock(&self.work).query.clone()
    }

    fn kind(&self) -> Kind {
        lock(&self.work).kind
    }

    /// The client went away.
    pub(crate) fn abandon(self: &Arc<Self>, engine: &Arc<Engine>) {
        if self.kind() != Kind::Command {
            self.cancel(engine);
        }
    }

    /// Stops the request as soon as may be. An insert whose rows have all arrived goes through: it
    /// could be stopped only between a table and its views. Anything else is stopped in the engine,
    /// again and again until it has ended, as the engine forgets about queries it has not begun.
    pub(crate) fn cancel(self: &Arc<Self>, engine: &Arc<Engine>) {
        if self.cancelled.is_cancelled() {
            return;
        }
        self.cancelled.cancel();
        let (running, engine) = (Arc::clone(self), Arc::clone(engine));
        tokio::spawn(async move {
            while running.kind() != Kind::Insert && !running.ended.is_cancelled() {
                let (engine, id) = (Arc::clone(&engine), running.query_id.clone());
                if let Ok(Err(error)) = tokio::task::spawn_blocking(move || engine.kill(&id)).await {
                    tracing::warn!(query_id = running.query_id, %error, "cannot kill");
                }
                let pause = tokio::time::timeout(Duration::from_millis(50), running.ended.cancelled());
                if pause.await.is_ok() {
                    break;
                }
            }
        });
    }
}

impl Registry {
    /// A registry for at most `limit` requests at a time.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { running: Mutex::default(), limit })
    }

    /// Adds a request. It is removed when the ticket is dropped.
    ///
    /// # Errors
    /// Its id is in use, or too many requests are waiting.
    pub(crate) fn enter(
        self: &Arc<Self>,
        query_id: &str,
        user: &str,
        database: &str,
    ) -> Result<Ticket, Exception> {
        let mut all = lock(&self.running);
        if all.contains_key(query_id) {
            let message = format!("Query with id = {query_id} is already running");
            let code = code::QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING;
            return Err(Exception::new(code, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", message));
        }
        if all.len() >= self.limit {
            let message = format!("Too many simultaneous queries. Maximum: {}", self.limit);
            let code = code::TOO_MANY_SIMULTANEOUS_QUERIES;
            return Err(Exception::new(code, "TOO_MANY_SIMULTANEOUS_QUERIES", message));
        }
        let running = Arc::new(Running {
            query_id: query_id.to_owned(),
            user: user.to_owned(),
            database: database.to_owned(),
            since: Instant::now(),
            work: Mutex::default(),
            cancelled: CancellationToken::new(),
            ended: CancellationToken::new(),
        });
        all.insert(query_id.to_owned(), Arc::clone(&running));
        Ok(Ticket { registry: Arc::clone(self), running })
    }

    /// Everything under way now.
    pub(crate) fn all(&self) -> Vec<Arc<Running>> {
        lock(&self.running).values().cloned().collect()
    }
}

/// A request's place in the registry.
pub(crate) struct Ticket {
    registry: Arc<Registry>,
    pub(crate) running: Arc<Running>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.registry.running).remove(&self.running.query_id);
        self.running.ended.cancel();
    }
}

/// A panic elsewhere leaves these maps whole: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
