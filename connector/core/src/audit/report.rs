//! What an audit found, for people and for programs. Pure.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::sink::audit::Standing;

/// Most findings of a partition that are kept and printed.
const NAMED: usize = 1_000;

/// The result of one audit.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of this audit, in `voc_audits`.
    pub id: Uuid,
    /// Milliseconds since 1970.
    pub audited_at: i64,
    /// Every partition.
    pub partitions: Vec<Partition>,
}

/// The result for one partition; counts are of offsets below its checkpoint.
#[derive(Debug, Clone)]
pub struct Partition {
    /// The partition, and how far it was looked at.
    pub standing: Standing,
    /// Must be accounted for.
    pub expected: u64,
    /// Have a row: an event or a dead letter.
    pub stored: u64,
    /// Were skipped for good, with a reason in `voc_gaps`.
    pub gaps: u64,
    /// Have no row because an equal event came later.
    pub replaced: u64,
    /// Were erased on purpose.
    pub erased: u64,
    /// Nothing accounts for them.
    pub missing: Vec<u64>,
    /// Rows or the ledger hold them more than once.
    pub doubled: Vec<u64>,
    /// Stored, and not in the ledger.
    pub unledgered: Vec<u64>,
    /// Why records could not be looked up in the stream, where that was needed.
    pub note: Option<String>,
}

/// What is wrong with a run of offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing accounts for them.
    Missing,
    /// Rows or the ledger hold them more than once.
    Doubled,
    /// Stored, and not in the ledger.
    Unledgered,
}

/// A run of offsets with something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// The first offset.
    pub first: u64,
    /// The last, itself part of the run.
    pub last: u64,
}

impl Report {
    /// Whether every offset is accounted for, once.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.partitions.iter().all(Partition::is_clean)
    }
}

impl Partition {
    /// Whether every offset is accounted for, once.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.doubled.is_empty() && self.unledgered.is_empty()
    }

    /// What is wrong, in runs.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        let kinds = [
            (Kind::Missing, &self.missing),
            (Kind::Doubled, &self.doubled),
            (Kind::Unledgered, &self.unledgered),
        ];
        kinds
            .into_iter()
            .flat_map(|(kind, offsets)| runs(offsets).map(move |(first, last)| Finding { kind, first, last }))
    }

    pub(super) fn findings_json(&self) -> String {
        let findings: Vec<Finding> = self.findings().take(NAMED).collect();
        serde_json::to_string(&findings).expect("findings are plain JSON")
    }
}

/// Offsets in their order as runs of neighbours: first and last.
fn runs(offsets: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    offsets
        .chunk_by(|before, after| before.checked_add(1) == Some(*after))
        .map(|run| (run[0], run[run.len() - 1]))
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "missing",
            Self::Doubled => "doubled",
            Self::Unledgered => "not in the ledger",
        })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { standing, expected, stored, gaps, replaced, erased, .. } = self;
        write!(
            formatter,
            "{:<6}  {} to {}: {expected} expected, {stored} stored, {gaps} gaps, {replaced} replaced, {erased} erased, \
             {} missing, {} doubled, {} not in the ledger",
            if self.is_clean() { "ok" } else { "WRONG" },
            standing.origin,
            standing.to_offset,
            self.missing.len(),
            self.doubled.len(),
            self.unledgered.len(),
        )?;
        for Finding { kind, first, last } in self.findings().take(NAMED) {
            write!(formatter, "\n        {kind}: {first}")?;
            if last > first {
                write!(formatter, " to {last}")?;
            }
        }
        if let Some(note) = &self.note {
            write!(formatter, "\n        not looked up in the stream: {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Origin;

    #[test]
    fn offsets_become_runs() {
        assert_eq!(runs(&[]).next(), None);
        assert_eq!(runs(&[3, 4, 5, 7, u64::MAX]).collect::<Vec<_>>(), [(3, 5), (7, 7), (u64::MAX, u64::MAX)]);
    }

    #[test]
    fn a_report_names_what_is_wrong_and_where() {
        let origin = Origin { stream: "a#1".to_owned(), partition: 2, epoch: 0 };
        let mut partition = Partition {
            standing: Standing { origin, to_offset: 10, bookmark: String::new() },
            expected: 10,
            stored: 8,
            gaps: 0,
            replaced: 0,
            erased: 0,
            missing: vec![4, 5],
            doubled: vec![9],
            unledgered: Vec::new(),
            note: None,
        };
        assert!(!partition.is_clean());
        assert_eq!(
            partition.to_string(),
            "WRONG   a#1/2 to 10: 10 expected, 8 stored, 0 gaps, 0 replaced, 0 erased, 2 missing, 1 doubled, \
             0 not in the ledger\n        missing: 4 to 5\n        doubled: 9"
        );
        let json = r#"[{"kind":"missing","first":4,"last":5},{"kind":"doubled","first":9,"last":9}]"#;
        assert_eq!(partition.findings_json(), json);
        (partition.missing, partition.doubled) = (Vec::new(), Vec::new());
        assert!(partition.is_clean() && partition.to_string().starts_with("ok "));
    }
}
