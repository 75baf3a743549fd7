//! Records of a Fluvio partition, as they stand in its leader's log: no SmartModule has seen them.

use tokio::sync::mpsc;

use super::bookmark::{Bookmark, digest};
use crate::cluster::{Cluster, Incoming};
use crate::config::sections::Cluster as Config;
use crate::mirror::key::Place;
use crate::source::lookup::{Error, Wanted};
use crate::stream::{Position, Record};

/// Asks the leader for every batch that holds something wanted.
pub(in crate::source) async fn look_up(
    config: &Config,
    wanted: &Wanted,
    found: &mpsc::Sender<Record>,
) -> Result<(), Error> {
    let cluster = Cluster::new(config).map_err(|error| wanted.unreadable(error))?;
    let connection = cluster.connect(&wanted.partition).await.map_err(|error| wanted.unreadable(error))?;
    let offsets = connection.offsets().await.map_err(|error| wanted.unreadable(error))?;
    let last = wanted.next_offset.saturating_sub(1);
    if last >= offsets.start {
        // An error says that the log ends before that.
        let records = connection.fetch(last).await.unwrap_or_default();
        let known = Bookmark::read(&wanted.bookmark).digest;
        let is_same = records
            .iter()
            .find(|record| record.offset == last)
            .is_some_and(|record| known.is_none_or(|known| known == digest(&record.value)));
        if !is_same {
            return Err(Error::Recreated(wanted.partition.clone()));
        }
    }
    let mut next = offsets.start;
    while let Some(offset) = wanted.offsets.range(next..).next() {
        let records = connection.fetch(*offset).await.map_err(|error| wanted.unreadable(error))?;
        let end = records.last().map_or(*offset, |record| record.offset);
        for record in records.into_iter().filter(|record| wanted.offsets.contains(&record.offset)) {
            if record.offset >= next && found.send(taken(record)).await.is_err() {
                return Ok(());
            }
        }
        next = end.max(*offset) + 1;
    }
    Ok(())
}

fn taken(incoming: Incoming) -> Record {
    let place = incoming.key.as_deref().and_then(Place::read);
    let source = place.map(|place| Position {
        topic: (*place.topic).into(),
        partition: place.partition,
        offset: place.offset,
    });
    let Incoming { offset, timestamp_ms, value, .. } = incoming;
    Record { offset, timestamp_ms, value, key: None, source }
}
