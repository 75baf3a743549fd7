//! One readiness for many partitions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Part;

/// What does not work, by name. The source is ready when nothing is left here.
#[derive(Debug)]
pub struct Health {
    down: Mutex<BTreeMap<String, String>>,
    part: Part,
}

impl Health {
    /// Nothing is down, and nothing is known to work.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self { down: Mutex::default(), part }
    }

    /// Something works (again); true where it did not before.
    pub fn up(&self, name: &str) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let was_down = down.remove(name).is_some();
        match down.values().next() {
            None => self.part.ready(),
            Some(reason) => self.part.unready(reason.clone()),
        }
        was_down
    }

    /// Something does not work, and why; true where it did before.
    pub fn down(&self, name: &str, reason: impl Into<String>) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = down.insert(name.to_owned(), reason.into()).is_none();
        if let Some(reason) = down.values().next() {
            self.part.unready(reason.clone());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring::{Readiness, Status};

    #[test]
    fn ready_is_when_nothing_is_down() {
        let readiness = Readiness::new();
        let health = Health::new(readiness.part("source"));
        assert!(health.down("a/0", "no leader"));
        assert!(!health.down("a/0", "still no leader"));
        assert!(health.down("a/1", "no answer"));
        assert!(health.up("a/0"));
        assert_eq!(readiness.status(), Status::Unready("source: no answer".to_owned()));
        assert!(health.up("a/1"));
        assert!(!health.up("a/1"));
        assert_eq!(readiness.status(), Status::Ready);
    }
}
