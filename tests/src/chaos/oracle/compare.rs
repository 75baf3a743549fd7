//! What differs between two sets: lost, doubled and altered counted apart, and the first few described.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How many differences of each look are described.
const DESCRIBED: usize = 5;

/// Differences, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    /// Sent and not stored.
    pub lost: u64,
    /// Stored more than once.
    pub doubled: u64,
    /// Stored with another content, or never sent.
    pub altered: u64,
    /// The first of them, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Differences {
    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        (self.lost, self.doubled, self.altered) == (0, 0, 0)
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.altered += other.altered;
        self.examples.extend(other.examples);
    }

    /// Describes some.
    pub fn describe(&mut self, examples: impl IntoIterator<Item = String>) {
        self.examples.extend(examples.into_iter().take(DESCRIBED));
    }
}

/// What the ledger says of a partition.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Offsets, counted as often as they were stored.
    pub rows: u64,
    /// Each once.
    pub offsets: BTreeSet<u64>,
    /// Those that were skipped for good.
    pub gaps: BTreeSet<u64>,
}

/// Offsets from 0 to `end`: each must be stored once, or skipped for good.
pub(super) fn origins(name: &str, end: u64, ledger: &Ledger) -> Differences {
    let lost: Vec<u64> =
        (0..end).filter(|offset| !ledger.offsets.contains(offset) && !ledger.gaps.contains(offset)).collect();
    let foreign: Vec<&u64> = ledger.offsets.range(end..).collect();
    let both: Vec<&u64> = ledger.offsets.intersection(&ledger.gaps).collect();
    let again = ledger.rows.saturating_sub(ledger.offsets.len() as u64);
    let mut found = Differences {
        lost: lost.len() as u64,
        doubled: again + both.len() as u64,
        altered: foreign.len() as u64,
        examples: Vec::new(),
    };
    found.describe(lost.iter().map(|offset| format!("{name}: offset {offset} is lost")));
    found.describe((again > 0).then(|| format!("{name}: the ledger has {again} offsets too many")));
    found.describe(both.iter().map(|offset| format!("{name}: offset {offset} is stored, and a gap")));
    found.describe(foreign.iter().map(|offset| format!("{name}: offset {offset} was never sent")));
    found
}

/// Rows by their place: each must be there once, and no other.
pub(super) fn all<P: Ord + std::fmt::Debug>(
    name: &str,
    expected: &BTreeMap<P, String>,
    found: Vec<(P, String)>,
) -> Differences {
    let places: BTreeSet<&P> = found.iter().map(|(place, _)| place).collect();
    let lost: Vec<&P> = expected.keys().filter(|place| !places.contains(place)).collect();
    let mut differences = Differences { lost: lost.len() as u64, ..Differences::default() };
    differences.describe(lost.iter().map(|place| format!("{name} {place:?} is lost")));
    differences.add(known(name, expected, found));
    differences
}

/// Rows by their place: none may be there twice, and none that was not expected.
pub(super) fn known<P: Ord + std::fmt::Debug>(
    name: &str,
    expected: &BTreeMap<P, String>,
    found: Vec<(P, String)>,
) -> Differences {
    let mut differences = Differences::default();
    let mut seen = BTreeSet::new();
    for (place, row) in found {
        let is_expected = expected.get(&place) == Some(&row);
        if !is_expected {
            differences.altered += 1;
            differences.describe([format!("{name} {place:?} is {row}, not {:?}", expected.get(&place))]);
        }
        let example = format!("{name} {place:?} is there twice");
        if !seen.insert(place) {
            differences.doubled += 1;
            differences.describe([example]);
        }
        differences.examples.truncate(2 * DESCRIBED);
    }
    differences
}

/// The identity of an event's row: tenant, id and time are its first three columns.
fn identity(row: &str) -> &str {
    row.match_indices('\t').nth(2).map_or(row, |(end, _)| &row[..end])
}

/// Rows of events: each identity once, with what is expected of it. Those that were refused may be missing.
pub(super) fn events(
    expected: BTreeSet<String>,
    found: Vec<String>,
    refused: &BTreeSet<String>,
) -> Differences {
    let expected: BTreeMap<String, String> =
        expected.into_iter().map(|row| (identity(&row).to_owned(), row)).collect();
    let mut identities: BTreeSet<&str> = found.iter().map(|row| identity(row)).collect();
    identities.extend(refused.iter().map(|row| identity(row)));
    let lost: Vec<&String> =
        expected.keys().filter(|identity| !identities.contains(identity.as_str())).collect();
    let mut differences = Differences { lost: lost.len() as u64, ..Differences::default() };
    differences.describe(lost.iter().map(|identity| format!("event {identity} is lost")));
    let rows = found.into_iter().map(|row| (identity(&row).to_owned(), row)).collect();
    differences.add(known("event", &expected, rows));
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u32, payload: &str) -> String {
        format!("tenant\t{id}\t1000\tcall\t1\t0.5\t{payload}")
    }

    fn counts(differences: &Differences) -> (u64, u64, u64) {
        (differences.lost, differences.doubled, differences.altered)
    }

    #[test]
    fn an_origin_that_is_lost_doubled_or_foreign_is_found() {
        let ledger = |rows, offsets: &[u64], gaps: &[u64]| Ledger {
            rows,
            offsets: offsets.iter().copied().collect(),
            gaps: gaps.iter().copied().collect(),
        };
        let check =
            |ledger: Ledger, expected| assert_eq!(counts(&origins("p", 4, &ledger)), expected, "{ledger:?}");
        check(ledger(4, &[0, 1, 2, 3], &[]), (0, 0, 0));
        check(ledger(3, &[0, 1, 3], &[2]), (0, 0, 0));
        check(ledger(3, &[0, 1, 3], &[]), (1, 0, 0));
        check(ledger(6, &[0, 1, 2, 3], &[]), (0, 2, 0));
        check(ledger(4, &[0, 1, 2, 3], &[3]), (0, 1, 0));
        check(ledger(5, &[0, 1, 2, 3, 4], &[]), (0, 0, 1));
    }

    #[test]
    fn an_event_that_is_lost_doubled_or_altered_is_found() {
        let expected = BTreeSet::from([row(1, "a"), row(2, "b")]);
        let check = |found: &[String], expected_counts| {
            let found = events(expected.clone(), found.to_vec(), &BTreeSet::new());
            assert_eq!(counts(&found), expected_counts, "{found:?}");
            assert_eq!(found.is_none(), found.examples.is_empty());
        };
        check(&[row(1, "a"), row(2, "b")], (0, 0, 0));
        check(&[row(1, "a")], (1, 0, 0));
        check(&[row(1, "a"), row(2, "b"), row(1, "a")], (0, 1, 0));
        check(&[row(1, "a"), row(2, "c")], (0, 0, 1));
        check(&[row(1, "a"), row(2, "b"), row(3, "c")], (0, 0, 1));
        let refused = BTreeSet::from([row(2, "b")]);
        assert!(events(expected.clone(), vec![row(1, "a")], &refused).is_none());
    }

    #[test]
    fn a_row_is_held_against_its_own_place() {
        let expected = BTreeMap::from([(1, row(1, "a")), (2, row(2, "b"))]);
        let check = |found: &[(u64, String)], expected_counts| {
            assert_eq!(counts(&all("row", &expected, found.to_vec())), expected_counts, "{found:?}");
        };
        check(&[(1, row(1, "a")), (2, row(2, "b"))], (0, 0, 0));
        check(&[(1, row(1, "a"))], (1, 0, 0));
        check(&[(1, row(2, "b")), (2, row(2, "b"))], (0, 0, 1));
        check(&[(1, row(1, "a")), (1, row(1, "a")), (2, row(2, "b"))], (0, 1, 0));
        assert!(known("row", &expected, vec![(2, row(2, "b"))]).is_none());
    }
}
