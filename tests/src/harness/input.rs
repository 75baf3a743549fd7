//! Input for the connector.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::generate::{Generator, Options};

/// The seed of this run's randomness: `VOC_SEED`, or another one each time. It is printed, so that a
/// run can be repeated.
///
/// # Panics
/// Where `VOC_SEED` is no number.
pub fn seed() -> u64 {
    let seed = std::env::var("VOC_SEED")
        .map_or_else(|_| RandomState::new().hash_one(()), |text| text.parse().expect("VOC_SEED is a number"));
    println!("VOC_SEED={seed}");
    seed
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// So many generated lines of a month until now, good ones, bad ones of every kind, some sent twice.
pub fn options(events: u64, seed: u64) -> Options {
    Options {
        events,
        tenants: 8,
        seed,
        until_ms: now_ms(),
        days: 30,
        bad_share: 0.08,
        resent_share: 0.02,
        too_large: 1,
    }
}

/// The generated lines, each without its line feed.
///
/// # Panics
/// Where the options make no sense.
pub fn lines(options: Options) -> Vec<Vec<u8>> {
    let mut generator = Generator::new(options).expect("options that make sense");
    std::iter::from_fn(|| {
        let mut line = Vec::new();
        generator.write_next(&mut line).map(|_| line)
    })
    .collect()
}

/// Writes lines to a new file, each with a line feed.
///
/// # Panics
/// Where it cannot be written.
pub fn write<L: AsRef<[u8]>>(path: &Path, lines: impl IntoIterator<Item = L>) {
    fs::write(path, b"").expect("a file can be written");
    append(path, lines);
}

/// Appends lines to a file, each with a line feed.
///
/// # Panics
/// Where it cannot be written.
pub fn append<L: AsRef<[u8]>>(path: &Path, lines: impl IntoIterator<Item = L>) {
    let file = File::options().append(true).open(path).expect("a file can be written");
    let mut file = BufWriter::new(file);
    for line in lines {
        file.write_all(line.as_ref()).and_then(|()| file.write_all(b"\n")).expect("a file can be written");
    }
    file.flush().expect("a file can be written");
}

/// The lines of a file, each without its line feed; one without it at the end counts.
///
/// # Panics
/// Where it cannot be read.
pub fn read(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// A call of this tenant, a minute old; its number is its id.
pub fn call(tenant: &str, number: u32) -> String {
    format!(
        r#"{{"event_id":"00000000-0000-4000-8000-{number:012}","tenant_id":"{tenant}","timestamp":{},"event_type":"call","transcript":"Good, thank you"}}"#,
        now_ms() - 60_000
    )
}
