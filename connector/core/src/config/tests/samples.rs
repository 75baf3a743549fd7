//! The configurations in `connector/samples`: each loads, and runs what its name says.

use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples");

/// Loads one with these secrets, in an environment that holds nothing.
fn sample(name: &str, secrets: &str) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.txt");
    std::fs::write(&file, secrets).unwrap();
    load(&Path::new(FOLDER).join(name), Some(&file), &BTreeMap::new())
}

#[test]
fn one_machine() {
    let config = sample("one-machine.yaml", "").unwrap();
    assert!(matches!(config.source, Source::File(_)) && config.mirror.is_none());
    assert_eq!(config.clickhouse.url(), "http://localhost:8123");
}

#[test]
fn sink_only() {
    let config = sample("sink-only.yaml", "CLICKHOUSE_PASSWORD=hidden\n").unwrap();
    let Source::Fluvio(source) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!(
        (source.topics.as_slice(), source.consumer.as_str()),
        (["voc-events".to_owned()].as_slice(), "voc-sink")
    );
    assert_eq!(source.smartmodule, sections::RunsIn::Broker);
    assert!(config.mirror.is_none());
    assert_eq!(config.clickhouse.password.expose(), "hidden");
}

#[test]
fn mirror_only() {
    let config = sample("mirror-only.yaml", "KAFKA_PASSWORD=hidden\n").unwrap();
    assert!(matches!(config.source, Source::None));
    assert_eq!(config.fluvio.endpoint.as_deref(), Some("fluvio-sc.example:9003"));
    let mirror = config.mirror.unwrap();
    let topics = [("voc.events", "voc-events"), ("voc.events.replayed", "voc-replayed")];
    assert_eq!(mirror.topics, map(&topics));
    assert_eq!(mirror.kafka.group_id, "voc-mirror");
    assert_eq!(mirror.kafka.properties["sasl.password"].expose(), "hidden");
}

#[test]
fn both() {
    let config = sample("both.yaml", "CLICKHOUSE_PASSWORD=hidden\n").unwrap();
    let Source::Fluvio(source) = &config.source else { panic!("{:?}", config.source) };
    // What the mirror writes is what the sink reads.
    assert!(config.mirror.unwrap().topics.values().eq(&source.topics));
    assert_eq!(source.consumer, "voc-dashboard");
}

#[test]
fn there_are_no_others_and_each_names_the_secrets_that_it_needs() {
    let mut names: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["both.yaml", "mirror-only.yaml", "one-machine.yaml", "sink-only.yaml"]);
    for name in names {
        let text = std::fs::read_to_string(Path::new(FOLDER).join(&name)).unwrap();
        let secrets = text.split("${{ secrets.").skip(1).map(|rest| rest.split_once(" }}").unwrap().0);
        for secret in secrets {
            // Fluvio's own tools hand over those that meta.secrets names.
            assert!(text.contains(&format!("    - name: {secret}\n")), "{name}: {secret}");
            let error = sample(&name, "").unwrap_err().to_string();
            assert!(error.contains(&format!("secret {secret} is neither in")), "{error}");
        }
    }
}

#[test]
fn fluvios_own_tools_take_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let samples = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    for path in samples.chain([root.join("Connector.yaml")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let document: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        // What their parser is strict about, and ours is not: with this version the topic is a map, and a
        // param is text.
        assert_eq!(document["apiVersion"], "0.2.0", "{path:?}");
        assert!(document["meta"]["topic"]["meta"]["name"].is_string(), "{path:?}");
        for transform in document["transforms"].as_array().into_iter().flatten() {
            for (name, value) in transform["with"].as_object().into_iter().flatten() {
                assert!(value.is_string(), "{path:?}: {name}");
            }
        }
    }
}
