//! Sessions: connections that outlive a request, with their settings and temporary tables.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{Connection, Engine};
use crate::exception::{Exception, code};
use crate::request::SessionCall;

/// The sessions that exist; one that is in use has left its connection to the request.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    connection: Option<Connection>,
    expires: Instant,
}

impl Sessions {
    /// Takes the connection of a session, or opens a new session.
    ///
    /// # Errors
    /// Another request is using the session, or it does not exist and should.
    pub(crate) fn take(&self, engine: &Engine, call: &SessionCall) -> Result<Connection, Exception> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        sessions.retain(|_, session| session.connection.is_none() || session.expires > now);
        let expires = now + Duration::from_secs(3600);
        match sessions.get_mut(&call.id) {
            Some(session) => session.connection.take().ok_or_else(|| {
                let message = format!("Session {} is locked by a concurrent client", call.id);
                Exception::new(code::SESSION_IS_LOCKED, "SESSION_IS_LOCKED", message)
            }),
            None if call.must_exist => {
                let message = format!("Session {} not found", call.id);
                Err(Exception::new(code::SESSION_NOT_FOUND, "SESSION_NOT_FOUND", message))
            }
            None => {
                let connection = engine.connect()?;
                sessions.insert(call.id.clone(), Session { connection: None, expires });
                Ok(connection)
            }
        }
    }

    /// Gives a session its connection back, for as long as the request asked for.
    pub(crate) fn put_back(&self, call: &SessionCall, connection: Connection) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let expires = Instant::now() + call.timeout;
        sessions.insert(call.id.clone(), Session { connection: Some(connection), expires });
    }

    /// Ends all sessions that are not in use.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
