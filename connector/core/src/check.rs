//! `voc-connector check`: looks whether a connector with this configuration could run. Every service that
//! the configuration names is reached, every part that it names is looked for; nothing is written, made
//! or moved anywhere.

mod cluster;
mod kafka;
mod local;

use std::fmt;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};

use crate::config::Config;
use crate::config::sections::{RunsIn, Source};
use crate::metrics::Metrics;
use crate::monitoring::Readiness;
use crate::sink::Sink;

/// How long one thing may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the connector could work with it.
    pub is_ok: bool,
    /// The thing: a service with its address, or a file.
    pub place: String,
    /// What was found there, or what is wrong with it.
    pub text: String,
}

impl Finding {
    /// The connector could work with this.
    pub fn ok(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_ok: true, place: place.into(), text: text.into() }
    }

    /// It could not.
    pub fn failed(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_ok: false, place: place.into(), text: text.into() }
    }

    /// Either, as a result has it.
    fn of(place: impl Into<String>, result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self::ok(place, text),
            Err(text) => Self::failed(place, text),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_ok { "ok" } else { "FAILED" };
        // One line each, whatever a service answered.
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(formatter, "{word:<7} {}: {text}", self.place)
    }
}

/// Checks everything that the configuration names, all at the same time. The findings come in the order
/// of the data's way, and none keeps another from being looked for.
pub async fn run(config: &Config) -> Vec<Finding> {
    let mut checks: Vec<LocalBoxFuture<'_, Vec<Finding>>> = Vec::new();
    match &config.source {
        Source::File(file) => checks.push(Box::pin(async { vec![local::input(&file.path)] })),
        Source::Kafka(source) => checks.push(Box::pin(kafka::check("kafka", source))),
        Source::Fluvio(_) | Source::None => {}
    }
    if let Some(mirror) = &config.mirror {
        checks.push(Box::pin(kafka::check("mirror kafka", &mirror.kafka)));
    }
    if config.mirror.is_some() || matches!(config.source, Source::Fluvio(_)) {
        checks.push(Box::pin(cluster::check(config)));
    }
    let is_by_broker =
        matches!(&config.source, Source::Fluvio(source) if source.smartmodule == RunsIn::Broker);
    if matches!(config.source, Source::None) {
        if let Some(mirror) = &config.mirror {
            checks.push(Box::pin(async { vec![local::set_aside(&mirror.set_aside)] }));
        }
    } else {
        if !is_by_broker {
            checks.push(Box::pin(async { vec![local::smartmodule(config).await] }));
        }
        checks.push(Box::pin(async { vec![clickhouse(config).await] }));
    }
    checks.push(Box::pin(async { vec![local::monitoring(config).await] }));
    join_all(checks).await.concat()
}

async fn clickhouse(config: &Config) -> Finding {
    let place = format!("clickhouse {}", config.clickhouse.url());
    let metrics = match Metrics::new() {
        Ok(metrics) => metrics,
        Err(error) => return Finding::failed(place, error.to_string()),
    };
    let sink = Sink::new(&config.clickhouse, metrics, Readiness::new().part("check"));
    let database = &config.clickhouse.database;
    let found = within(sink.probe()).await.map(|found| match found.tables {
        None => format!("version {}, database {database} is made at start", found.version),
        Some(0) => format!("version {}, database {database}: the tables are made at start", found.version),
        Some(tables) => format!("version {}, database {database}: {tables} tables", found.version),
    });
    Finding::of(place, found)
}

/// What something gives before the deadline.
async fn within<T, E: fmt::Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    within_time(DEADLINE, work).await
}

async fn within_time<T, E: fmt::Display>(
    most: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(most, work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {most:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        for (finding, line) in [
            (Finding::ok("file a.ndjson", "12 bytes"), "ok      file a.ndjson: 12 bytes"),
            (
                Finding::failed("clickhouse http://h:1", "Code: 516.\n  default:\tno\n"),
                "FAILED  clickhouse http://h:1: Code: 516. default: no",
            ),
        ] {
            assert_eq!(finding.to_string(), line);
        }
    }

    #[tokio::test]
    async fn what_does_not_answer_has_failed() {
        let never = std::future::pending::<Result<(), String>>();
        let waited = within_time(Duration::from_millis(1), never).await;
        assert_eq!(waited, Err("no answer within 1ms".to_owned()));
        assert_eq!(within(async { Err::<(), _>("no") }).await, Err("no".to_owned()));
    }
}
