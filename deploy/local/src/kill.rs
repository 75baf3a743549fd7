//! KILL QUERY, answered from the requests that this server knows: their ids are the ones that
//! clients gave. The condition is any that ClickHouse can evaluate: the engine does it, over a table
//! made of the registry, with the columns of `system.processes` that a request has.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::answer::Answer;
use crate::exception::{self, Exception};
use crate::library::Counters;
use crate::registry::Running;
use crate::request::Call;
use crate::shared::Shared;
use crate::sql::quote;
use crate::statement::KillMode;

const COLUMNS: &str = "query_id String, initial_query_id String, user String, initial_user String, query String, \
                       current_database String, elapsed Float64, is_initial_query UInt8";

/// Cancels what the condition names, and with SYNC waits until all of it has ended: nothing of an
/// insert is stored, or all of it. Takes no lane: it works while all of them are busy.
///
/// # Errors
/// The condition cannot be evaluated, or this request was cancelled itself.
pub(crate) fn run(
    server: &Shared,
    call: &Call,
    this: &Running,
    (condition, mode, format): (&[u8], KillMode, Option<String>),
    answer: &mut Answer,
    runtime: &Handle,
) -> Result<Counters, Exception> {
    let connection = server.engine.connect()?;
    connection.set(&call.settings)?;
    let all = server.registry.all();
    let rows: Vec<_> = all.iter().map(|running| row(running)).collect();
    let mut sql =
        format!("SELECT query_id FROM values('{COLUMNS}', {}) WHERE ", rows.join(", ")).into_bytes();
    sql.extend_from_slice(condition);
    let found = connection.run(&sql, "LineAsString")?;
    let found = String::from_utf8_lossy(found.data()).into_owned();
    let found: HashSet<&str> = found.lines().collect();
    let targets: Vec<&Arc<Running>> = all
        .iter()
        .filter(|running| found.contains(running.query_id.as_str()) && running.query_id != this.query_id)
        .collect();
    if mode != KillMode::Test {
        for target in &targets {
            tracing::info!(query_id = target.query_id, "kill query");
            target.cancel(&server.engine);
        }
    }
    if mode == KillMode::Sync {
        runtime.block_on(async {
            for target in &targets {
                tokio::select! {
                    () = target.ended.cancelled() => {}
                    () = this.cancelled.cancelled() => return Err(exception::cancelled()),
                }
            }
            Ok(())
        })?;
    }
    let status = match mode {
        KillMode::Async => "waiting",
        KillMode::Sync => "finished",
        KillMode::Test => "unknown_status",
    };
    let told: Vec<_> = targets
        .iter()
        .map(|target| {
            let (id, user, query) = (quote(&target.query_id), quote(&target.user), quote(&target.query()));
            format!("('{status}', {id}, {user}, {query})")
        })
        .collect();
    // The first row is there because a table of no rows cannot be written down.
    let told = format!(
        "SELECT * FROM values('kill_status String, query_id String, user String, query String', \
         ('', '', '', ''){}{}) WHERE kill_status != ''",
        if told.is_empty() { "" } else { ", " },
        told.join(", ")
    );
    let format = format.unwrap_or_else(|| call.default_format.clone());
    let result = connection.run(told.as_bytes(), &format)?;
    answer.set_format(format);
    // The kills stand, whether anybody reads of them or not.
    let _ = answer.write(result.data());
    Ok(result.counters())
}

fn row(running: &Running) -> String {
    let (id, user) = (quote(&running.query_id), quote(&running.user));
    let (query, database) = (quote(&running.query()), quote(&running.database));
    format!("({id}, {id}, {user}, {user}, {query}, {database}, {}, 1)", running.since.elapsed().as_secs_f64())
}
