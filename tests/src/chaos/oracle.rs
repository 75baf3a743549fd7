//! Whether what is stored is what was sent: two oracles that compare sets and know nothing of each other.
//!
//! The *physical* one looks at origins, without `FINAL`: each once in the ledger, and each a row, a dead letter
//! or a gap. The *logical* one looks at events, with `FINAL`: each once, its content as the contract says.

mod compare;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Topology;
use super::services::PARTITIONS;
use crate::harness::clickhouse::Database;
use crate::harness::input;
use crate::harness::oracle::Oracle;
use crate::harness::stage::STREAM;
use crate::harness::stored::{DEAD_LETTER, EVENT};
pub use compare::Differences;

/// What was found, of origins or events that were sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// How many origins were sent.
    pub origins: u64,
    /// What the physical oracle says.
    pub physical: Differences,
    /// How many events those are.
    pub events: u64,
    /// What the logical oracle says.
    pub logical: Differences,
}

impl Verdict {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.physical.is_none() && self.logical.is_none()
    }

    /// Adds that of another stage.
    pub fn add(&mut self, other: Self) {
        self.origins += other.origins;
        self.events += other.events;
        self.physical.add(other.physical);
        self.logical.add(other.logical);
    }
}

/// What is looked at.
pub struct Subject<'a> {
    /// Where everything is stored.
    pub database: &'a Database,
    /// What was sent: the generations of a file, or the partitions of a Kafka topic.
    pub files: Vec<PathBuf>,
    /// Which of them.
    pub topology: Topology,
    /// Where each partition in Fluvio ended whenever the topic of Kafka was made anew.
    pub ends: &'a [Vec<u64>],
    /// How many inserts were refused once as if a row were at fault. An insert of one row alone makes that row a
    /// dead letter.
    pub refusals: u64,
    /// Whether events are read with `FINAL`.
    pub has_final: bool,
}

/// A row's place among what was sent: the number of the file and of the line in it.
type Place = (usize, u64);

impl Subject<'_> {
    /// Asks both.
    ///
    /// # Panics
    /// Where ClickHouse does not answer, or what it says makes no sense.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        let sent: Vec<Oracle> = self.files.iter().map(|file| Oracle::of(input::read(file))).collect();
        let refused = self.refused(&sent);
        let mut verdict = Verdict { origins: sent.iter().map(Oracle::records).sum(), ..Verdict::default() };
        verdict.physical = self.physical(&sent, &refused);
        let expected = Oracle::distinct(&sent.iter().collect::<Vec<_>>());
        verdict.events = expected.len() as u64;
        verdict.logical = self.logical(expected, &sent, &refused);
        verdict
    }

    fn physical(&self, sent: &[Oracle], refused: &BTreeSet<Place>) -> Differences {
        let mut found = match self.topology {
            Topology::OneMachine => self.origins_of_files(sent),
            Topology::Cluster => self.origins_of_topic(sent),
        };
        let table = |oracle: fn(&Oracle) -> &BTreeMap<u64, String>| -> BTreeMap<Place, String> {
            let rows = sent.iter().enumerate().flat_map(|(file, sent)| {
                oracle(sent).iter().map(move |(line, row)| ((file, *line), row.clone()))
            });
            rows.collect()
        };
        // Every dead letter has its row.
        let letters = self.rows("voc_dead_letters", DEAD_LETTER);
        let letters = letters.into_iter().filter(|(place, _)| !refused.contains(place)).collect();
        found.add(compare::all("dead letter", &table(|oracle| &oracle.dead_letters), letters));
        // Of an event that was sent twice a merge keeps one row: some may be missing here, which is for the logical
        // oracle to see; none may be there twice, or differ.
        let events = self.rows("voc_events", EVENT);
        found.add(compare::known("event", &table(|oracle| &oracle.events), events));
        found
    }

    /// The ledger of a file: a generation for each, and its lines the offsets.
    fn origins_of_files(&self, sent: &[Oracle]) -> Differences {
        let mut found = Differences::default();
        let mut foreign =
            BTreeSet::from_iter(self.database.lines("SELECT DISTINCT origin_stream FROM voc_origins"));
        for (file, sent) in sent.iter().enumerate() {
            let stream = format!("{STREAM}#{}", file + 1);
            foreign.remove(&stream);
            let place = format!("origin_stream = '{stream}' AND origin_partition = 0");
            found.add(compare::origins(&stream, sent.records(), &self.ledger(&place)));
        }
        found.altered += foreign.len() as u64;
        found.describe(foreign.iter().map(|stream| format!("a stream that nobody sent: {stream}")));
        found
    }

    /// The ledger of a topic: its offsets are Fluvio's. Every one is a row's or a gap's; and there are as many rows as
    /// records were sent.
    fn origins_of_topic(&self, sent: &[Oracle]) -> Differences {
        let mut found = Differences::default();
        let mut distinct = 0;
        for partition in 0..PARTITIONS {
            let place = format!("origin_partition = {partition}");
            let ledger = self.ledger(&place);
            distinct += ledger.offsets.len() as u64;
            let end = ledger.offsets.iter().chain(&ledger.gaps).max().map_or(0, |last| last + 1);
            let sent: u64 = sent.iter().skip(partition).step_by(PARTITIONS).map(Oracle::records).sum();
            found.add(compare::origins(&format!("partition {partition}"), end, &ledger));
            if (ledger.offsets.len() as u64) < sent {
                found.lost += sent - ledger.offsets.len() as u64;
                found.describe([format!(
                    "partition {partition}: {sent} sent, {} stored",
                    ledger.offsets.len()
                )]);
            }
        }
        let records: u64 = sent.iter().map(Oracle::records).sum();
        found.doubled += distinct.saturating_sub(records);
        found
    }

    fn ledger(&self, place: &str) -> compare::Ledger {
        let numbers = |sql: String| self.database.lines(&sql).iter().map(|line| number(line)).collect();
        compare::Ledger {
            rows: self.database.number(&format!("SELECT sum(rows) FROM voc_origins WHERE {place}")),
            offsets: numbers(format!(
                "SELECT arrayJoin(bitmapToArray(groupBitmapMergeState(offsets))) FROM voc_origins WHERE {place}"
            )),
            gaps: numbers(format!(
                "SELECT arrayJoin(range(first_offset, last_offset + 1)) FROM voc_gaps FINAL WHERE {place}"
            )),
        }
    }

    fn logical(&self, expected: BTreeSet<String>, sent: &[Oracle], refused: &BTreeSet<Place>) -> Differences {
        let merged = if self.has_final { "FINAL" } else { "" };
        let found = self.database.lines(&format!("SELECT {EVENT} FROM voc_events {merged}"));
        let rows = refused.iter().filter_map(|(file, line)| sent[*file].events.get(line));
        compare::events(expected, found, &rows.cloned().collect())
    }

    /// Rows by their place, without `FINAL`: a place may come more than once.
    fn rows(&self, table: &str, columns: &str) -> Vec<(Place, String)> {
        let place = match self.topology {
            Topology::OneMachine => {
                "toUInt32(splitByChar('#', origin_stream)[-1]) - 1, origin_offset".to_owned()
            }
            Topology::Cluster => format!("source_partition + {}, source_offset", self.files_before()),
        };
        let lines = self.database.lines(&format!("SELECT {place}, {columns} FROM {table}"));
        let rows = lines.iter().map(|line| {
            let mut fields = line.splitn(3, '\t');
            let mut next = || fields.next().unwrap_or_default();
            let file = usize::try_from(number(next())).unwrap_or(usize::MAX);
            ((file, number(next())), next().to_owned())
        });
        rows.collect()
    }

    /// How many files lie before those of a row's topic, as it was when it was sent.
    fn files_before(&self) -> String {
        let ends = self.ends.iter().map(|ends| {
            let ends: Vec<String> = ends.iter().map(u64::to_string).collect();
            format!(" + (origin_offset >= [{}][origin_partition + 1])", ends.join(", "))
        });
        format!("{PARTITIONS} * (0{})", ends.collect::<String>())
    }

    /// Events that are dead letters because their insert was refused: no more than there were refusals.
    fn refused(&self, sent: &[Oracle]) -> BTreeSet<Place> {
        let letters = self.rows("voc_dead_letters", "code");
        let refused = letters.into_iter().filter(|((file, line), code)| {
            code == "refused" && sent.get(*file).is_some_and(|sent| sent.events.contains_key(line))
        });
        refused.map(|(place, _)| place).take(usize::try_from(self.refusals).unwrap_or(usize::MAX)).collect()
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}
