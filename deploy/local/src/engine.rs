//! The engine: one per process, any number of connections.
//!
//! Opening a connection costs a tenth of a millisecond, so every request gets its own: settings,
//! parameters and the current database of one request cannot reach another. All calls block.

use std::ffi::OsStr;
use std::path::Path;

use crate::exception::Exception;
use crate::library::{Chdb, Counters, Handle, InsertHandle, LoadError, QueryResult};
use crate::sql;

/// The running engine on its folder.
pub(crate) struct Engine {
    chdb: &'static Chdb,
    path: String,
    /// The engine stops with its last connection; this one keeps it.
    _keeper: std::sync::Mutex<Handle>,
    /// ClickHouse's version, as in `SELECT version()`.
    pub(crate) version: String,
    /// The engine's time zone, as in `SELECT timezone()`.
    pub(crate) timezone: String,
}

impl Engine {
    /// Loads the library and opens the folder. The caller holds the folder's lock.
    ///
    /// # Errors
    /// The library or the folder cannot be used.
    pub(crate) fn start(library: &OsStr, path: &Path) -> Result<Self, LoadError> {
        let chdb = Chdb::load(library)?;
        let path = path.to_str().ok_or_else(|| LoadError::Path(path.display().to_string()))?.to_owned();
        let keeper = chdb.connect(&path)?;
        let ask = |sql: &str| {
            let answer = keeper.query(sql.as_bytes(), "TabSeparatedRaw");
            String::from_utf8_lossy(answer.data()).trim_end().to_owned()
        };
        let (version, timezone) = (ask("SELECT version()"), ask("SELECT timezone()"));
        Ok(Self { chdb, path, _keeper: std::sync::Mutex::new(keeper), version, timezone })
    }

    /// Opens a connection with default settings, on the database `default`.
    ///
    /// # Errors
    /// The engine is closed.
    pub(crate) fn connect(&self) -> Result<Connection, Exception> {
        self.chdb.connect(&self.path).map(Connection).map_err(crate::exception::internal)
    }

    /// Asks the engine to stop the query that runs under this id, and does not wait.
    ///
    /// The engine makes up its own query ids, and its `KILL QUERY … SYNC` waits for ever for a query
    /// of another connection. So a request's id travels in the setting `log_comment`, and whoever
    /// wants to wait does so on the request, not on the engine.
    pub(crate) fn kill(&self, query_id: &str) -> Result<(), Exception> {
        let id = sql::quote(query_id);
        let kill = format!("KILL QUERY WHERE Settings['log_comment'] = {id} ASYNC FORMAT Null");
        self.connect()?.run(kill.as_bytes(), "Null").map(drop)
    }
}

/// One connection to the engine.
pub(crate) struct Connection(Handle);

impl Connection {
    /// Runs one statement and returns its whole output.
    ///
    /// # Errors
    /// What the engine reports.
    pub(crate) fn run(&self, sql: &[u8], format: &str) -> Result<QueryResult, Exception> {
        let result = self.0.query(sql, format);
        match result.error() {
            Some(error) => Err(Exception::from_engine(&error)),
            None => Ok(result),
        }
    }

    /// Applies settings and query parameters to everything that follows on this connection.
    ///
    /// # Errors
    /// A setting is unknown, or its value is wrong.
    pub(crate) fn set(&self, assignments: &[(String, String)]) -> Result<(), Exception> {
        if assignments.is_empty() {
            return Ok(());
        }
        let list: Vec<_> = assignments
            .iter()
            .map(|(name, value)| format!("{} = {}", sql::identifier(name), sql::quote(value)))
            .collect();
        self.run(format!("SET {}", list.join(", ")).as_bytes(), "Null").map(drop)
    }

    /// Puts settings back to their defaults.
    pub(crate) fn reset<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), Exception> {
        let list: Vec<_> = names.map(|name| format!("{} = DEFAULT", sql::identifier(name))).collect();
        if list.is_empty() {
            return Ok(());
        }
        self.run(format!("SET {}", list.join(", ")).as_bytes(), "Null").map(drop)
    }

    /// Makes `database` the current one.
    ///
    /// # Errors
    /// There is no such database.
    pub(crate) fn use_database(&self, database: &str) -> Result<(), Exception> {
        self.run(format!("USE {}", sql::identifier(database)).as_bytes(), "Null").map(drop)
    }

    /// Opens an insert; `head` is the statement up to its FORMAT or VALUES.
    ///
    /// # Errors
    /// The statement, the table or the format is wrong.
    pub(crate) fn insert(&mut self, head: &[u8], format: &str) -> Result<Insert<'_>, Exception> {
        let handle = self.0.insert(head, format);
        match handle.error() {
            Some(error) => Err(Exception::from_engine(&error)),
            None => Ok(Insert(handle)),
        }
    }
}

/// An insert that is fed in pieces. Dropped before [`Insert::finish`], it writes nothing.
pub(crate) struct Insert<'c>(InsertHandle<'c>);

impl Insert<'_> {
    /// Hands over the next piece; it need not end with a row. Blocks while the engine is behind.
    /// False: the engine has refused the data, and `finish` says why.
    pub(crate) fn append(&mut self, data: &[u8]) -> bool {
        self.0.append(data)
    }

    /// Stores the rows.
    ///
    /// # Errors
    /// What the engine says of the data.
    pub(crate) fn finish(self) -> Result<Counters, Exception> {
        let result = self.0.done();
        match result.error() {
            Some(error) => Err(Exception::from_engine(&error)),
            None => Ok(result.counters()),
        }
    }
}
