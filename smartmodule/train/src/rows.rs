//! Labelled rows as files have them: `label TAB text`, the label -1, 0 or 1.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use voc_smartmodule::sentiment::explain::escaped;
use voc_smartmodule::sentiment::language::vote;
use voc_smartmodule::sentiment::memo::Memo;
use voc_smartmodule::sentiment::model::{BUILT_IN, Language};
use voc_smartmodule::sentiment::word::Key;

/// One file in this many rows is held out: not trained on, but reported.
const HELD_OUT: u64 = 7;

/// A file with its rows.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) language: Language,
    /// What each of its rows counts in the training.
    pub(crate) weight: f32,
    pub(crate) rows: Vec<Row>,
}

/// A labelled text.
pub(crate) struct Row {
    /// 0 negative, 1 neutral, 2 positive.
    pub(crate) class: usize,
    /// As it would stand between the quotes of a JSON string.
    pub(crate) text: String,
    pub(crate) is_held_out: bool,
}

/// Reads `PATH` or `PATH=WEIGHT`: a file, or the `.tsv` files of a folder by their names.
pub(crate) fn read(argument: &str) -> Result<Vec<Set>> {
    let (path, weight) = match argument.rsplit_once('=') {
        Some((path, weight)) => (PathBuf::from(path), weight.parse().context("PATH=WEIGHT")?),
        None => (PathBuf::from(argument), 1.0),
    };
    let mut files = vec![path.clone()];
    if path.is_dir() {
        let entries = std::fs::read_dir(&path)?.map(|entry| Ok(entry?.path()));
        files = entries.collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "tsv"));
        files.sort();
    }
    files.iter().map(|file| read_file(file, weight)).collect()
}

/// Reads one file. The language is the one that most of its rows speak.
fn read_file(path: &Path, weight: f32) -> Result<Set> {
    let content = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(content.lines()) {
        let Some((label, text)) = line.split_once('\t') else {
            bail!("{}:{number}: expected a label, a tab and a text", path.display())
        };
        let class = match label {
            "-1" => 0,
            "0" => 1,
            "1" => 2,
            _ => bail!("{}:{number}: the label {label} is none of -1, 0 and 1", path.display()),
        };
        let text = escaped(text);
        let is_held_out = hash(&text).is_multiple_of(HELD_OUT);
        rows.push(Row { class, text, is_held_out });
    }
    let language = language_of(&rows);
    let name = path.file_name().unwrap_or(Path::new("").as_os_str()).to_string_lossy().into_owned();
    Ok(Set { name, language, weight, rows })
}

fn language_of(rows: &[Row]) -> Language {
    let mut memo = Memo::new(BUILT_IN.table);
    let votes = rows.iter().map(|row| vote([row.text.as_str()], &mut memo));
    let portuguese = votes.filter(|language| *language == Language::Portuguese).count();
    if portuguese * 2 > rows.len() { Language::Portuguese } else { Language::English }
}

fn hash(text: &str) -> u64 {
    text.as_bytes().chunks(24).fold(1, |hash: u64, part| hash.rotate_left(9) ^ Key::new(part).hash())
}
