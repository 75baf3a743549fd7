//! Events made in ClickHouse, as the connector would have stored them.

use crate::harness::clickhouse::Database;
use crate::harness::eventually_within;
use std::time::Duration;

/// Rows of one insert.
const AT_ONCE: u64 = 500_000;

/// The name of a tenant.
pub(super) fn tenant(number: u64) -> String {
    format!("tenant-{number:03}")
}

/// Leaves out what no question reads.
pub(super) fn without_ledger(database: &Database) {
    for view in ["voc_origins_of_events", "voc_identities_of_events"] {
        database.run(&format!("DROP VIEW {view}"));
    }
}

/// Stores the events of these numbers. Half of them are calls, of 90 days until the end of the last hour.
pub(super) fn load(database: &Database, from: u64, to: u64, tenants: u64) {
    for first in (from..to).step_by(usize::try_from(AT_ONCE).unwrap_or(usize::MAX)) {
        let rows = AT_ONCE.min(to - first);
        database.run(&format!(
            "INSERT INTO voc_events (event_id, tenant_id, ts, event_type, schema_version, sentiment, sentiment_label,
                sentiment_language, annotation_version, payload, processed_at, origin_stream, origin_partition,
                origin_offset, version, writer_epoch)
            SELECT reinterpretAsUUID(sipHash128(number)) AS id,
                concat('tenant-', leftPad(toString(number % {tenants}), 3, '0')),
                toDateTime64(toStartOfHour(now()), 6, 'UTC') - toIntervalMicrosecond(
                    1 + sipHash64(number, 1) % (90 * 86400 * 1000000)),
                multiIf(kind < 50, 'call', kind < 75, 'agent_action', kind < 90, 'tool_invocation', 'qos_metric'),
                1, if(kind < 50, (sipHash64(number, 2) % 20001) / 10000 - 1, NULL) AS score,
                multiIf(kind >= 50, 'no_signal', score < -0.3, 'negative', score > 0.3, 'positive', 'neutral'),
                if(kind < 50, 'en', ''), 3,
                multiIf(
                    kind < 50, concat('{{\"channel\":\"', ['phone', 'chat', 'email'][number % 3 + 1],
                        '\",\"direction\":\"inbound\",\"agent_id\":\"agent-', toString(number % 40),
                        '\",\"duration_ms\":', toString(sipHash64(number, 3) % 900000), '}}'),
                    kind < 75, concat('{{\"agent_id\":\"agent-', toString(number % 40), '\",\"action\":\"transfer\"}}'),
                    kind < 90, concat('{{\"agent_id\":\"agent-', toString(number % 40),
                        '\",\"tool\":\"lookup\",\"success\":true,\"latency_ms\":', toString(number % 700), '}}'),
                    concat('{{\"metric\":\"mos\",\"value\":', toString(number % 50 / 10), '}}')),
                now64(3), 'bench', 0, number, 0, 1
            FROM (SELECT number + {first} AS number, sipHash64(number + {first}, 4) % 100 AS kind FROM numbers({rows}))
            SETTINGS max_insert_threads = 1, max_partitions_per_insert_block = 0, async_insert = 0"
        ));
    }
    assert_eq!(database.number("SELECT count() FROM voc_events"), to, "events are stored once");
}

/// Waits until ClickHouse has nothing to merge.
pub(super) fn until_merged(database: &Database) {
    eventually_within(Duration::from_secs(900), "merges come to an end", || {
        (database.number("SELECT count() FROM system.merges") == 0).then_some(())
    });
}
