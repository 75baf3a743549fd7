//! `api.cache`: how long and how many answers are kept.

use std::time::Duration;

use super::Error;
use super::sections::{CacheSection, Resolver};

/// How long and how many answers are kept.
#[derive(Debug, Clone, Copy)]
pub struct Cache {
    /// How long an answer is kept, in whole seconds up to an hour; 0 keeps none.
    pub lifetime: Duration,
    /// Bytes of all answers that are kept, at least 1,000,000.
    pub bytes: u64,
}

impl Cache {
    pub(super) fn resolve(section: CacheSection, resolver: Resolver<'_>) -> Result<Self, Error> {
        let seconds = resolver.setting("api.cache.seconds", section.seconds, "5")?.whole(0, 3600)?;
        let bytes = resolver.setting("api.cache.bytes", section.bytes, "64000000")?;
        Ok(Self { lifetime: Duration::from_secs(seconds), bytes: bytes.whole(1_000_000, u64::MAX)? })
    }
}
