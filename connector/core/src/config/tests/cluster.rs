//! The sections of the cluster: `fluvio`, `source.fluvio`, `mirror`, and Fluvio's own `meta.consumer`.

use super::sections::{Cluster, FluvioSource, Mirror, RunsIn, Shard};
use super::*;

fn fluvio(config: &Config) -> &FluvioSource {
    match &config.source {
        Source::Fluvio(fluvio) => fluvio,
        other => panic!("expected fluvio, found {other:?}"),
    }
}

fn mirror(config: &Config) -> &Mirror {
    config.mirror.as_ref().unwrap()
}

/// Checks the whole error of a text with this `meta.consumer`, on line 3.
fn check_consumer(consumer: &str, expected: &str) {
    let meta = format!("apiVersion: 0.2.0\nmeta:\n  consumer: {consumer}\n{REST_OF_META}");
    let error = load_text(&meta, &[], &[]).unwrap_err().to_string();
    assert_eq!(error, expected, "\n{meta}");
}

const REST_OF_META: &str = "  version: 0.1.0\n  name: voc\n  type: voc-sink\n  topic: voc-events\n";

#[test]
fn a_fluvio_source_has_its_defaults() {
    let config = good("source: {kind: fluvio}\n", &[]);
    let source = fluvio(&config);
    assert_eq!(source.topics, ["voc-events"]);
    assert_eq!(source.consumer, "voc");
    assert_eq!(source.smartmodule, RunsIn::Broker);
    assert_eq!(source.max_bytes, ByteSize::mib(8));
    assert_eq!(source.shard, Shard { index: 0, count: 1 });
}

#[test]
fn a_mirror_has_its_defaults() {
    let config = good("source: {kind: none}\nmirror: {}\n", &[]);
    assert!(matches!(config.source, Source::None));
    let mirror = mirror(&config);
    assert_eq!(mirror.kafka.bootstrap, "localhost:9092");
    assert_eq!(mirror.kafka.group_id, "voc-mirror");
    assert_eq!(mirror.kafka.topics, ["voc.events"]);
    assert_eq!(mirror.topics, map(&[("voc.events", "voc-events")]));
    assert_eq!(mirror.batch_bytes, ByteSize::kib(512));
    assert_eq!(mirror.max_record_bytes, ByteSize::kib(1536));
    assert_eq!(mirror.produce_timeout, Duration::from_secs(10));
    assert_eq!(mirror.set_aside, Path::new("mirror-set-aside.ndjson"));
}

#[test]
fn what_is_written_of_the_cluster_is_what_is_had() {
    let config = good(
        "fluvio: {endpoint: 'sc.example:9003'}\n\
         source: {kind: fluvio, fluvio: {topics: [a, b-1], consumer: c, smartmodule: connector, max_bytes: 64KiB, \
         shard: {index: 2, count: 3}}}\n\
         mirror: {kafka: {group_id: g, topics: [A.b, c, d_e], properties: {sasl.password: hidden}}, topics: {c: x}, \
         batch_bytes: 16MiB, max_record_bytes: 32MiB, produce_timeout: 1s, set_aside: aside.ndjson}\n",
        &[],
    );
    assert_eq!(config.fluvio, Cluster { endpoint: Some("sc.example:9003".to_owned()), profile: None });
    let source = fluvio(&config);
    assert_eq!(source.topics, ["a", "b-1"]);
    assert_eq!((source.consumer.as_str(), source.smartmodule), ("c", RunsIn::Connector));
    assert_eq!((source.max_bytes, source.shard), (ByteSize::kib(64), Shard { index: 2, count: 3 }));
    let mirror = mirror(&config);
    assert_eq!(mirror.kafka.group_id, "g");
    assert_eq!(mirror.topics, map(&[("A.b", "a-b"), ("c", "x"), ("d_e", "d-e")]));
    assert_eq!((mirror.batch_bytes, mirror.max_record_bytes), (ByteSize::mib(16), ByteSize::mib(32)));
    assert_eq!(mirror.produce_timeout, Duration::from_secs(1));
    assert!(!format!("{config:?}").contains("hidden"));

    let config = good("fluvio: {profile: remote}\n", &[]);
    assert_eq!(config.fluvio.profile.as_deref(), Some("remote"));
}

#[test]
fn fluvios_consumer_gives_the_defaults_of_the_source() {
    let text = |consumer: &str, source: &str| {
        let text = format!(
            "apiVersion: 0.2.0\nmeta:\n{REST_OF_META}  consumer: {{{consumer}}}\n\
             source: {{kind: fluvio, fluvio: {{{source}}}}}\n"
        );
        load_text(&text, &[], &[]).unwrap()
    };
    for consumer in ["id: theirs, max_bytes: 3MB", "id: theirs, max-bytes: 3MB, offset: {strategy: manual}"] {
        let config = text(consumer, "");
        assert_eq!(fluvio(&config).consumer, "theirs");
        assert_eq!(fluvio(&config).max_bytes, ByteSize::mb(3));
        let config = text(consumer, "consumer: ours, max_bytes: 4MB");
        assert_eq!(fluvio(&config).consumer, "ours");
        assert_eq!(fluvio(&config).max_bytes, ByteSize::mb(4));
    }
}

#[test]
fn what_fluvios_consumer_cannot_have_is_refused() {
    const PARTITION: &str = "Connector.yaml:3: meta.consumer.partition: only `all` is supported: \
                             source.fluvio.shard shares partitions among connectors";
    check_consumer("{partition: 0}", PARTITION);
    check_consumer("{partition: [0, 1]}", PARTITION);
    check_consumer(
        "{offset: {start: beginning, strategy: none}}",
        "Connector.yaml:3: meta.consumer.offset.start: cannot be set: the checkpoint in ClickHouse says where to go \
         on, and a new stream is read from its start",
    );
    check_consumer(
        "{offset: {strategy: auto}}",
        "Connector.yaml:3: meta.consumer.offset.strategy: `auto` commits records before they are stored, expected \
         manual or none",
    );
    check_consumer("{offset: {}}", "Connector.yaml:3: meta.consumer.offset.strategy: missing");
    check_consumer(
        "{offset: {strategy: some}}",
        "Connector.yaml:3: meta.consumer.offset.strategy: unknown value `some`, expected one of none, manual, auto",
    );
    check_consumer("{id: ''}", "Connector.yaml:3: meta.consumer.id: cannot be empty");
    check_consumer(
        "{group: g}",
        "Connector.yaml:3: meta.consumer.group: unknown key, expected one of id, max-bytes, max_bytes, offset, \
         partition",
    );
}

#[test]
fn the_ordinal_of_a_stateful_set_is_the_shard() {
    let body = "source: {kind: fluvio, fluvio: {shard: {index: ordinal, count: 12}}}\n";
    for (host, index) in [("voc-0", 0), ("voc-connector-11", 11), ("a-b-07", 7)] {
        assert_eq!(fluvio(&good(body, &[("HOSTNAME", host)])).shard, Shard { index, count: 12 });
    }
    // A number is taken as it is, wherever the connector runs.
    let body_with_number = "source: {kind: fluvio, fluvio: {shard: {index: 1, count: 2}}}\n";
    assert_eq!(fluvio(&good(body_with_number, &[("HOSTNAME", "voc-9")])).shard.index, 1);

    let refused = |environment: &[(&str, &str)], name: &str| {
        check_with(
            body,
            environment,
            &format!(
                "HOSTNAME: source.fluvio.shard.index: `ordinal` is the number at the end of a StatefulSet's pod, NAME-N, \
                 and the variable is `{name}`"
            ),
        );
    };
    refused(&[], "");
    for host in ["voc", "voc-", "voc-x", "7", "voc-+1", "voc-99999999999"] {
        refused(&[("HOSTNAME", host)], host);
    }
    check_with(
        body,
        &[("HOSTNAME", "voc-12")],
        "HOSTNAME: source.fluvio.shard.index: 12 is not below source.fluvio.shard.count, 12, and the variable is \
         `voc-12`",
    );
}

#[test]
fn the_environment_replaces_the_mirrors_kafka_too() {
    let environment = [("KAFKA_BOOTSTRAP", "k:1"), ("KAFKA_GROUP_ID", "g"), ("KAFKA_TOPICS", "a.b,c")];
    for body in ["mirror: {}", "mirror: {kafka: {bootstrap: y, topics: [x]}, topics: {c: d}}"] {
        let config = good(&format!("source: {{kind: fluvio}}\n{body}\n"), &environment);
        let mirror = mirror(&config);
        assert_eq!((mirror.kafka.bootstrap.as_str(), mirror.kafka.group_id.as_str()), ("k:1", "g"));
        assert_eq!(mirror.kafka.topics, ["a.b", "c"]);
        assert_eq!(mirror.topics["a.b"], "a-b");
    }
    // Where there is no mirror, the variables do not make one.
    for body in ["", "mirror:\n"] {
        assert!(good(body, &environment).mirror.is_none());
    }
    check_with(
        "source: {kind: fluvio}\nmirror:\n  topics:\n    x.y: z\n",
        &environment,
        "Connector.yaml:6: mirror.topics.x.y: is not among mirror.kafka.topics, a.b, c",
    );
    check_with(
        "source: {kind: fluvio}\nmirror: {}\n",
        &[("KAFKA_TOPICS", "a,b c")],
        "KAFKA_TOPICS: mirror.kafka.topics[1]: `b c`: a topic's name has only letters, digits, '.', '_' and '-'",
    );
}

#[test]
fn a_cluster_that_cannot_be_names_the_key_and_the_line() {
    check(
        "fluvio:\n  endpoint: sc:9003\n  profile: local\n",
        "Connector.yaml:5: fluvio.profile: cannot be set beside fluvio.endpoint: each names a cluster",
    );
    for endpoint in ["sc", "sc:", ":9003", "sc:0", "sc:99999", "http://sc:9003", "s c:9003"] {
        check(
            &format!("fluvio: {{endpoint: '{endpoint}'}}\n"),
            &format!(
                "Connector.yaml:3: fluvio.endpoint: `{endpoint}`: expected HOST:PORT, without scheme, path or space"
            ),
        );
    }
    check(
        "fluvio:\n  host: x\n",
        "Connector.yaml:4: fluvio.host: unknown key, expected one of endpoint, profile",
    );
}

#[test]
fn a_fluvio_source_that_cannot_be_names_the_key_and_the_line() {
    let refused = |keys: &str, expected: &str| {
        check(
            &format!("source:\n  kind: fluvio\n  fluvio: {{{keys}}}\n"),
            &format!("Connector.yaml:5: {expected}"),
        );
    };
    refused(
        "topic: a",
        "source.fluvio.topic: unknown key, expected one of consumer, max_bytes, shard, smartmodule, topics",
    );
    refused("topics: []", "source.fluvio.topics: empty, and source.kind is fluvio");
    refused("topics: [a, a]", "source.fluvio.topics[1]: `a` is there twice");
    refused("topics: ['']", "source.fluvio.topics[0]: ``: a topic's name cannot be empty");
    for topic in ["voc.events", "Voc", "a_b", "é"] {
        let reason = "a Fluvio topic's name has only lower-case letters, digits and '-'";
        refused(&format!("topics: [{topic}]"), &format!("source.fluvio.topics[0]: `{topic}`: {reason}"));
    }
    refused("topics: [a-]", "source.fluvio.topics[0]: `a-`: a Fluvio topic's name has no '-' at its ends");
    let long = "a".repeat(64);
    refused(
        &format!("topics: [{long}]"),
        &format!("source.fluvio.topics[0]: `{long}`: a Fluvio topic's name has at most 63 characters"),
    );
    refused("consumer: ' '", "source.fluvio.consumer: cannot be empty");
    refused(
        "smartmodule: spu",
        "source.fluvio.smartmodule: unknown value `spu`, expected one of broker, connector",
    );
    refused("max_bytes: 63KiB", "source.fluvio.max_bytes: must be from 64 KiB to 1 GiB");
    refused("max_bytes: 2GiB", "source.fluvio.max_bytes: must be from 64 KiB to 1 GiB");
    refused("shard: {count: 0}", "source.fluvio.shard.count: must be at least 1");
    refused(
        "shard: {index: 2, count: 2}",
        "source.fluvio.shard.index: 2 is not below source.fluvio.shard.count, 2",
    );
    refused(
        "shard: {index: -1}",
        "source.fluvio.shard.index: expected a whole number or `ordinal`, found `-1`",
    );
    refused("shard: {number: 1}", "source.fluvio.shard.number: unknown key, expected one of count, index");

    let text = format!("{META}source: {{kind: fluvio}}\n").replace("topic: voc-events", "topic: voc.events");
    let error = load_text(&text, &[], &[]).unwrap_err().to_string();
    let expected = "Connector.yaml:2: meta.topic: `voc.events`: a Fluvio topic's name has only lower-case letters, \
                    digits and '-', and source.fluvio.topics names no other";
    assert_eq!(error, expected);
    let named = text.replace("{kind: fluvio}", "{kind: fluvio, fluvio: {topics: [a]}}");
    assert_eq!(fluvio(&load_text(&named, &[], &[]).unwrap()).topics, ["a"]);
    let text = text.replace("topic: voc.events", "topic: a, consumer: {max_bytes: 1}");
    let error = load_text(&text, &[], &[]).unwrap_err().to_string();
    assert_eq!(error, "Connector.yaml:2: meta.consumer.max_bytes: must be from 64 KiB to 1 GiB");
}

#[test]
fn a_mirror_that_cannot_be_names_the_key_and_the_line() {
    for kind in ["kafka", "file, file: {path: a}"] {
        check(
            &format!("source: {{kind: {kind}}}\nmirror: {{}}\n"),
            "Connector.yaml:4: mirror: source.kind must be fluvio, to read what the mirror writes, or none, for the \
             mirror alone",
        );
    }
    check(
        "source: {kind: none}\nmirror:\n",
        "Connector.yaml:3: source.kind: none, and there is no mirror: nothing would run",
    );
    let refused = |keys: &str, expected: &str| {
        check(
            &format!("source: {{kind: none}}\nmirror:\n  {{{keys}}}\n"),
            &format!("Connector.yaml:5: mirror.{expected}"),
        );
    };
    refused(
        "partitions: 1",
        "partitions: unknown key, expected one of batch_bytes, kafka, max_record_bytes, produce_timeout, set_aside, \
         topics",
    );
    refused("kafka: {bootstrap: ''}", "kafka.bootstrap: cannot be empty");
    refused("kafka: {group_id: ''}", "kafka.group_id: cannot be empty");
    refused("kafka: {topics: []}", "kafka.topics: empty, and there is a mirror");
    refused("kafka: {topics: [a, a]}", "kafka.topics[1]: `a` is there twice");
    refused("topics: {a: b}", "topics.a: is not among mirror.kafka.topics, voc.events");
    refused("topics: {voc.events: }", "topics.voc.events: expected text, found nothing");
    refused(
        "topics: {voc.events: voc.events}",
        "topics.voc.events: `voc.events`: a Fluvio topic's name has only lower-case letters, digits and '-'",
    );
    refused(
        "kafka: {topics: [a, _b]}",
        "kafka.topics[1]: `_b` would go to `-b`: a Fluvio topic's name has no '-' at its ends; name another under \
         mirror.topics",
    );
    refused(
        "kafka: {topics: [v.e, v_e]}",
        "topics: `v.e` and `v_e` would both go to `v-e`: each needs a topic of its own",
    );
    refused(
        "kafka: {topics: [a, b]}, topics: {a: b}",
        "topics: `a` and `b` would both go to `b`: each needs a topic of its own",
    );
    for bytes in ["15KiB", "17MiB"] {
        refused(&format!("batch_bytes: {bytes}"), "batch_bytes: must be from 16 KiB to 16 MiB");
    }
    for bytes in ["63KiB", "33MiB"] {
        refused(&format!("max_record_bytes: {bytes}"), "max_record_bytes: must be from 64 KiB to 32 MiB");
    }
    for time in ["999ms", "11m"] {
        refused(&format!("produce_timeout: {time}"), "produce_timeout: must be from 1 second to 10 minutes");
    }
    refused("set_aside: ''", "set_aside: cannot be empty");
}
