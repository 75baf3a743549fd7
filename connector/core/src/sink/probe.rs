//! A look at ClickHouse that writes nothing: does it answer, may we, and what of ours is there.

use std::error::Error as _;

use clickhouse::Client;
use clickhouse::error::Error as ClickHouseError;

use super::Sink;
use super::schema::{ENGINES, Engine, PRESENT, Present, check_types, identifier, without_window};

/// What the look found.
#[derive(Debug)]
pub struct Found {
    /// The server's version.
    pub version: String,
    /// How many tables and views of ours the database has; `None` where there is no such database.
    pub tables: Option<usize>,
}

/// Why the connector could not work with this ClickHouse.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer, or refuses.
    #[error("it did not {action}: {reason}")]
    Failed {
        /// What was asked.
        action: &'static str,
        /// What it said, with all causes.
        reason: String,
    },
    /// The user lacks a right.
    #[error("the user may not {right}; GRANT {right} ON {place}")]
    Denied {
        /// The right.
        right: &'static str,
        /// Where it is needed.
        place: String,
    },
    /// A table is not as the delivery needs it.
    #[error(transparent)]
    Table(#[from] super::Error),
}

/// What the connector does in its database, as ClickHouse's rights name it.
const RIGHTS: [&str; 12] = [
    "CREATE DATABASE",
    "CREATE TABLE",
    "CREATE VIEW",
    "SELECT",
    "INSERT",
    "ALTER UPDATE",
    "ALTER DELETE",
    "ALTER ADD COLUMN",
    "ALTER MODIFY COLUMN",
    "ALTER ADD CONSTRAINT",
    "ALTER SETTINGS",
    "OPTIMIZE",
];

impl Sink {
    /// Looks once. What is missing is no error: the connector makes it when it starts.
    ///
    /// # Errors
    /// [`Error`], where the connector would not work.
    pub async fn probe(&self) -> Result<Found, Error> {
        let version = self.client.query_raw("SELECT version()").fetch_one::<String>().await;
        let version = version.map_err(|source| failed("tell its version", &source))?;
        for right in RIGHTS {
            check_right(&self.client, right, format!("{}.*", identifier(&self.database))).await?;
        }
        check_right(&self.client, "KILL QUERY", "*.*".to_owned()).await?;
        let databases = "SELECT count() FROM system.databases WHERE name = {name:String}";
        let databases = self.client.query(databases).param("name", &self.database).fetch_one::<u64>().await;
        if databases.map_err(|source| failed("list its databases", &source))? == 0 {
            return Ok(Found { version, tables: None });
        }
        let tables = self.client().query_raw(ENGINES).fetch_all::<Engine>().await;
        let tables = tables.map_err(|source| failed("describe its tables", &source))?;
        if let Some(table) = without_window(&tables) {
            return Err(super::Error::NoWindow { table: table.name.clone() }.into());
        }
        let present = self.client().query_raw(PRESENT).fetch_all::<Present>().await;
        check_types(&present.map_err(|source| failed("describe its columns", &source))?)?;
        let ours = tables.iter().filter(|table| table.name.starts_with("voc_"));
        Ok(Found { version, tables: Some(ours.count()) })
    }
}

async fn check_right(client: &Client, right: &'static str, place: String) -> Result<(), Error> {
    let asked = format!("CHECK GRANT {right} ON {place}");
    match client.query_raw(&asked).fetch_one::<u8>().await {
        Ok(0) => Err(Error::Denied { right, place }),
        // A server that does not know the question refuses at the start what it does not allow.
        Ok(_) | Err(ClickHouseError::BadResponse(_)) => Ok(()),
        Err(source) => Err(failed("tell the user's rights", &source)),
    }
}

/// With all causes: the client's own words for a server that is not there are `client error (Connect)`.
pub(super) fn failed(action: &'static str, source: &ClickHouseError) -> Error {
    let mut reason = source.to_string();
    let mut cause = source.source();
    while let Some(next) = cause {
        let words = next.to_string();
        if !reason.contains(&words) {
            reason = format!("{reason}: {words}");
        }
        cause = next.source();
    }
    Error::Failed { action, reason }
}
