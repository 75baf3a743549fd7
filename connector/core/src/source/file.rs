//! An NDJSON file as a stream: a line is a record, its number from 0 the offset, its newline not part
//! of it. A blank line is a record too. A last line without a newline is still being written, and
//! waits; only where reading ends at the end of the file is it read as it stands.
//!
//! The bookmark holds how many bytes were read and their SHA-256. On resuming, the file's beginning
//! must still have that digest: otherwise it is another file, whose lines would count as already
//! stored. A file that is shorter than what was read was cut, and begins a new generation.

pub(crate) mod lines;
pub(super) mod lookup;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::metrics::Metrics;
use crate::stream::{Event, Resume, StreamPartition};
use lines::{Bookmark, Lines};

/// How often a followed file is looked at for more.
const POLL: Duration = Duration::from_millis(100);

/// Which file, and how far.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// Name of the stream.
    pub stream: String,
    /// Whether to wait for more at the end.
    pub follow: bool,
    /// Whether the file's beginning must be what was stored.
    pub is_compared: bool,
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system says no.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was read of the stream before does not stand at the beginning of this file.
    #[error(
        "{path} is not the file that stream `{stream}` was read from: its first {bytes} bytes ({lines} lines) \
         had the digest {stored} when they were stored, and have {found} now. Give back that file, or start \
         with --new-generation to read this one from its start"
    )]
    AnotherFile {
        /// The file as it is now.
        path: PathBuf,
        /// The stream.
        stream: String,
        /// Length of what was stored.
        bytes: u64,
        /// How many lines that was.
        lines: u64,
        /// SHA-256 of what was stored.
        stored: String,
        /// SHA-256 of as many bytes of this file.
        found: String,
    },
    /// The last line was read without a newline, and now there is more of it.
    #[error(
        "line {line} of {path} was stored as it stood at the end of the file, without a newline, and has been \
         continued since. Start with --new-generation to read the file again from its start"
    )]
    LineContinued {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 0.
        line: u64,
    },
    /// While it was followed, the path came to name another file.
    #[error(
        "{path} has been replaced by another file (device {}, inode {} instead of {}, {}) while it was read. Start \
         again to read on, which checks that the new file begins with what is stored",
        new.0, new.1, old.0, old.1
    )]
    Replaced {
        /// The path.
        path: PathBuf,
        /// Device and inode of the file that was being read.
        old: (u64, u64),
        /// Device and inode of the file that is there now.
        new: (u64, u64),
    },
    /// The bookmark in ClickHouse is not of this source.
    #[error("the checkpoint of stream `{stream}` has a bookmark that is not of a file: {bookmark}")]
    Bookmark {
        /// The stream.
        stream: String,
        /// What stands there.
        bookmark: String,
    },
}

/// Reads the file to its end, or until `stop`; blocks its thread.
///
/// # Errors
/// The first [`Error`]. That nobody listens any more is none.
pub fn run(
    settings: &Settings,
    events: &mpsc::Sender<Event>,
    stop: &AtomicBool,
    metrics: &Metrics,
) -> Result<(), Error> {
    let reader = Reader {
        settings,
        metrics,
        partition: Arc::new(StreamPartition { stream: settings.stream.clone(), partition: 0 }),
        events,
        stop,
    };
    match reader.run() {
        Err(Ended::Failed(error)) => Err(error),
        Ok(()) | Err(Ended::NobodyListens) => Ok(()),
    }
}

/// Why reading ended early.
enum Ended {
    NobodyListens,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    metrics: &'a Metrics,
    partition: Arc<StreamPartition>,
    events: &'a mpsc::Sender<Event>,
    stop: &'a AtomicBool,
}

impl Reader<'_> {
    fn run(&self) -> Result<(), Ended> {
        let mut file = self.open()?;
        let resume = self.assign()?;
        let mut lines = match resume.next_offset {
            None => Lines::new(Arc::clone(&self.partition)),
            Some(next_line) => self.resume(&mut file, next_line, &resume.bookmark)?,
        };
        let mut has_caught_up = false;
        while !self.stop.load(Ordering::Relaxed) {
            if self.read_some(&mut file, &mut lines)? {
                continue;
            }
            if !self.settings.follow {
                if let Some(chunk) = lines.finish() {
                    self.send(Event::Chunk(chunk))?;
                }
                return self.send(Event::CaughtUp);
            }
            if !has_caught_up {
                self.send(Event::CaughtUp)?;
                has_caught_up = true;
            }
            if self.was_cut(&file, &lines)? {
                let reason = format!("cut below the {} bytes that were read", lines.bytes());
                self.restart(reason)?;
                file = self.open()?;
                lines = Lines::new(Arc::clone(&self.partition));
            } else if self.events.is_closed() {
                return Err(Ended::NobodyListens);
            } else {
                std::thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Reads a block and sends its complete lines; false at the end of the file.
    fn read_some(&self, file: &mut File, lines: &mut Lines) -> Result<bool, Ended> {
        let read = lines.read_block(file).map_err(|source| self.unreadable(source))?;
        if !lines.close_line() {
            let line = lines.next_line().saturating_sub(1);
            return Err(Ended::Failed(Error::LineContinued { path: self.settings.path.clone(), line }));
        }
        for chunk in lines.chunks(chrono::Utc::now().timestamp_millis()) {
            self.metrics.source_end(&self.partition.stream, 0, chunk.next_offset);
            self.send(Event::Chunk(chunk))?;
        }
        Ok(read > 0)
    }

    /// Goes on behind what is stored, if it is still there.
    fn resume(&self, file: &mut File, next_line: u64, bookmark: &str) -> Result<Lines, Ended> {
        let bookmark = Bookmark::parse(bookmark).ok_or_else(|| Error::Bookmark {
            stream: self.partition.stream.clone(),
            bookmark: bookmark.to_owned(),
        })?;
        let length = file.metadata().map_err(|source| self.unreadable(source))?.len();
        if length < bookmark.bytes {
            let reason = format!("{length} bytes long, below the {} bytes that were read", bookmark.bytes);
            self.restart(reason)?;
            return Ok(Lines::new(Arc::clone(&self.partition)));
        }
        let mut digest = Sha256::new();
        std::io::copy(&mut Read::by_ref(file).take(bookmark.bytes), &mut digest)
            .map_err(|source| self.unreadable(source))?;
        let found = lines::hex(&digest);
        if self.settings.is_compared && found != bookmark.sha256 {
            return Err(Ended::Failed(Error::AnotherFile {
                path: self.settings.path.clone(),
                stream: self.partition.stream.clone(),
                bytes: bookmark.bytes,
                lines: next_line,
                stored: bookmark.sha256,
                found,
            }));
        }
        Ok(Lines::resumed(Arc::clone(&self.partition), next_line, &bookmark, digest))
    }

    /// Whether the file has become shorter than what was read of it.
    fn was_cut(&self, file: &File, lines: &Lines) -> Result<bool, Ended> {
        let old = file.metadata().map_err(|source| self.unreadable(source))?;
        let Ok(new) = std::fs::metadata(&self.settings.path) else {
            // Between a rename and the next there may be no file for a moment.
            return Ok(false);
        };
        if (old.dev(), old.ino()) != (new.dev(), new.ino()) {
            return Err(Ended::Failed(Error::Replaced {
                path: self.settings.path.clone(),
                old: (old.dev(), old.ino()),
                new: (new.dev(), new.ino()),
            }));
        }
        Ok(new.len() < lines.bytes())
    }

    fn open(&self) -> Result<File, Ended> {
        File::open(&self.settings.path).map_err(|source| self.unreadable(source).into())
    }

    fn assign(&self) -> Result<Resume, Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Event::Assigned { partitions: vec![(*self.partition).clone()], reply })?;
        answer.blocking_recv().ok().and_then(|mut resumes| resumes.pop()).ok_or(Ended::NobodyListens)
    }

    fn restart(&self, reason: String) -> Result<(), Ended> {
        let (reply, answer) = oneshot::channel();
        self.send(Event::Restarted { partition: (*self.partition).clone(), reason, reply })?;
        answer.blocking_recv().map_err(|_| Ended::NobodyListens)
    }

    fn send(&self, event: Event) -> Result<(), Ended> {
        self.events.blocking_send(event).map_err(|_| Ended::NobodyListens)
    }

    fn unreadable(&self, source: std::io::Error) -> Error {
        Error::Read { path: self.settings.path.clone(), source }
    }
}

#[cfg(test)]
mod tests;
