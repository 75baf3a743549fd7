//! The file itself.

use std::fs::{self, File as Handle, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::ingest::error::StartError;

/// What a writer needs of a file.
pub(super) trait Disk {
    /// Appends what it can, and says how many bytes that was.
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until all that was appended is durable.
    fn sync(&mut self) -> io::Result<()>;

    /// How long the file is. An error where the path names another one by now.
    fn length(&self) -> io::Result<u64>;
}

/// A file that this process alone appends to.
pub(super) struct File {
    path: PathBuf,
    handle: Handle,
}

impl File {
    /// Opens it, or makes it, for whoever runs the API and their group alone; and says whether its last line has no end.
    pub(super) fn open(path: &Path) -> Result<(Self, bool), StartError> {
        let failed = |cause| StartError::Spool { path: path.to_owned(), cause };
        // Before it is opened: a named pipe would wait for somebody to read it.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(StartError::NotAFile { path: path.to_owned() });
        }
        let mut options = OpenOptions::new();
        let handle = options.read(true).append(true).create(true).mode(0o640).open(path).map_err(failed)?;
        handle.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StartError::Locked { path: path.to_owned() },
            TryLockError::Error(cause) => failed(cause),
        })?;
        // The name is durable only with its folder. And what an earlier process left is from now on, too.
        handle.sync_all().map_err(failed)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Handle::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        let length = handle.metadata().map_err(failed)?.len();
        let mut last = [b'\n'];
        if let Some(at) = length.checked_sub(1) {
            handle.read_exact_at(&mut last, at).map_err(failed)?;
        }
        Ok((Self { path: path.to_owned(), handle }, last != [b'\n']))
    }
}

impl Disk for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handle.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.handle.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        let (ours, named) = (self.handle.metadata()?, fs::metadata(&self.path)?);
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Err(io::Error::other("the path names another file by now"));
        }
        Ok(ours.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_has_one_writer_and_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (first, is_torn) = File::open(&path).unwrap();
        assert!(!is_torn && first.length().unwrap() == 0);
        assert!(matches!(File::open(&path), Err(StartError::Locked { .. })));
        drop(first);
        fs::write(&path, "a\nb").unwrap();
        assert!(File::open(&path).unwrap().1);
        assert!(matches!(File::open(folder.path()), Err(StartError::NotAFile { .. })));
        let nowhere = folder.path().join("no/spool");
        assert!(matches!(File::open(&nowhere), Err(StartError::Spool { .. })));
    }

    #[test]
    fn a_spool_that_was_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut file, _) = File::open(&path).unwrap();
        assert_eq!(file.append(b"a\n").unwrap(), 2);
        file.sync().unwrap();
        assert_eq!((file.length().unwrap(), fs::read(&path).unwrap()), (2, b"a\n".to_vec()));
        fs::rename(&path, folder.path().join("away")).unwrap();
        assert!(file.length().is_err());
        fs::write(&path, "other").unwrap();
        assert!(file.length().is_err());
    }
}
