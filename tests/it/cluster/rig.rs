//! What the tests on a cluster have in common.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::input;
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::producer::Producer;
use voc_tests::harness::kafka::record::Record;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::variable;

/// The name under which clusters know our SmartModule.
pub(super) const SMARTMODULE: &str = "voc-smartmodule";

/// The cluster that tests share, with the SmartModule.
pub(super) fn shared() -> &'static Fluvio {
    static LOADED: OnceLock<&'static Fluvio> = OnceLock::new();
    LOADED.get_or_init(|| {
        let fluvio = Fluvio::shared();
        load(fluvio);
        fluvio
    })
}

/// Loads the SmartModule.
pub(super) fn load(fluvio: &Fluvio) {
    fluvio.create_smartmodule(SMARTMODULE, Path::new(&variable("VOC_SMARTMODULE")));
}

/// A stage whose connector reads a topic of the cluster, the SmartModule run by the broker.
pub(super) fn sink(name: &str, fluvio: &Fluvio, topic: &str) -> Stage {
    let mut stage = Stage::new(name);
    stage.config["meta"]["topic"] = topic.into();
    stage.config["fluvio"] = json!({ "endpoint": fluvio.endpoint() });
    stage.config["transforms"][0]["uses"] = SMARTMODULE.into();
    stage.config["source"] = json!({ "kind": "fluvio", "fluvio": {} });
    stage
}

/// Adds the mirror of a Kafka topic to it.
pub(super) fn mirror(stage: &mut Stage, kafka: &Kafka, from: &str, to: &str) {
    stage.config["mirror"] = json!({
        "kafka": {
            "bootstrap": kafka.bootstrap(),
            "group_id": format!("mirror-{to}"),
            "topics": [from],
            // How long Kafka waits for a member that was killed: the least that it allows.
            "properties": { "session.timeout.ms": "6000" },
        },
        "topics": { from: to },
    });
}

/// Lines that Fluvio's command line can send: text, and not empty.
pub(super) fn text_lines(count: u64, seed: u64) -> Vec<Vec<u8>> {
    let mut options = input::options(count, seed);
    options.too_large = 0;
    let mut lines = input::lines(options);
    lines.retain(|line| std::str::from_utf8(line).is_ok_and(|line| !line.trim().is_empty()));
    lines
}

/// Sends lines with Fluvio's own producer, in batches of about so many bytes.
pub(super) fn produce(fluvio: &Fluvio, stage: &Stage, topic: &str, lines: &[Vec<u8>], batch: u32) {
    let file = stage.folder().join("produced.ndjson");
    input::write(&file, lines);
    let (file, batch) = (file.display().to_string(), batch.to_string());
    fluvio.cli(&[
        "produce",
        topic,
        "--file",
        &file,
        "--batch-size",
        &batch,
        "--max-request-size",
        "2000000",
        "--linger",
        "50ms",
    ]);
}

/// Deals lines out to the partitions of a Kafka topic in turn; gives what each got. Every third record
/// has a key and headers.
pub(super) fn deal(
    producer: &Producer,
    topic: &str,
    partitions: usize,
    lines: &[Vec<u8>],
) -> Vec<Vec<Vec<u8>>> {
    let mut dealt = vec![Vec::new(); partitions];
    for (index, line) in lines.iter().enumerate() {
        let mut record = Record::of(line.clone());
        if index % 3 == 0 {
            record.key = Some(vec![b'k', 0xff]);
            record.headers = vec![("trace".to_owned(), Some(b"1".to_vec())), ("empty".to_owned(), None)];
        }
        producer.send(topic, index % partitions, &record);
        dealt[index % partitions].push(line.clone());
    }
    dealt
}
