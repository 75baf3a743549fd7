//! What records must become, by the contract compiled natively: no engine, no batches, no ClickHouse.
//!
//! A row is written down as one line of text, the same that [`super::stored`] asks ClickHouse for, its
//! payload as a digest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use sha2::{Digest, Sha256};
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::timestamp::parse_rfc3339;
use voc_smartmodule::transform::{annotate, tenant_of};

use super::input::now_ms;

/// What the records of one partition must become.
#[derive(Debug, Default, Clone)]
pub struct Oracle {
    /// Accepted records: the event's row by offset.
    pub events: BTreeMap<u64, String>,
    /// Rejected records: the dead letter's row by offset.
    pub dead_letters: BTreeMap<u64, String>,
    /// Accepted records by code of rejection.
    pub rejections: BTreeMap<String, u64>,
    /// The row of each event by its identity: of several records of one event, the last.
    identities: BTreeMap<String, String>,
}

impl Oracle {
    /// Of lines that are read about now, with the contract's own limits.
    pub fn of<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>) -> Self {
        Self::with(lines, &Params::default())
    }

    /// The same with other limits.
    ///
    /// # Panics
    /// Where the transform makes no envelope: the other tests say why.
    pub fn with<L: AsRef<[u8]>>(lines: impl IntoIterator<Item = L>, params: &Params) -> Self {
        let mut oracle = Self::default();
        let mut envelope = Vec::new();
        for (offset, line) in (0..).zip(lines) {
            let line = line.as_ref();
            envelope.clear();
            annotate(line, now_ms(), params, &mut envelope);
            match Envelope::read(&envelope).expect("an envelope") {
                Envelope::Accepted(accepted) => {
                    let event = &accepted.event;
                    let time = parse_rfc3339(event.timestamp).expect("a time");
                    let identity = format!("{}\t{}\t{time}", hex(event.tenant_id.as_bytes()), event.event_id);
                    let score = accepted.sentiment.map_or("null".to_owned(), |score| score.to_string());
                    let version = accepted.annotation_version();
                    let annotation = accepted.annotation.map(|annotation| {
                        (annotation.label, annotation.language.unwrap_or_default(), annotation.json)
                    });
                    let (label, language, json) = annotation.unwrap_or_default();
                    let is_unclear = u8::from(label == "unclear");
                    let row = format!(
                        "{identity}\t{}\t1\t{score}\t{label}\t{is_unclear}\t{language}\t{version}\t{}\t{}",
                        event.event_type,
                        digest(json.as_bytes()),
                        digest(line)
                    );
                    oracle.events.insert(offset, row.clone());
                    oracle.identities.insert(identity, row);
                }
                Envelope::Rejected(rejected) => {
                    *oracle.rejections.entry(rejected.code.to_owned()).or_default() += 1;
                    let field = rejected.field.unwrap_or_default();
                    oracle.dead_letters.insert(offset, dead_letter(rejected.code, &field, line));
                }
            }
        }
        oracle
    }

    /// A record that ClickHouse must refuse though the contract accepts it.
    pub fn refuse(&mut self, offset: u64, line: &[u8]) {
        let row = self.events.remove(&offset);
        self.identities.retain(|_, other| Some(&*other) != row.as_ref());
        self.dead_letters.insert(offset, dead_letter("refused", "", line));
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        (self.events.len() + self.dead_letters.len()) as u64
    }

    /// The rows of all distinct events of several partitions.
    pub fn distinct(oracles: &[&Self]) -> BTreeSet<String> {
        let mut identities = BTreeMap::new();
        for oracle in oracles {
            identities.extend(&oracle.identities);
        }
        identities.into_values().cloned().collect()
    }
}

fn dead_letter(code: &str, field: &str, original: &[u8]) -> String {
    let tenant = tenant_of(original, &Params::default()).unwrap_or_default();
    format!("{}\t{code}\t{}\t{}", hex(tenant.as_bytes()), hex(field.as_bytes()), digest(original))
}

/// Upper-case, as ClickHouse's own `hex`.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
