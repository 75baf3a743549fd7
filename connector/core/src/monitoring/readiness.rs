//! Whether records can flow, and if not, which part says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// What one part, or all together, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not yet known.
    Starting,
    /// Records can flow.
    Ready,
    /// They cannot, and why.
    Unready(String),
}

/// The readiness of the whole process. A clone is the same readiness.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<watch::Sender<BTreeMap<&'static str, Status>>>,
}

impl Readiness {
    /// Readiness without a part yet: starting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, which is starting; its name comes before its reason.
    #[must_use]
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part { name, readiness: self.clone() };
        part.set(Status::Starting);
        part
    }

    /// Ready if all parts are; else the first reason in the order of the parts' names.
    #[must_use]
    pub fn status(&self) -> Status {
        summary(&self.parts.borrow())
    }

    /// Waits until the status is as wanted.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&Status) -> bool) {
        let mut receiver = self.parts.subscribe();
        // An error would say that the sender is gone, and this handle holds it.
        let _ = receiver.wait_for(|parts| wanted(&summary(parts))).await;
    }
}

fn summary(parts: &BTreeMap<&'static str, Status>) -> Status {
    let reason = parts.iter().find_map(|(name, status)| match status {
        Status::Unready(reason) => Some(format!("{name}: {reason}")),
        Status::Starting | Status::Ready => None,
    });
    match reason {
        Some(reason) => Status::Unready(reason),
        None if parts.is_empty() || parts.values().any(|status| *status == Status::Starting) => {
            Status::Starting
        }
        None => Status::Ready,
    }
}

/// One part's handle.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    readiness: Readiness,
}

impl Part {
    /// The part can do its work.
    pub fn ready(&self) {
        self.set(Status::Ready);
    }

    /// The part cannot, and why. The reason is shown to whoever asks `/readyz`: no secrets.
    pub fn unready(&self, reason: impl Into<String>) {
        self.set(Status::Unready(reason.into()));
    }

    fn set(&self, status: Status) {
        self.readiness.parts.send_if_modified(|parts| {
            let changed = parts.get(self.name) != Some(&status);
            if changed {
                parts.insert(self.name, status);
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides() {
        let readiness = Readiness::new();
        assert_eq!(readiness.status(), Status::Starting);
        let (source, sink) = (readiness.part("source"), readiness.part("clickhouse"));
        sink.ready();
        assert_eq!(readiness.status(), Status::Starting);
        source.unready("all brokers are down");
        assert_eq!(readiness.status(), Status::Unready("source: all brokers are down".to_owned()));
        sink.unready("no answer");
        assert_eq!(readiness.status(), Status::Unready("clickhouse: no answer".to_owned()));
        sink.ready();
        source.ready();
        assert_eq!(readiness.status(), Status::Ready);
    }
}
