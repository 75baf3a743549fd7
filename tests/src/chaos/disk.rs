//! A disk that can be full: a file system in memory, for ClickHouse alone. It needs the right to mount one; it is
//! mounted where only this process and its children see it, and so is gone with them, however they end.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Set in a process that has mounts of its own.
const HAS_OWN_MOUNTS: &str = "VOC_CHAOS_OWN_MOUNTS";

/// More than a campaign stores between two stages, and little enough to be filled in a moment.
const SIZE: &str = "768m";

/// A file system that can be filled.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

/// Starts this program again with mounts of its own, where that is allowed; returns where it is not, or in the
/// program that was started so.
pub fn own_mounts() {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command
    };
    let is_allowed =
        || unshare().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if std::env::var_os(HAS_OWN_MOUNTS).is_some() || !is_allowed() {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // It returns only where it fails, and then everything goes on without a disk.
        let _ = unshare().arg(program).args(std::env::args_os().skip(1)).env(HAS_OWN_MOUNTS, "1").exec();
    }
}

impl Disk {
    /// Mounts one; none where that is not allowed.
    ///
    /// # Panics
    /// Where there can be no temporary folder.
    #[must_use]
    pub fn mount() -> Option<Self> {
        std::env::var_os(HAS_OWN_MOUNTS)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "voc-chaos"]).arg(folder.path());
        let is_mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// Where there is nowhere to write.
    pub fn fill(&self) {
        let path = self.ballast();
        let mut ballast = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let block = vec![1; 1 << 20];
        let mut length = block.len();
        // Down to the last block of the file system.
        while length >= 4096 {
            if ballast.write_all(&block[..length]).is_err() {
                length /= 2;
            }
        }
    }

    /// Gives the room back.
    pub fn empty(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}
