//! What was fetched once and is used by every clone of this user, outside `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The cache folder: `VOC_CACHE`, else `$XDG_CACHE_HOME/voc`, else `~/.cache/voc`.
pub(crate) fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("VOC_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("voc")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/voc")))
        .context("no place for the cache: set VOC_CACHE or HOME")?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()))
}

/// The entry `name` of the cache, made by `make` if it is missing.
///
/// `make` fills an empty folder, which becomes the entry by one rename: an entry is whole or absent, also
/// after a crash. A lock makes a second process wait for the first one's result.
pub(crate) fn entry(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    entry_in(&folder()?, name, make)
}

fn entry_in(folder: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let entry = folder.join(name);
    if entry.exists() {
        return Ok(entry);
    }
    let lock_path = folder.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    if entry.exists() {
        return Ok(entry);
    }
    // Under the lock nobody else writes here, so what lies here is from a run that was broken off.
    let unfinished = folder.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot clear {}", unfinished.display()))?;
    }
    fs::create_dir(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    let made = make(&unfinished).and_then(|()| {
        fs::rename(&unfinished, &entry).with_context(|| format!("cannot create {}", entry.display()))
    });
    if let Err(error) = made {
        // What is left over is cleared by the next run in any case.
        let _ = fs::remove_dir_all(&unfinished);
        return Err(error);
    }
    Ok(entry)
}

#[cfg(test)]
mod tests;
