//! The SmartModule alone: NDJSON in, envelopes out, line for line, through the compiled module.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use crate::source::file::lines::Lines;
use crate::stream::StreamPartition;
use crate::transform::{self, Enveloped, Transform};

/// Why annotating ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The SmartModule does not run.
    #[error(transparent)]
    Transform(#[from] transform::Error),
    /// `--param` without a value.
    #[error("--param {0}: expected NAME=VALUE")]
    Param(String),
    /// Input or output failed.
    #[error("cannot read or write: {0}")]
    Stream(#[from] std::io::Error),
}

/// Annotates every line of `input`. A line's own time is the time of reading.
///
/// # Errors
/// The first [`Error`]; that nobody reads the output any more is none.
pub fn run(wasm: &Path, params: &[String], mut input: impl Read, output: impl Write) -> Result<(), Error> {
    let with: BTreeMap<String, String> = params
        .iter()
        .map(|param| {
            let (name, value) = param.split_once('=').ok_or_else(|| Error::Param(param.clone()))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect::<Result<_, Error>>()?;
    let mut transform = Transform::start(wasm, &with)?;
    let partition = StreamPartition { stream: "standard input".to_owned(), partition: 0 };
    let mut lines = Lines::new(Arc::new(partition));
    let mut output = BufWriter::new(output);
    loop {
        let is_at_end = lines.read_block(&mut input)? == 0;
        let mut chunks: Vec<_> = lines.chunks(chrono::Utc::now().timestamp_millis()).collect();
        if is_at_end {
            chunks.extend(lines.finish());
        }
        for chunk in chunks {
            for Enveloped { envelope, .. } in transform.annotate(chunk)?.envelopes {
                output.write_all(&envelope)?;
                output.write_all(b"\n")?;
            }
        }
        output.flush()?;
        if is_at_end {
            return Ok(());
        }
    }
}
