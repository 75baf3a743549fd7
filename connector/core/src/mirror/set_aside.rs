//! Where records are kept that do not fit into Fluvio: among the dead letters, or in a file where the
//! mirror runs alone. Kept before the mirror goes on, and once: the mirror may meet a record again.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::batches::Pending;
use super::error::Error;
use crate::sink::{Sink, TOO_LARGE};
use crate::stream::StreamPartition;

/// The place.
pub(super) enum SetAside {
    /// `voc_dead_letters`, with the Kafka partition as the origin.
    DeadLetters(Box<Sink>),
    /// A file, one JSON object a line.
    File(Mutex<Kept>),
}

/// The open file, and what it holds.
pub(super) struct Kept {
    path: PathBuf,
    file: File,
    places: HashSet<Place>,
}

/// Which record it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Place {
    topic: String,
    partition: u32,
    generation: u32,
    offset: u64,
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    code: &'static str,
    message: String,
    /// The record's key as the mirror would have written it.
    key: std::borrow::Cow<'a, str>,
    value_base64: String,
}

impl SetAside {
    /// Opens the file, and reads what it holds.
    pub(super) fn file(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let mut places = HashSet::new();
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        let mut is_open = false;
        for line in BufReader::new(&file).split(b'\n') {
            // A line that a crash cut short is followed by a new one.
            let place = serde_json::from_slice::<Place>(&line.map_err(failed)?);
            is_open = place.is_err();
            places.extend(place);
        }
        if is_open {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self::File(Mutex::new(Kept { path: path.to_owned(), file, places })))
    }

    /// Keeps a record; on return it is durable.
    pub(super) async fn keep(
        &self,
        partition: &StreamPartition,
        generation: u32,
        pending: Pending,
        most: u64,
    ) -> Result<(), Error> {
        let message = format!(
            "the record has {} bytes as Fluvio holds it, and at most {most} are taken",
            pending.record.size()
        );
        match self {
            Self::DeadLetters(sink) => {
                let Pending { offset, record } = pending;
                Ok(sink.keep_unmirrored(partition, generation, offset, message, record.value).await?)
            }
            Self::File(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.keep(partition, generation, &pending, message)
            }
        }
    }
}

impl Kept {
    fn keep(
        &mut self,
        partition: &StreamPartition,
        generation: u32,
        pending: &Pending,
        message: String,
    ) -> Result<(), Error> {
        let place = Place {
            topic: partition.stream.clone(),
            partition: partition.partition,
            generation,
            offset: pending.offset,
        };
        if self.places.contains(&place) {
            return Ok(());
        }
        let line = Line {
            place: &place,
            code: TOO_LARGE,
            message,
            key: String::from_utf8_lossy(&pending.record.key),
            value_base64: STANDARD.encode(&pending.record.value),
        };
        let mut text = serde_json::to_vec(&line).expect("a line is plain JSON");
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.map_err(|source| Error::File { path: self.path.clone(), source })?;
        self.places.insert(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Outgoing;

    #[tokio::test]
    async fn a_record_is_kept_once_and_whole_and_a_cut_line_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aside.ndjson");
        let partition = StreamPartition { stream: "voc.events".to_owned(), partition: 1 };
        let record = Outgoing { timestamp_ms: 0, key: "{}".into(), value: vec![0xff, 0x00].into() };
        let pending = |offset| Pending { offset, record: record.clone() };
        for _ in 0..2 {
            let aside = SetAside::file(&path).unwrap();
            aside.keep(&partition, 1, pending(7), 10).await.unwrap();
            aside.keep(&partition, 1, pending(7), 10).await.unwrap();
        }
        std::fs::write(&path, [std::fs::read(&path).unwrap(), b"{\"topic\":\"vo".to_vec()].concat()).unwrap();
        SetAside::file(&path).unwrap().keep(&partition, 1, pending(8), 10).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[0].contains("\"offset\":7") && lines[0].contains("\"value_base64\":\"/wA=\""),
            "{text}"
        );
        assert!(lines[2].contains("\"offset\":8"), "{text}");
    }
}
