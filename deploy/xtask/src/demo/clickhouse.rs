//! What the demo asks over HTTP on loopback: ClickHouse, the API, the connector's metrics.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// `FINAL` over all events is the slowest thing asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// The body of a GET. Anything but 200 is an error that carries the answer's beginning.
pub(super) fn get(url: &str, query: &[(&str, &str)]) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .get(url)
        .query_pairs(query.iter().copied())
        .header("cache-control", "no-cache") // of the API: what is stored now
        .call()
        .with_context(|| format!("{url} does not answer"))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
    if status != 200 {
        bail!("{url} answered {status}: {}", body.chars().take(500).collect::<String>().trim_end());
    }
    Ok(body)
}

/// The rows of a query, which may name the stream as `{stream:String}`.
pub(super) fn rows(port: u16, stream: &str, sql: &str) -> Result<Vec<Value>> {
    let url = format!("http://127.0.0.1:{port}/");
    let query = [("query", sql), ("param_stream", stream), ("default_format", "JSONCompactEachRow")];
    let body = get(&url, &query)?;
    let lines = body.lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}"))).collect()
}

/// Whether ClickHouse answers.
pub(super) fn answers(port: u16) -> bool {
    get(&format!("http://127.0.0.1:{port}/ping"), &[]).is_ok()
}

/// A number that may be quoted, as ClickHouse does with 64 bits in some settings.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}
