//! The rows of each export: the numbers of its JSON answer under the same names, flat. A group of names that JSON
//! nests is one name here, joined by `_`. Times are moments, of no other zone than UTC.

use super::interval::{self, Interval, student, wilson};
use super::table::{Table, finite};
use super::{Error, Exports, Format};
use crate::params::buckets::Buckets;
use crate::params::choice::{Dimension, Kind, Metric};
use crate::params::cursor::Cursor;
use crate::params::scope::Scope;
use crate::params::{Limit, TenantId};
use crate::query::client::Query;
use crate::query::dead_letters::Filter;
use crate::query::distribution::QUANTILES;
use crate::query::events::TEXT;
use crate::query::rollups::{Plan, Question};
use crate::query::{agents, breakdown, distribution, events, qos, tenant_summary, timeseries, tools};

impl Exports {
    /// Where the rows of a scope are read, by a dimension or none.
    async fn plan<'a>(&self, scope: &'a Scope, by: Option<Dimension>) -> Result<Plan<'a>, Error> {
        Question { scope, by, before: None, edges: &[] }.plan(&self.database).await
    }

    /// The statement of a table with what its plan binds.
    fn planned(&self, table: &Table, format: Format, plan: &Plan<'_>) -> Query {
        plan.bind(self.query(table, format))
    }
}

fn summary_table(plan: &Plan<'_>) -> Table {
    const PARTS: &str = "Array(Tuple(Nullable(String), Nullable(String), UInt64, Nullable(UInt64), \
                         Nullable(Float64), Nullable(Float64)))";
    const LABELS: &str = "Array(Tuple(String, UInt64))";
    let inner = tenant_summary::sql(plan);
    let sums = "events, scored, total, negative";
    let moment = |current, before| {
        format!("fromUnixTimestamp64Micro(if(is_current, {{{current}:Int64}}, {{{before}:Int64}}), 'UTC')")
    };
    // Each row counts for its period, its type and, by number alone, its labels; a period without events still has its row.
    Table::from(format!(
        "FROM (SELECT is_current, one.1 AS kind, one.2 AS label_name, sum(one.3) AS all_events,
                sum(one.4) AS all_scored, sum(one.5) AS score, sum(one.6) AS all_negative
            FROM (SELECT event_kind, is_current, {sums}, labels FROM ({inner})
                UNION ALL SELECT '', arrayJoin([true, false]), 0, 0, 0, 0, CAST([], '{LABELS}'))
            ARRAY JOIN arrayConcat(
                CAST([(NULL, NULL, {sums})], '{PARTS}'),
                if(event_kind = '', CAST([], '{PARTS}'), CAST([(event_kind, NULL, {sums})], '{PARTS}')),
                CAST(arrayMap(label -> (event_kind, label.1, label.2, NULL, NULL, NULL), labels), '{PARTS}')) AS one
            GROUP BY is_current, kind, label_name)
        ORDER BY is_current DESC, kind NULLS FIRST, label_name NULLS FIRST"
    ))
    .with("period", "if(is_current, 'current', 'previous')")
    .with("from", moment("from", "before_from"))
    .with("to", moment("to", "before_to"))
    .with("event_type", "kind")
    .with("label", "label_name")
    .with("events", "all_events")
    .with("scored", "all_scored")
    .with("sentiment", "if(all_scored > 0, score / all_scored, NULL)")
    .with("negative_share", "if(all_scored > 0, all_negative / all_scored, NULL)")
}

/// A row for each period, for each type in it, and for each label of its calls; `event_type` and `label` say for which.
///
/// # Errors
/// As all here: ClickHouse does not say which rollups hold.
pub async fn summary(exports: &Exports, format: Format, scope: &Scope) -> Result<Query, Error> {
    let before = scope.range.before();
    let before = Some((before.from, before.to));
    let plan = Question { scope, by: None, before, edges: &[] }.plan(&exports.database).await?;
    Ok(exports.planned(&summary_table(&plan), format, &plan))
}

fn timeseries_table(plan: &Plan<'_>, metric: Metric, by: Option<Dimension>) -> Table {
    const BUCKETS: &str = "Array(Tuple(UInt32, UInt64, UInt64, Nullable(Float64)))";
    let inner = timeseries::sql(plan, metric, by);
    // Without any event there is no row, but still a series.
    let single = match by {
        Some(_) => String::new(),
        None => {
            format!("UNION ALL SELECT CAST(NULL, 'Nullable(String)'), toUInt64(0), CAST([], '{BUCKETS}')")
        }
    };
    // Every bucket, those without events, too.
    let empty = "arrayMap(start -> (start, 0, 0, NULL), {starts:Array(UInt32)})";
    Table::from(format!(
        "FROM (SELECT name, bucket.1 AS bucket_start, max(events) AS group_events, sum(bucket.2) AS bucket_events,
                sum(bucket.3) AS valued, max(bucket.4) AS mean
            FROM (SELECT name, events, buckets FROM ({inner}) {single})
            ARRAY JOIN arrayConcat(buckets, CAST({empty}, '{BUCKETS}')) AS bucket
            GROUP BY name, bucket_start)
        ORDER BY group_events DESC, name, bucket_start"
    ))
    .with_text("group", "name")
    .with("period", "if(bucket_start >= {current:UInt32}, 'current', 'previous')")
    .with("start", "toDateTime64(bucket_start, 6, 'UTC')")
    .with("events", "bucket_events")
    .with("of", "valued")
    .with(
        "value",
        match metric.kind() {
            Kind::Count => "toNullable(toFloat64(bucket_events))".to_owned(),
            Kind::Share | Kind::Mean => finite("mean"),
        },
    )
}

/// A row for each bucket of each group, those of the period before among them.
///
/// # Errors
/// As [`summary`].
pub async fn timeseries(
    exports: &Exports,
    format: Format,
    scope: &Scope,
    (metric, by): (Metric, Option<Dimension>),
    buckets: &Buckets,
    limit: Option<u32>,
) -> Result<Query, Error> {
    let before = buckets.before.as_ref().map(|before| (before.from, before.to));
    let plan = Question { scope, by, before, edges: &buckets.starts }.plan(&exports.database).await?;
    let query = exports
        .planned(&timeseries_table(&plan, metric, by), format, &plan)
        .param("starts", &buckets.starts)
        .param("current", buckets.current()[0]);
    Ok(query.param("limit", limit.unwrap_or(u32::MAX)))
}

fn distribution_table(plan: &Plan<'_>) -> Table {
    const PARTS: &str = "Array(Tuple(String, Nullable(Float64), Nullable(Float64), Nullable(Float64), \
                         Nullable(String), Nullable(UInt64), Nullable(Float64)))";
    let levels = QUANTILES.map(|level| level.to_string()).join(", ");
    let in_bin = |bin: &str| format!("arrayFirst(one -> one.1 = {bin}, bins).2");
    let edge = |bin: &str| format!("({bin}) * 2 / {{bins:Int32}} - 1");
    let (inner, value) = (distribution::sql(plan), finite("one.2"));
    let parts = [
        format!("[('scores', NULL, NULL, NULL, NULL, scored, {})]", finite("mean")),
        format!(
            "arrayMap(one -> ('quantile', NULL, NULL, one.1, NULL, NULL, {value}), arrayZip([{levels}], quantiles))"
        ),
        format!("[('below', NULL, -1, NULL, NULL, {}, NULL)]", in_bin("-1")),
        format!(
            "arrayMap(bin -> ('bin', {}, {}, NULL, NULL, {}, NULL), range(toInt32({{bins:Int32}})))",
            edge("bin"),
            edge("bin + 1"),
            in_bin("bin")
        ),
        format!("[('above', 1, NULL, NULL, NULL, {}, NULL)]", in_bin("{bins:Int32}")),
        "arrayMap(one -> ('label', NULL, NULL, NULL, one.1, one.2, NULL), arraySort(labels))".to_owned(),
    ];
    let parts = parts.map(|part| format!("CAST({part}, '{PARTS}')")).join(", ");
    Table::from(format!(
        "FROM (SELECT arrayConcat({parts}) AS parts FROM ({inner}))
        ARRAY JOIN parts AS one, arrayEnumerate(parts) AS place ORDER BY place"
    ))
    .with("part", "one.1")
    .with("from", "one.2")
    .with("to", "one.3")
    .with("level", "one.4")
    .with("label", "one.5")
    .with("events", "one.6")
    .with("value", "one.7")
}

/// A row for all scores and their mean, for each quantile, for each bin and what lies below and above, for each label.
///
/// # Errors
/// As [`summary`].
pub async fn distribution(
    exports: &Exports,
    format: Format,
    scope: &Scope,
    bins: u32,
) -> Result<Query, Error> {
    let plan = exports.plan(scope, None).await?;
    Ok(exports.planned(&distribution_table(&plan), format, &plan).param("bins", bins))
}

fn breakdown_table(plan: &Plan<'_>, metric: Metric, by: Dimension) -> Table {
    let inner = breakdown::sql(plan, metric, by);
    let value = match metric.kind() {
        Kind::Count => "toNullable(toFloat64(events))".to_owned(),
        Kind::Share | Kind::Mean => finite("mean"),
    };
    let Interval { lower, upper } = match metric.kind() {
        Kind::Count => Interval { lower: "one_value".to_owned(), upper: "one_value".to_owned() },
        Kind::Share => wilson("one_value", "valued"),
        Kind::Mean => student("one_value", "variance", "valued"),
    };
    Table::from(format!(
        "FROM (SELECT *,
                row_number() OVER (ORDER BY lower_end DESC NULLS LAST, one_value DESC NULLS LAST, name) AS from_top,
                row_number() OVER (ORDER BY upper_end NULLS LAST, one_value NULLS LAST, name) AS from_bottom
            FROM (SELECT *, {lower} AS lower_end, {upper} AS upper_end
                FROM (SELECT name, events, valued, variance, {value} AS one_value FROM ({inner}))))
        WHERE from_top <= {{ends:UInt32}} OR from_bottom <= {{ends:UInt32}}
        ORDER BY from_top"
    ))
    .with_text("group", "name")
    .with("events", "events")
    .with("of", "valued")
    .with("value", "one_value")
    .with("lower", "lower_end")
    .with("upper", "upper_end")
    .with("top", "from_top")
    .with("bottom", "from_bottom")
}

/// A row for each group, with its places in the two lists of the JSON answer: `top` and `bottom`, from 1.
///
/// # Errors
/// As [`summary`].
pub async fn breakdown(
    exports: &Exports,
    format: Format,
    scope: &Scope,
    (metric, by): (Metric, Dimension),
    (least, most): (u32, u32),
    limit: Option<u32>,
) -> Result<Query, Error> {
    let plan = exports.plan(scope, Some(by)).await?;
    let query = exports
        .planned(&breakdown_table(&plan, metric, by), format, &plan)
        .param("least", least)
        .param("most", most)
        .param("ends", limit.unwrap_or(u32::MAX));
    Ok(if metric.kind() == Kind::Mean { interval::bound(query) } else { query })
}

fn agents_table(plan: &Plan<'_>) -> Table {
    Table::from(format!("FROM ({}) ORDER BY events DESC, agent", agents::sql(plan)))
        .with_text("agent", "agent")
        .with_all(["events", "calls", "actions", "tool_invocations", "scored"])
        .with("sentiment", finite("mean_sentiment"))
        .with("negative_share", finite("negative_share"))
        .with("call_duration_ms", finite("call_duration"))
        .with("judged_invocations", "judged")
        .with("tool_success", finite("tool_success"))
}

/// A row for each agent.
///
/// # Errors
/// As [`summary`].
pub async fn agents(exports: &Exports, format: Format, scope: &Scope, limit: &Limit) -> Result<Query, Error> {
    let plan = exports.plan(scope, Some(Dimension::Agent)).await?;
    Ok(exports.planned(&agents_table(&plan), format, &plan).param("limit", limit.of_export()))
}

fn tools_table(plan: &Plan<'_>) -> Table {
    let interval = wilson(&finite("success"), "judged");
    let quantile = |at: u32| finite(&format!("latencies[{at}]"));
    Table::from(format!("FROM ({}) ORDER BY invocations DESC, tool", tools::sql(plan)))
        .with_text("tool", "tool")
        .with_all(["invocations", "agents", "judged"])
        .with("success", finite("success"))
        .with("success_lower", interval.lower)
        .with("success_upper", interval.upper)
        .with("timed", "timed")
        .with("latency_ms_mean", finite("latency"))
        .with("latency_ms_p50", quantile(1))
        .with("latency_ms_p95", quantile(2))
        .with("latency_ms_p99", quantile(3))
}

/// A row for each tool.
///
/// # Errors
/// As [`summary`].
pub async fn tools(exports: &Exports, format: Format, scope: &Scope, limit: &Limit) -> Result<Query, Error> {
    let plan = exports.plan(scope, Some(Dimension::Tool)).await?;
    Ok(exports.planned(&tools_table(&plan), format, &plan).param("limit", limit.of_export()))
}

fn qos_table(plan: &Plan<'_>) -> Table {
    let mean = finite("mean");
    let interval = student(&mean, "variance", "measurements");
    let quantile = |at: u32| finite(&format!("quantiles[{at}]"));
    Table::from(format!("FROM ({}) ORDER BY measurements DESC, metric, unit", qos::sql(plan)))
        .with_text("metric", "metric")
        .with_text("unit", "nullIf(unit, '')")
        .with("measurements", "measurements")
        .with("mean", mean)
        .with("mean_lower", interval.lower)
        .with("mean_upper", interval.upper)
        .with("min", finite("least"))
        .with("p5", quantile(1))
        .with("p50", quantile(2))
        .with("p95", quantile(3))
        .with("max", finite("most"))
}

/// A row for each metric in each unit.
///
/// # Errors
/// As [`summary`].
pub async fn qos(exports: &Exports, format: Format, scope: &Scope, limit: &Limit) -> Result<Query, Error> {
    let plan = exports.plan(scope, Some(Dimension::QosMetric)).await?;
    Ok(interval::bound(exports.planned(&qos_table(&plan), format, &plan).param("limit", limit.of_export())))
}

fn events_table(scope: &Scope, is_searched: bool, is_after: bool) -> Table {
    // In the order of the table, so that nothing has to be sorted, and the first rows come at once. The conditions lie
    // within, where a name is that of a column and not of what an export makes of it.
    Table::from(format!(
        "FROM (SELECT * {}) AS found ORDER BY found.ts, found.event_id LIMIT {{limit:UInt32}}",
        events::conditions(scope, is_searched, is_after)
    ))
    .with("event_id", "toString(event_id)")
    .with("timestamp", "ts")
    .with("event_type", "CAST(event_type, 'String')")
    .with("processed_at", "processed_at")
    .with_text("agent", "agent")
    .with_text("channel", "channel")
    .with_text("direction", "direction")
    .with_text("action", "action")
    .with_text("tool", "tool")
    .with_text("qos_metric", "qos_metric")
    .with("sentiment", finite("sentiment"))
    .with("label", "label")
    .with("unclear", "sentiment_unclear")
    .with_text("language", "language")
    .with("annotation_version", "annotation_version")
    .with("explanation", "nullIf(sentiment_explanation, '')")
    .with_text("text", format!("nullIf({TEXT}, '')"))
    .with("payload", "payload")
}

/// A row for each event, the oldest first, with its whole text and payload.
pub fn events(
    exports: &Exports,
    format: Format,
    scope: &Scope,
    search: Option<&str>,
    after: Option<Cursor>,
    limit: &Limit,
) -> Query {
    let query = exports.query(&events_table(scope, search.is_some(), after.is_some()), format);
    events::bound(query, scope, search, after, limit.of_export())
}

fn dead_letters_table(filter: &Filter) -> Table {
    Table::from(format!(
        "{} ORDER BY voc_dead_letters.origin_stream, origin_partition, origin_offset LIMIT {{limit:UInt32}}",
        filter.conditions()
    ))
    .with_text("origin_stream", "CAST(origin_stream, 'String')")
    .with_all(["origin_partition", "origin_offset"])
    .with("code", "CAST(code, 'String')")
    .with_text("field", "field")
    .with_text("message", "message")
    .with("state", "CAST(replay_state, 'String')")
    .with_all(["processed_at", "replayed_at"])
    .with_text("source_topic", "CAST(source_topic, 'String')")
    .with_all(["source_partition", "source_offset"])
    .with("bytes", "length(original)")
}

/// A row for each dead letter, without its original bytes.
pub fn dead_letters(
    exports: &Exports,
    format: Format,
    tenant: &TenantId,
    filter: &Filter,
    limit: &Limit,
) -> Query {
    let query = exports.query(&dead_letters_table(filter), format);
    filter.bound(query, tenant).param("limit", limit.of_export())
}

#[cfg(test)]
mod tests;
