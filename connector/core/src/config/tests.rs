//! Tables: what a text and an environment make of a configuration, or what the error says.

use std::time::Duration;

use bytesize::ByteSize;

use super::rollups::Retention;
use super::sections::{Compression, PartitionBy};
use super::*;

mod cluster;
mod refused;
mod samples;

/// The least that loads.
const META: &str =
    "apiVersion: 0.2.0\nmeta: {version: 0.1.0, name: voc, type: voc-sink, topic: voc-events}\n";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn load_text(text: &str, secrets: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Config, Error> {
    parse("Connector.yaml", text, map(secrets), &map(environment))
}

fn good(body: &str, environment: &[(&str, &str)]) -> Config {
    load_text(&format!("{META}{body}"), &[], environment).unwrap()
}

/// Checks the whole error of a text that follows [`META`], so its first line is line 3.
fn check(body: &str, expected: &str) {
    check_with(body, &[], expected);
}

fn check_with(body: &str, environment: &[(&str, &str)], expected: &str) {
    let error = load_text(&format!("{META}{body}"), &[], environment).unwrap_err().to_string();
    assert_eq!(error, expected, "\n{body}");
}

fn kafka(config: &Config) -> &sections::Kafka {
    match &config.source {
        Source::Kafka(kafka) => kafka,
        other => panic!("expected kafka, found {other:?}"),
    }
}

#[test]
fn every_section_has_its_defaults() {
    // A key without a value is absent.
    let empty = "fluvio: {endpoint: ''}\nsource: {fluvio: {shard: }}\nmirror:\nsmartmodule:\nbatch:\nclickhouse: {port: }\n\
                 monitoring: ~\naudit:\napi: null\n";
    for body in ["", empty] {
        let config = good(body, &[]);
        assert_eq!(config.meta.kind, "voc-sink");
        assert_eq!(config.meta.topic.0, "voc-events");
        assert_eq!(config.transform.uses, "voc/voc-smartmodule@0.1.0");
        assert!(config.transform.with.is_empty());
        assert_eq!(kafka(&config).bootstrap, "localhost:9092");
        assert_eq!(kafka(&config).group_id, "voc-processor");
        assert_eq!(kafka(&config).topics, ["voc.events"]);
        assert!(kafka(&config).properties.is_empty());
        assert_eq!(config.fluvio, Cluster { endpoint: None, profile: None });
        assert!(config.mirror.is_none());
        assert!(config.smartmodule.wasm.ends_with("release-lto/voc_smartmodule.wasm"));
        assert_eq!(config.batch.max_age, Duration::from_secs(2));
        assert_eq!((config.batch.min_rows, config.batch.max_rows), (500, 100_000));
        assert_eq!(config.batch.max_bytes, ByteSize::mib(96));
        assert_eq!(config.clickhouse.url(), "http://localhost:8123");
        assert_eq!((config.clickhouse.user.as_str(), config.clickhouse.password.expose()), ("default", ""));
        assert_eq!(config.clickhouse.database, "default");
        assert_eq!(config.clickhouse.compression, Compression::Lz4);
        assert_eq!(config.clickhouse.partition_by, PartitionBy::Bucket);
        assert_eq!((config.monitoring.host.as_str(), config.monitoring.port), ("127.0.0.1", 8001));
        assert_eq!(config.audit.interval, Duration::from_secs(3600));
        assert_eq!(config.rollups.interval, Duration::from_secs(10));
        assert_eq!(config.rollups.settle, Duration::from_secs(300));
        assert_eq!(config.rollups.nightly_at.to_string(), "03:00:00");
        let days = |days: u64| Duration::from_secs(86_400 * days);
        assert_eq!(config.retention.of("acme").events, days(90));
        assert!((days(730)..days(731)).contains(&config.retention.of("acme").rollups));
        assert_eq!((config.api.host.as_str(), config.api.port), ("127.0.0.1", 8000));
    }
}

#[test]
fn a_tenant_may_keep_its_events_for_another_time() {
    let config =
        good("retention: {events: 10d, tenants: {acme: {events: 20d}, other: {rollups: 0s}}}\n", &[]);
    let of = |tenant: &str| {
        let Retention { events, rollups } = config.retention.of(tenant);
        [events, rollups].map(|age| age.as_secs() / 86_400)
    };
    assert_eq!([of("acme"), of("other"), of("third")], [[20, 730], [10, 0], [10, 730]]);
}

#[test]
fn the_reference_configuration_loads_and_states_the_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let reference = load(&root.join("Connector.yaml"), None, &BTreeMap::new()).unwrap();
    let params = [
        ("max_bytes", "1048576"),
        ("max_depth", "64"),
        ("max_future_hours", "24"),
        ("max_past_days", "400"),
        ("sentiment", "lexicon_and_model"),
    ];
    assert_eq!(reference.transform.with, map(&params));
    let mut defaults = good("", &[]);
    defaults.transform.with = map(&params);
    assert_eq!(format!("{reference:?}"), format!("{defaults:?}"));

    let package = std::fs::read_to_string(root.join("SmartModule.toml")).unwrap();
    for (param, _) in params {
        assert!(package.contains(&format!("name = \"{param}\"")), "{param}");
    }
}

#[test]
fn what_is_written_is_what_is_had() {
    let config = good(
        "source: {kind: file, file: {path: data/orders.ndjson, follow: false}}\n\
         transforms: [{uses: voc-smartmodule, with: {max_bytes: 1_000, max_depth: 007}}]\n\
         batch: {max_age: 1m 30s, max_bytes: 1000000}\n\
         clickhouse: {host: '::1', password: 0123, partition_by: tenant, compression: none}\n",
        &[],
    );
    let Source::File(file) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!((file.stream.as_str(), file.follow), ("orders.ndjson", false));
    assert_eq!(config.transform.with, map(&[("max_bytes", "1_000"), ("max_depth", "007")]));
    assert_eq!(config.batch.max_age, Duration::from_secs(90));
    assert_eq!(config.batch.max_bytes, ByteSize::b(1_000_000));
    assert_eq!(config.clickhouse.password.expose(), "0123");
    assert_eq!(config.clickhouse.url(), "http://[::1]:8123");
    assert_eq!(config.clickhouse.partition_by, PartitionBy::Tenant);
    assert_eq!(config.clickhouse.compression, Compression::None);
}

#[test]
fn fluvios_own_forms_are_accepted() {
    let text = "apiVersion: 0.1.0\nmeta:\n  version: 0.1.0\n  name: voc\n  type: voc-sink\n  \
                topic: {version: 0.1.0, meta: {name: events}}\n  consumer: {partition: all, offset: {strategy: none, flush-period: {secs: 1}}}\n  \
                producer: {linger: 1ms}\n  secrets: [{name: PASSWORD}]\n";
    assert_eq!(load_text(text, &[], &[]).unwrap().meta.topic.0, "events");
}

#[test]
fn the_environment_replaces_the_file() {
    let environment = [
        ("KAFKA_BOOTSTRAP", "k1:9092,k2:9092"),
        ("KAFKA_GROUP_ID", "group"),
        ("KAFKA_TOPICS", "a, b"),
        ("CLICKHOUSE_HOST", "ch"),
        ("CLICKHOUSE_PORT", "9000"),
        ("CLICKHOUSE_USER", "user"),
        ("CLICKHOUSE_PASSWORD", "p: #{}"),
        ("CLICKHOUSE_DB", "voc"),
        ("HTTP_PORT", "8080"),
        ("UNRELATED", "x"),
    ];
    for body in ["", "source: {kafka: {topics: [x], bootstrap: y}}\nclickhouse: {port: 1, host: z}\napi:\n"] {
        let config = good(body, &environment);
        assert_eq!(kafka(&config).bootstrap, "k1:9092,k2:9092");
        assert_eq!(kafka(&config).group_id, "group");
        assert_eq!(kafka(&config).topics, ["a", "b"]);
        assert_eq!(config.clickhouse.url(), "http://ch:9000");
        assert_eq!((config.clickhouse.user.as_str(), config.clickhouse.database.as_str()), ("user", "voc"));
        assert_eq!(config.clickhouse.password.expose(), "p: #{}");
        assert_eq!(config.api.port, 8080);
    }
    let empty: Vec<_> = environment::VARIABLES.iter().map(|(name, _)| (*name, "")).collect();
    assert_eq!(good("clickhouse: {user: kept}\n", &empty).clickhouse.user, "kept");
}

#[test]
fn what_the_environment_sets_wrongly_names_the_variable() {
    check_with(
        "",
        &[("HTTP_PORT", "no")],
        "HTTP_PORT: api.port: expected a whole number from 0 to 65535, found `no`",
    );
    check_with("", &[("CLICKHOUSE_PORT", "0")], "CLICKHOUSE_PORT: clickhouse.port: must be from 1 to 65535");
    check_with(
        "",
        &[("KAFKA_TOPICS", "a,,b")],
        "KAFKA_TOPICS: source.kafka.topics[1]: ``: a topic's name cannot be empty",
    );
    check_with(
        "",
        &[("CLICKHOUSE_PORT", "tcp://10.0.0.1:8123")],
        "CLICKHOUSE_PORT: clickhouse.port: `tcp://10.0.0.1:8123` is what Kubernetes injects into the pods beside a \
         Service named `clickhouse`: give the Service another name, or set `enableServiceLinks: false` in the pod and \
         CLICKHOUSE_PORT to a number",
    );
}

#[test]
fn secrets_are_rendered_and_never_shown() {
    let body = "clickhouse:\n  user: ${{secrets.USER_}}x\n  password: ${{ secrets.PASSWORD }}\n  port: ${{ secrets.PORT }}\n";
    let text = format!("{META}# ${{{{ secrets.NOT_READ }}}}\n{body}");
    let config =
        load_text(&text, &[("PASSWORD", "a: \"b\" #\\"), ("PORT", "81")], &[("USER_", "u"), ("PORT", "82")])
            .unwrap();
    assert_eq!(config.clickhouse.password.expose(), "a: \"b\" #\\");
    assert_eq!((config.clickhouse.user.as_str(), config.clickhouse.port), ("ux", 81));
    assert!(format!("{config:?}").contains("password: (redacted)"), "{config:?}");

    let error =
        load_text(&text, &[("PASSWORD", "p"), ("PORT", "leak")], &[("USER_", "u")]).unwrap_err().to_string();
    assert_eq!(
        error,
        "Connector.yaml:7: clickhouse.port: expected a whole number from 0 to 65535, found a secret that is none"
    );
}

#[test]
fn a_missing_secret_is_named_with_its_line() {
    check(
        "clickhouse:\n  password: ${{ secrets.PASSWORD }}\n",
        "Connector.yaml:4: clickhouse.password: secret PASSWORD is neither in the secrets file nor in the environment",
    );
    check(
        "clickhouse: {user: '${{ env.HOME }}'}\n",
        "Connector.yaml:3: clickhouse.user: unknown expression `env.HOME`, expected secrets.NAME",
    );
    check(
        "clickhouse: {user: 'a ${{ secrets.A'}\n",
        "Connector.yaml:3: clickhouse.user: `${{` without its `}}`",
    );
}

#[test]
fn a_secrets_file_is_lines_of_name_and_value() {
    let read = |text: &str| secrets::parse("secrets.txt", text).map_err(|error| error.to_string());
    assert_eq!(read("# all\n\nA=1\n B = x=y # z \r\n"), Ok(map(&[("A", "1"), ("B", "x=y # z")])));
    assert_eq!(read("A=1\nhidden"), Err("secrets.txt:2: expected NAME=value".to_owned()));
    assert_eq!(
        read("1A=hidden"),
        Err("secrets.txt:1: a secret's name has only letters, digits and _, and no digit first".to_owned())
    );
    assert_eq!(read("A=1\nA=2"), Err("secrets.txt:2: secret A is there twice".to_owned()));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (config, secrets) = (folder.path().join("Connector.yaml"), folder.path().join("secrets.txt"));
    let error = |secrets| load(&config, secrets, &BTreeMap::new()).unwrap_err().to_string();
    assert!(error(None).contains("Connector.yaml: No such file"), "{}", error(None));
    std::fs::write(&config, META).unwrap();
    assert!(error(Some(secrets.as_path())).contains("secrets.txt: No such file"));
    std::fs::write(&secrets, "A=1\n").unwrap();
    load(&config, Some(&secrets), &BTreeMap::new()).unwrap();
}
