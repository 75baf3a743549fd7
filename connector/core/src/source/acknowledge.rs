//! Offsets for display: what `kafka-consumer-groups`, `fluvio consumer list` and lag monitors show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::stream::StreamPartition;

/// Told by the pipeline what is stored; the source commits the newest to its broker about once a second.
#[derive(Debug, Clone, Default)]
pub struct Acknowledge {
    pending: Arc<Mutex<BTreeMap<StreamPartition, u64>>>,
}

impl Acknowledge {
    /// Everything of the partition below `next_offset` is stored.
    pub fn stored(&self, partition: &StreamPartition, next_offset: u64) {
        self.lock().insert(partition.clone(), next_offset);
    }

    /// What has not been committed yet.
    pub(crate) fn take(&self) -> BTreeMap<StreamPartition, u64> {
        std::mem::take(&mut *self.lock())
    }

    /// What has not been committed yet of one partition.
    pub(crate) fn take_of(&self, partition: &StreamPartition) -> Option<u64> {
        self.lock().remove(partition)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamPartition, u64>> {
        // Whoever panicked while holding it left a map that is whole: every change is one call.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
