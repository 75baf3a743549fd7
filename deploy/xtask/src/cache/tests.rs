//! The cache is whole or absent.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;

use super::*;

#[test]
fn an_entry_is_whole_or_absent_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let make = |path: &Path| {
        made.fetch_add(1, Ordering::SeqCst);
        fs::write(path.join("content"), "whole")?;
        Ok(())
    };

    let broken = entry_in(folder.path(), "thing", |path| {
        fs::write(path.join("content"), "half")?;
        bail!("the network broke off")
    });
    assert!(broken.is_err());
    assert!(!folder.path().join("thing").exists());

    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| entry_in(folder.path(), "thing", make).unwrap());
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(fs::read_to_string(folder.path().join("thing/content")).unwrap(), "whole");
}
