//! Topics: made, grown, removed.

use std::path::PathBuf;

use serde_json::Value;

use super::super::eventually;
use super::{Fluvio, OFFSETS, SPU};

impl Fluvio {
    /// Makes a topic, with further options of `fluvio topic create`, and waits until it can be used.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn create_topic(&self, topic: &str, partitions: usize, options: &[&str]) {
        let count = partitions.to_string();
        let arguments = [&["topic", "create", topic, "--partitions", &count], options].concat();
        self.change(&arguments, |said| said.contains("already exists"));
        self.until_partitions_are(topic, partitions);
    }

    /// Adds one partition, and waits until it can be used.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn add_partition(&self, topic: &str) {
        let before = self.partitions(topic).len();
        self.change(&["topic", "add-partition", topic], |_| self.partitions(topic).len() > before);
        self.until_partitions_are(topic, before + 1);
    }

    /// Removes a topic, and waits until it is gone.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn delete_topic(&self, topic: &str) {
        self.change(&["topic", "delete", topic], |_| self.partitions(topic).is_empty());
        eventually(&format!("{topic} is gone"), || self.partitions(topic).is_empty().then_some(()));
    }

    /// Changes something. The controller (0.18) may do so and never answer: then `is_done` tells, from what
    /// the next attempt is told and what there is.
    fn change(&self, arguments: &[&str], is_done: impl Fn(&str) -> bool) {
        let mut was_late = false;
        eventually(&format!("{arguments:?} is done"), || {
            let output = self.command(arguments).output().expect("fluvio starts");
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            let is_late = said.contains("Timed out");
            let is_done = output.status.success() || (was_late && !is_late && is_done(&said));
            was_late |= is_late;
            assert!(is_done || is_late, "{arguments:?}: {said}");
            is_done.then_some(())
        });
    }

    /// The folder in which the SPU keeps a partition.
    pub fn folder_of(&self, topic: &str, partition: usize) -> PathBuf {
        self.home().join(format!("data/spu-logs-{SPU}/{topic}-{partition}"))
    }

    /// What the controller says about each partition of a topic.
    pub(super) fn partitions(&self, topic: &str) -> Vec<Value> {
        let kind: &[&str] = if topic == OFFSETS { &["--system"] } else { &[] };
        let list = self.json(&[&["partition", "list"], kind].concat());
        let Value::Array(mut partitions) = list else { return Vec::new() };
        partitions.retain(|partition| {
            let name = partition["name"].as_str().and_then(|name| name.rsplit_once('-'));
            name.is_some_and(|(name, _)| name == topic)
        });
        partitions
    }

    fn until_partitions_are(&self, topic: &str, count: usize) {
        eventually(&format!("{topic} has {count} partitions"), || {
            let partitions = self.partitions(topic);
            (partitions.len() == count && partitions.iter().all(is_online)).then_some(())
        });
    }
}

pub(super) fn is_online(partition: &Value) -> bool {
    partition["status"]["resolution"] == "Online"
}
