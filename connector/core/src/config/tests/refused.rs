//! Configurations that do not load, and the whole of what is said.

use super::*;

#[test]
fn unknown_keys_name_the_key_and_the_line() {
    check(
        "batch:\n  max_age: 1s\n  max_row: 5\n",
        "Connector.yaml:5: batch.max_row: unknown key, expected one of max_age, max_bytes, max_rows, min_rows",
    );
    check(
        "source:\n  kafka:\n    brokers: x\n",
        "Connector.yaml:5: source.kafka.brokers: unknown key, expected one of bootstrap, group_id, properties, topics",
    );
    check(
        "sink: {}\n",
        "Connector.yaml:3: sink: unknown key, expected one of api, apiVersion, audit, batch, clickhouse, fluvio, meta, mirror, \
         monitoring, retention, rollups, smartmodule, source, transforms",
    );
    check(
        "transforms:\n  - uses: voc-smartmodule\n    with: {max_byte: 5}\n",
        "Connector.yaml:5: transforms[0].with.max_byte: unknown key, expected one of max_bytes, max_depth, \
         max_future_hours, max_past_days, sentiment, tenant_languages",
    );
    check(
        "source: {kind: kafka, file: }\nbatch: {x: ~}\n",
        &format!("Connector.yaml:4: batch.x: {BATCH_KEYS}"),
    );
}

const BATCH_KEYS: &str = "unknown key, expected one of max_age, max_bytes, max_rows, min_rows";

#[test]
fn wrong_types_name_the_key_and_the_line() {
    check(
        "api: {port: 70000}\n",
        "Connector.yaml:3: api.port: expected a whole number from 0 to 65535, found `70000`",
    );
    check(
        "clickhouse:\n  port: many\n",
        "Connector.yaml:4: clickhouse.port: expected a whole number from 0 to 65535, found `many`",
    );
    check("clickhouse: [1]\n", "Connector.yaml:3: clickhouse: expected a map, found a list");
    check("clickhouse: {host: [a]}\n", "Connector.yaml:3: clickhouse.host: expected text, found a list");
    check(
        "source: {kafka: {topics: voc.events}}\n",
        "Connector.yaml:3: source.kafka.topics: expected a list, found `voc.events`",
    );
    check(
        "source:\n  kafka:\n    topics:\n      - a\n      - {b: c}\n",
        "Connector.yaml:7: source.kafka.topics[1]: expected text, found a map",
    );
    check(
        "source: {kind: file, file: {path: a, follow: 1}}\n",
        "Connector.yaml:3: source.file.follow: expected true or false, found `1`",
    );
    check(
        "source: {kind: pulsar}\n",
        "Connector.yaml:3: source.kind: unknown value `pulsar`, expected one of kafka, file, fluvio, none",
    );
    check(
        "clickhouse: {compression: zstd}\n",
        "Connector.yaml:3: clickhouse.compression: unknown value `zstd`, expected one of lz4, none",
    );
    check("transforms: [{with: {}}]\n", "Connector.yaml:3: transforms[0].uses: missing");
    for (body, key) in
        [("batch: {max_age: 2}\n", "batch.max_age"), ("batch: {max_bytes: big}\n", "batch.max_bytes")]
    {
        let error = load_text(&format!("{META}{body}"), &[], &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("Connector.yaml:3: {key}: ")), "{error}");
    }
}

#[test]
fn what_cannot_be_names_the_key_and_the_line() {
    check(
        "source: {kafka: {topics: []}}\n",
        "Connector.yaml:3: source.kafka.topics: empty, and source.kind is kafka",
    );
    check(
        "source:\n  kafka:\n    topics:\n      - a\n      - a b\n",
        "Connector.yaml:7: source.kafka.topics[1]: `a b`: a topic's name has only letters, digits, '.', '_' and '-'",
    );
    check(
        "source: {kafka: {topics: [a, a]}}\n",
        "Connector.yaml:3: source.kafka.topics[1]: `a` is there twice",
    );
    check("source:\n  kind: file\n", "Connector.yaml:4: source.file.path: missing, and source.kind is file");
    check("source: {kind: file, file: {follow: true}}\n", "Connector.yaml:3: source.file.path: missing");
    check("batch: {max_age: 0s}\n", "Connector.yaml:3: batch.max_age: must be above 0");
    check("batch: {max_age: 1h}\n", "Connector.yaml:3: batch.max_age: must be at most 10 minutes");
    check("batch: {max_rows: 100}\n", "Connector.yaml:3: batch.min_rows: 500 is above batch.max_rows, 100");
    check("batch: {min_rows: 0}\n", "Connector.yaml:3: batch.min_rows: must be at least 1");
    check(
        "batch: {max_rows: 1000001}\n",
        "Connector.yaml:3: batch.max_rows: 1000001 rows do not fit one ClickHouse block, at most 1000000",
    );
    check(
        "batch: {max_bytes: 256MiB}\n",
        "Connector.yaml:3: batch.max_bytes: does not fit one ClickHouse block, at most 256 MB",
    );
    check("batch: {max_bytes: 0}\n", "Connector.yaml:3: batch.max_bytes: must be above 0");
    check("clickhouse: {port: 0}\n", "Connector.yaml:3: clickhouse.port: must be from 1 to 65535");
    check(
        "clickhouse: {host: 'http://ch'}\n",
        "Connector.yaml:3: clickhouse.host: a host name or address, without scheme, path or space",
    );
    check(
        "clickhouse: {database: 'a-b'}\n",
        "Connector.yaml:3: clickhouse.database: a database's name has only letters, digits and _",
    );
    check("monitoring: {host: ''}\n", "Connector.yaml:3: monitoring.host: cannot be empty");
    check(
        "transforms:\n  - uses: voc-smartmodule\n  - uses: voc-smartmodule\n",
        "Connector.yaml:5: transforms[1]: only one transform is supported, the project's SmartModule",
    );
    for uses in ["infinyon/jolt@0.1.0", "voc/voc-smartmodule@9.9.9", "other/voc-smartmodule"] {
        let message = format!("unknown transform `{uses}`, expected voc/voc-smartmodule@0.1.0");
        check(
            &format!("transforms: [{{uses: '{uses}'}}]\n"),
            &format!("Connector.yaml:3: transforms[0].uses: {message}"),
        );
    }
}

#[test]
fn properties_that_delivery_depends_on_are_refused() {
    for property in [
        "bootstrap.servers",
        "group.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "isolation.level",
        "auto.offset.reset",
        "enable.partition.eof",
        "partition.assignment.strategy",
        "group.protocol",
        "linger.ms",
    ] {
        check(
            &format!("source:\n  kafka:\n    properties:\n      client.id: a\n      {property}: x\n"),
            &format!(
                "Connector.yaml:7: source.kafka.properties.{property}: cannot be set: {}",
                kafka::reserved(property).unwrap()
            ),
        );
        check(
            &format!("source: {{kind: none}}\nmirror: {{kafka: {{properties: {{{property}: x}}}}}}\n"),
            &format!(
                "Connector.yaml:4: mirror.kafka.properties.{property}: cannot be set: {}",
                kafka::reserved(property).unwrap()
            ),
        );
    }
    let config = good("source: {kafka: {properties: {sasl.password: hidden, socket.timeout.ms: 5}}}\n", &[]);
    assert_eq!(kafka(&config).properties["socket.timeout.ms"].expose(), "5");
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn the_document_itself_must_be_whole() {
    for (text, expected) in [
        ("", "Connector.yaml:1: meta: missing"),
        ("apiVersion: 0.2.0\n", "Connector.yaml:1: meta: missing"),
        ("apiVersion: 0.2.0\nmeta:\n  name: voc\n", "Connector.yaml:3: meta.version: missing"),
        (
            "meta: {version: 1, name: a, type: b, topic: c}\n",
            "Connector.yaml:1: apiVersion: missing, expected 0.2.0",
        ),
        ("- a\n", "Connector.yaml:1: (document): expected a map, found a list"),
        (
            "apiVersion: 0.3.0\nmeta: {version: 1, name: a, type: b, topic: c}\n",
            "Connector.yaml:1: apiVersion: unknown version `0.3.0`, expected 0.2.0 or 0.1.0",
        ),
        (
            "apiVersion: 0.2.0\nmeta:\n  version: 0.1.0\n  name: voc\n  type: voc-source\n  topic: a\n",
            "Connector.yaml:5: meta.type: `voc-source` names a source, and this connector is a sink: voc-sink",
        ),
    ] {
        assert_eq!(load_text(text, &[], &[]).unwrap_err().to_string(), expected, "\n{text}");
    }
    for text in ["batch: [\n", "batch: {}\nbatch: {}\n", "a: b: c\n"] {
        let error = load_text(&format!("{META}{text}"), &[], &[]).unwrap_err();
        assert!(matches!(error, Error::Syntax { line: 3.., .. }), "{error:?}");
    }
}
