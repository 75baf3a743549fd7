//! The log of a long campaign: a line of JSON for each stage that ended, so that a later run goes on with seeds
//! that have not been.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::oracle::Verdict;

/// Some cycles of a campaign.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The campaign's seed.
    pub seed: u64,
    /// Its topology.
    pub topology: String,
    /// The layer that was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Number of the first cycle.
    pub first_cycle: u64,
    /// How many.
    pub cycles: u64,
    /// How long they took, all in all.
    pub seconds: f64,
    /// What the oracles said.
    pub verdict: Verdict,
    /// What went wrong otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The seed behind the last one of the log; none where there is no log yet.
///
/// # Errors
/// The file cannot be read, or is no such log.
pub fn next_seed(path: &Path) -> io::Result<Option<u64>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let mut last = None;
    for line in text.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        last = last.max(Some(entry.seed));
    }
    Ok(last.map(|last| last.wrapping_add(1)))
}

/// Appends an entry.
///
/// # Errors
/// The file cannot be written.
pub fn append(path: &Path, entry: &Entry) -> io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    File::options().create(true).append(true).open(path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_goes_on_behind_the_last_seed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("campaign.log");
        assert_eq!(next_seed(&path).unwrap(), None);
        for (seed, first_cycle) in [(7, 0), (7, 40), (8, 0)] {
            let entry = Entry {
                seed,
                topology: "one-machine".to_owned(),
                without: None,
                first_cycle,
                cycles: 40,
                seconds: 1.5,
                verdict: Verdict::default(),
                failure: None,
            };
            append(&path, &entry).unwrap();
        }
        assert_eq!(next_seed(&path).unwrap(), Some(9));
        append(
            &path,
            &Entry {
                seed: 3,
                ..serde_json::from_str(fs::read_to_string(&path).unwrap().lines().next().unwrap()).unwrap()
            },
        )
        .unwrap();
        assert_eq!(next_seed(&path).unwrap(), Some(9));
        fs::write(&path, "no log\n").unwrap();
        assert!(next_seed(&path).is_err());
    }
}
