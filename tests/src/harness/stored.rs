//! Whether ClickHouse holds what it must: nothing less, nothing twice, every byte as it was sent.

use std::collections::{BTreeMap, BTreeSet};

use super::clickhouse::Database;
use super::oracle::Oracle;

/// An event's row as the [`Oracle`] writes it.
pub(crate) const EVENT: &str = "hex(tenant_id), event_id, toUnixTimestamp64Micro(ts), event_type, schema_version, \
                     ifNull(toString(sentiment), 'null'), sentiment_label, toUInt8(sentiment_unclear), \
                     sentiment_language, annotation_version, hex(SHA256(sentiment_explanation)), \
                     hex(SHA256(payload))";

/// A dead letter's row as the [`Oracle`] writes it.
pub(crate) const DEAD_LETTER: &str = "hex(tenant_id), code, hex(field), hex(SHA256(original))";

/// The stream is stored completely and once: physically (every origin once, by the ledger and in the
/// tables, without FINAL) and logically (every event once, with FINAL).
///
/// # Panics
/// Where it is not, with the first differences.
pub fn assert_stored(database: &Database, stream: &str, oracle: &Oracle) {
    assert_partitions_stored(database, &[(stream, 0, oracle)]);
}

/// The same of several partitions, which must be all that the database holds.
///
/// # Panics
/// As [`assert_stored`].
pub fn assert_partitions_stored(database: &Database, partitions: &[(&str, u32, &Oracle)]) {
    for &(stream, partition, oracle) in partitions {
        assert_physically(database, stream, partition, oracle);
    }
    let oracles: Vec<&Oracle> = partitions.iter().map(|(_, _, oracle)| *oracle).collect();
    assert_all(database, &oracles);
}

/// Every event of these is there once, with FINAL; and there are no more rows than records.
fn assert_all(database: &Database, oracles: &[&Oracle]) {
    let stored = database.lines(&format!("SELECT {EVENT} FROM voc_events FINAL"));
    let distinct: BTreeSet<String> = stored.iter().cloned().collect();
    assert_eq!(stored.len(), distinct.len(), "voc_events FINAL has rows twice");
    let expected = Oracle::distinct(oracles);
    let differing: Vec<&String> = expected.symmetric_difference(&distinct).take(4).collect();
    assert!(differing.is_empty(), "voc_events FINAL: {differing:#?}");
    let total = database.number("SELECT sum(rows) FROM voc_origins");
    assert_eq!(total, oracles.iter().map(|oracle| oracle.records()).sum::<u64>(), "rows of other origins");
}

/// What a mirrored topic of Kafka held is stored completely and once, known by its places in Kafka, and in
/// each partition in Kafka's order. It must be all that the database holds.
///
/// # Panics
/// As [`assert_stored`].
pub fn assert_mirrored(database: &Database, topic: &str, partitions: &[(u32, &Oracle)]) {
    for &(partition, oracle) in partitions {
        let place = format!("source_topic = '{topic}' AND source_partition = {partition}");
        let letters = by(database, "source_offset", DEAD_LETTER, "voc_dead_letters", &place);
        assert_same("voc_dead_letters", &oracle.dead_letters, &letters);
        for (offset, row) in &by(database, "source_offset", EVENT, "voc_events", &place) {
            assert_eq!(
                oracle.events.get(offset),
                Some(row),
                "voc_events, {topic}/{partition} offset {offset}"
            );
        }
        // What did not fit into Fluvio has no place in its order.
        let disordered = format!(
            "SELECT count() FROM (SELECT source_offset < lagInFrame(source_offset, 1, 0) OVER (ORDER BY origin_offset
                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS is_before FROM (
                SELECT source_offset, origin_offset FROM voc_events WHERE {place}
                UNION ALL SELECT source_offset, origin_offset FROM voc_dead_letters
                WHERE {place} AND origin_stream NOT LIKE 'kafka:%')) WHERE is_before"
        );
        assert_eq!(database.number(&disordered), 0, "{topic}/{partition} is not in Kafka's order");
    }
    let oracles: Vec<&Oracle> = partitions.iter().map(|(_, oracle)| *oracle).collect();
    assert_all(database, &oracles);
}

fn assert_physically(database: &Database, stream: &str, partition: u32, oracle: &Oracle) {
    let origin = format!("origin_stream = '{stream}' AND origin_partition = {partition}");
    let ledger = database.run(&format!(
        "SELECT sum(rows), groupBitmapMerge(offsets), min(first_offset), max(last_offset) FROM voc_origins WHERE {origin}"
    ));
    let records = oracle.records();
    let last = records.saturating_sub(1);
    assert_eq!(ledger, format!("{records}\t{records}\t0\t{last}"), "ledger of {stream}/{partition}");

    let letters = by_offset(database, DEAD_LETTER, "voc_dead_letters", &origin);
    assert_same("voc_dead_letters", &oracle.dead_letters, &letters);

    // Of an event that was sent twice, a merge keeps one row: some may be missing here, none may differ.
    let events = by_offset(database, EVENT, "voc_events", &origin);
    for (offset, row) in &events {
        assert_eq!(
            oracle.events.get(offset),
            Some(row),
            "voc_events, offset {offset} of {stream}/{partition}"
        );
    }
}

fn by_offset(database: &Database, columns: &str, table: &str, origin: &str) -> BTreeMap<u64, String> {
    by(database, "origin_offset", columns, table, origin)
}

/// The rows of a table by an offset, read without FINAL: an offset that is there twice is a failure.
fn by(database: &Database, key: &str, columns: &str, table: &str, place: &str) -> BTreeMap<u64, String> {
    let mut rows = BTreeMap::new();
    for line in database.lines(&format!("SELECT {key}, {columns} FROM {table} WHERE {place}")) {
        let (offset, row) = line.split_once('\t').expect("two columns");
        let offset = offset.parse().expect("an offset");
        let earlier = rows.insert(offset, row.to_owned());
        assert_eq!(earlier, None, "{table} has {key} {offset} twice");
    }
    rows
}

fn assert_same(table: &str, expected: &BTreeMap<u64, String>, found: &BTreeMap<u64, String>) {
    let offsets: BTreeSet<&u64> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<_> = offsets
        .into_iter()
        .map(|offset| (offset, expected.get(offset), found.get(offset)))
        .filter(|(_, expected, found)| expected != found)
        .take(3)
        .collect();
    assert!(differing.is_empty(), "{table} (offset, expected, found): {differing:#?}");
}
