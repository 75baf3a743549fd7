//! The twelve-factor variables of the original service. Each replaces one key of the file; Kafka's also
//! those of the mirror, where there is one: only one of the two reads from Kafka.

use std::collections::BTreeMap;

use super::error::{Fault, Place};
use super::tree::{Node, Value};

/// Variable and the key it replaces. An empty variable counts as not set.
pub const VARIABLES: [(&str, &[&str]); 9] = [
    ("KAFKA_BOOTSTRAP", &["source", "kafka", "bootstrap"]),
    ("KAFKA_GROUP_ID", &["source", "kafka", "group_id"]),
    (TOPICS, &["source", "kafka", "topics"]),
    ("CLICKHOUSE_HOST", &["clickhouse", "host"]),
    (CLICKHOUSE_PORT, &["clickhouse", "port"]),
    ("CLICKHOUSE_USER", &["clickhouse", "user"]),
    (CLICKHOUSE_PASSWORD, &["clickhouse", "password"]),
    ("CLICKHOUSE_DB", &["clickhouse", "database"]),
    ("HTTP_PORT", &["api", "port"]),
];

const TOPICS: &str = "KAFKA_TOPICS";
const CLICKHOUSE_PORT: &str = "CLICKHOUSE_PORT";
const CLICKHOUSE_PASSWORD: &str = "CLICKHOUSE_PASSWORD";

/// Puts the variables that are set over the file's values.
///
/// # Errors
/// A `CLICKHOUSE_PORT` that Kubernetes made.
pub(super) fn apply(tree: &mut Node, environment: &BTreeMap<String, String>) -> Result<(), Fault> {
    for (name, path) in VARIABLES {
        let Some(text) = environment.get(name).filter(|text| !text.is_empty()) else { continue };
        if name == CLICKHOUSE_PORT && text.contains("://") {
            let message = format!(
                "`{text}` is what Kubernetes injects into the pods beside a Service named `clickhouse`: give the \
                 Service another name, or set `enableServiceLinks: false` in the pod and {CLICKHOUSE_PORT} to a number"
            );
            return Err(Fault::at(Place::Variable(name), path.join("."), message));
        }
        let scalar = |text: &str| Value::Scalar(text.to_owned());
        let value = match name {
            TOPICS => {
                let topics = text.split(',').map(|topic| Node::from_variable(name, scalar(topic.trim())));
                Value::List(topics.collect())
            }
            _ => scalar(text),
        };
        let mut node = Node::from_variable(name, value);
        node.secret = name == CLICKHOUSE_PASSWORD;
        let is_mirrored = tree.get("mirror").is_some_and(|mirror| !matches!(mirror.value, Value::Null));
        if let (["source", kafka @ ..], true) = (path, is_mirrored) {
            tree.set(&[&["mirror"], kafka].concat(), node.clone());
        }
        tree.set(path, node);
    }
    Ok(())
}
