//! What is written, what is answered, and what of the file can be relied on. No file here.

use std::io;

use super::disk::Disk;
use crate::ingest::error::Error;
use crate::ingest::queue::Job;

/// Writes groups of jobs.
pub(super) struct Writer<D> {
    disk: D,
    /// How long the file may become.
    most: u64,
    /// Whether its last line has no end: the next one must not go on there.
    is_torn: bool,
    /// Whether a write was not made durable, or the file is another one. After a failed fsync the system may have
    /// dropped what it could not write, and report success the next time: nothing more is taken.
    has_failed: bool,
}

impl<D: Disk> Writer<D> {
    pub(super) fn new(disk: D, is_torn: bool, most: u64) -> Self {
        Self { disk, most, is_torn, has_failed: false }
    }

    /// Ends a line that a crash cut off. Where that cannot be done, the next write does it.
    pub(super) fn heal(&mut self) {
        if self.is_torn {
            tracing::warn!(
                "the last line of the spool was cut off, and is ended; nobody was told that it is stored"
            );
            // What goes wrong is in the log, and whoever posts is told.
            let _ = self.commit(b"\n");
        }
    }

    /// How long the file is; 0 where that cannot be told.
    pub(super) fn length(&self) -> u64 {
        self.disk.length().unwrap_or(0)
    }

    /// Writes what fits of these, waits once until it is durable, and answers all of them.
    pub(super) fn write(&mut self, jobs: Vec<Job>) {
        let mut buffer = Vec::new();
        let (taken, outcome) = match self.room() {
            Err(error) => (jobs, Err(error)),
            Ok(room) => {
                let taken = self.fill(jobs, room, &mut buffer);
                let outcome = if taken.is_empty() { Ok(()) } else { self.commit(&buffer) };
                (taken, outcome)
            }
        };
        for job in taken {
            job.answer(outcome.clone());
        }
    }

    /// How many bytes still fit.
    fn room(&mut self) -> Result<u64, Error> {
        if self.has_failed {
            return Err(Error::SpoolFailed);
        }
        match self.disk.length() {
            Ok(length) => Ok(self.most.saturating_sub(length)),
            Err(error) => {
                tracing::error!(%error, "the spool is not there any more; start the API again");
                self.has_failed = true;
                Err(Error::SpoolFailed)
            }
        }
    }

    /// Puts the lines of those that fit into the buffer, and refuses the others.
    fn fill(&self, jobs: Vec<Job>, room: u64, buffer: &mut Vec<u8>) -> Vec<Job> {
        if self.is_torn {
            buffer.push(b'\n');
        }
        let mut taken = Vec::with_capacity(jobs.len());
        for job in jobs {
            if (buffer.len() + job.size()) as u64 > room {
                tracing::warn!(most = self.most, "the spool is full (api.ingest.spool_bytes)");
                job.answer(Err(Error::SpoolFull));
                continue;
            }
            for line in &job.lines {
                buffer.extend_from_slice(line);
                buffer.push(b'\n');
            }
            taken.push(job);
        }
        taken
    }

    fn commit(&mut self, buffer: &[u8]) -> Result<(), Error> {
        self.append(buffer).map_err(|error| {
            tracing::error!(%error, "the spool cannot be written");
            Error::NotWritten
        })?;
        self.disk.sync().map_err(|error| {
            tracing::error!(%error, "the spool was not made durable; nothing more is taken, start the API again");
            self.has_failed = true;
            Error::SpoolFailed
        })
    }

    /// Appends all, and keeps in mind whether what stands there then ends with a line.
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.disk.append(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let (written, rest) = bytes.split_at(count);
                    self.is_torn = !written.ends_with(b"\n");
                    bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
