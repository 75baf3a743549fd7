//! A Kafka cluster: its brokers, and the topics that are read.

use super::{DEADLINE, Finding};
use crate::config::kafka::Kafka;
use crate::source::kafka::probe::{self, Partition, Topic};

/// `name` says whose cluster it is.
pub(super) async fn check(name: &str, config: &Kafka) -> Vec<Finding> {
    let place = format!("{name} {}", config.bootstrap);
    let settings = config.clone();
    let looked = tokio::task::spawn_blocking(move || probe::look(&settings, DEADLINE)).await;
    let found = match looked.map_err(|error| error.to_string()).and_then(|looked| looked) {
        Ok(found) => found,
        Err(reason) => return vec![Finding::failed(place, reason)],
    };
    let brokers = Finding::ok(&place, format!("{} in the cluster", count(found.brokers, "broker")));
    let topics = found.topics.into_iter().map(|Topic { name, partitions }| {
        let text = partitions
            .map(|partitions| format!("topic {name}: {}", describe(&partitions)))
            .map_err(|reason| format!("topic {name}: {reason}"));
        Finding::of(&place, text)
    });
    [brokers].into_iter().chain(topics).collect()
}

/// `2 partitions, offsets 0 to 10, 5 to 7`.
fn describe(partitions: &[Partition]) -> String {
    let offsets: Vec<String> =
        partitions.iter().map(|Partition { start, end }| format!("{start} to {end}")).collect();
    format!("{}, offsets {}", count(partitions.len(), "partition"), offsets.join(", "))
}

/// `1 broker`, `2 brokers`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_described_in_their_order() {
        assert_eq!(
            describe(&[Partition { start: 0, end: 10 }, Partition { start: 5, end: 7 }]),
            "2 partitions, offsets 0 to 10, 5 to 7"
        );
        assert_eq!(describe(&[Partition { start: 0, end: 0 }]), "1 partition, offsets 0 to 0");
    }
}
