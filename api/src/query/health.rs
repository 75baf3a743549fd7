//! Whether ClickHouse answers and has what the API reads.

use std::time::Duration;

use super::{Database, Error};

/// A probe should know soon, whatever the server does.
const LIMIT: Duration = Duration::from_secs(2);

/// The table that every resource reads; it is created by the same file as all others.
const TABLE: &str = "voc_events";

/// Looks for the table, within two seconds.
///
/// # Errors
/// ClickHouse does not answer, refuses us, or lacks the table.
pub async fn check(database: &Database) -> Result<(), Error> {
    let tables = database
        .client
        .query(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = {name:String}",
        )
        .param("name", TABLE)
        .fetch_one::<u64>();
    match Database::within(LIMIT, tables).await? {
        0 => Err(Error::TableAbsent(TABLE)),
        _ => Ok(()),
    }
}
