//! What a killed engine leaves half done: insert tokens of rows that were never stored.
//!
//! A MergeTree table with `non_replicated_deduplication_window` writes the token of a block to its
//! log *before* it makes the block's part visible. Killed in between, it remembers rows that it does
//! not have, and silently drops the retry that would bring them. So before the engine opens a folder,
//! every remembered block without a part is forgotten, in the words of the log itself.

use std::collections::HashMap;
use std::fs::{self, DirEntry, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The operations in a deduplication log.
const ADD: &str = "1";
const DROP: &str = "2";

/// A part's name: `partition_firstblock_lastblock_level`, and perhaps a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    partition: String,
    first: u64,
    last: u64,
}

impl Part {
    /// None: the name is no part's (`tmp_insert_…`, `detached`, …).
    fn parse(name: &str) -> Option<Self> {
        let fields: Vec<_> = name.split('_').collect();
        let ([partition, first, last, _level] | [partition, first, last, _level, _]) = fields[..] else {
            return None;
        };
        Some(Self { partition: partition.to_owned(), first: first.parse().ok()?, last: last.parse().ok()? })
    }

    fn covers(&self, other: &Self) -> bool {
        self.partition == other.partition && self.first <= other.first && other.last <= self.last
    }
}

/// Repairs every table of the folder; the engine must not be running. Gives the number of tokens
/// that were forgotten.
///
/// # Errors
/// The folder cannot be read, or a log cannot be written.
pub(crate) fn forget_lost_blocks(path: &Path) -> io::Result<usize> {
    let mut forgotten = 0;
    for root in ["store", "data"] {
        forgotten += search(&path.join(root), 4)?;
    }
    Ok(forgotten)
}

/// Looks for tables in real folders, links left out, at most `depth` levels down.
fn search(folder: &Path, depth: usize) -> io::Result<usize> {
    let mut forgotten = 0;
    for entry in entries(folder)? {
        if !entry.file_type()?.is_dir() {
            continue;
        }
        if entry.file_name() == "deduplication_logs" {
            forgotten += repair(folder, &entry.path())?;
        } else if depth > 0 {
            forgotten += search(&entry.path(), depth - 1)?;
        }
    }
    Ok(forgotten)
}

/// The entries of a folder; of one that is not there, none.
fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Repairs one table.
fn repair(table: &Path, logs: &Path) -> io::Result<usize> {
    let parts: Vec<Part> =
        entries(table)?.iter().filter_map(|entry| Part::parse(entry.file_name().to_str()?)).collect();
    let mut files: Vec<(u64, PathBuf)> = entries(logs)?
        .into_iter()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number =
                name.to_str()?.strip_prefix("deduplication_log_")?.strip_suffix(".txt")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    files.sort();
    let Some((_, newest)) = files.last() else { return Ok(0) };
    // Block id to part, as the engine itself would remember them.
    let mut remembered = HashMap::new();
    for (_, file) in &files {
        for line in fs::read_to_string(file)?.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                [ADD, part, block] => drop(remembered.insert(block.to_owned(), part.to_owned())),
                [DROP, _, block] => drop(remembered.remove(block)),
                _ => {}
            }
        }
    }
    let stored =
        |name: &str| Part::parse(name).is_none_or(|lost| parts.iter().any(|part| part.covers(&lost)));
    remembered.retain(|_, part| !stored(part));
    if !remembered.is_empty() {
        let lines: String =
            remembered.iter().map(|(block, part)| format!("{DROP}\t{part}\t{block}\n")).collect();
        let mut log = OpenOptions::new().append(true).open(newest)?;
        log.write_all(lines.as_bytes())?;
        log.sync_all()?;
    }
    Ok(remembered.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_without_a_part_are_forgotten_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("store/abc/uuid");
        for part in [
            "0-2023_1_1_0",
            "0-2023_2_7_1",
            "1-2023_8_8_1_9",
            "tmp_insert_0-2023_9_9_0",
            "deduplication_logs",
        ] {
            fs::create_dir_all(table.join(part)).unwrap();
        }
        let (first, second) =
            ("deduplication_logs/deduplication_log_9.txt", "deduplication_logs/deduplication_log_10.txt");
        let log = "1\t0-2023_1_1_0\ta\n1\t0-2023_5_5_0\tb\n1\t1-2023_5_5_0\tlost1\n1\t0-2023_3_3_0\tgone\n";
        fs::write(table.join(first), log).unwrap();
        fs::write(table.join(second), "2\t0-2023_3_3_0\tgone\n1\t1-2023_8_8_1\tc\n1\t0-2023_9_9_0\tlost2\n")
            .unwrap();
        assert_eq!(forget_lost_blocks(folder.path()).unwrap(), 2);
        let after = fs::read_to_string(table.join(second)).unwrap();
        let mut added: Vec<_> = after.lines().skip(3).collect();
        added.sort_unstable();
        assert_eq!(added, ["2\t0-2023_9_9_0\tlost2", "2\t1-2023_5_5_0\tlost1"]);
        assert_eq!(fs::read_to_string(table.join(first)).unwrap(), log);
        assert_eq!(forget_lost_blocks(folder.path()).unwrap(), 0, "once is enough");
    }

    #[test]
    fn a_new_folder_needs_no_repair() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(forget_lost_blocks(folder.path()).unwrap(), 0);
    }
}
