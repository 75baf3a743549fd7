//! `rollups` and `retention`: when hours are computed, and how long what lives.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveTime;
use serde::{Deserialize, Deserializer};

/// `rollups`: how the connector keeps what the API answers from.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Rollups {
    /// How often hours that have changed are looked for; default 10 s, 0 s for never.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// How long ago the last change of an hour must be; default 5 min. More than any insert takes: three minutes, then the
    /// connector gives one up.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
    /// When every hour is compared with its events, and what is too old goes: UTC; default 03:00.
    #[serde(deserialize_with = "clock")]
    pub nightly_at: NaiveTime,
}

impl Default for Rollups {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            settle: Duration::from_secs(300),
            nightly_at: NaiveTime::from_hms_opt(3, 0, 0).unwrap_or_default(),
        }
    }
}

fn clock<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M")
        .map_err(|_| serde::de::Error::custom(format!("expected a time of the day as 03:00, found `{text}`")))
}

/// How long events and rollups of a tenant live, by their own time; 0 s for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events, and dead letters by when they were read.
    pub events: Duration,
    /// Rollups.
    pub rollups: Duration,
}

/// `retention`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Retentions {
    /// Default 90 days.
    #[serde(with = "humantime_serde")]
    pub events: Duration,
    /// Default 24 months (of 30.44 days).
    #[serde(with = "humantime_serde")]
    pub rollups: Duration,
    /// Tenants that differ, by their id.
    pub tenants: BTreeMap<String, OfTenant>,
}

/// What of it differs for one tenant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OfTenant {
    /// In place of `retention.events`.
    #[serde(with = "humantime_serde")]
    pub events: Option<Duration>,
    /// In place of `retention.rollups`.
    #[serde(with = "humantime_serde")]
    pub rollups: Option<Duration>,
}

impl Default for Retentions {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            events: Duration::from_secs(90 * DAY),
            rollups: Duration::from_secs(24 * 2_630_016),
            tenants: BTreeMap::new(),
        }
    }
}

impl Retentions {
    /// How long what is this tenant's lives.
    #[must_use]
    pub fn of(&self, tenant: &str) -> Retention {
        let own = self.tenants.get(tenant);
        Retention {
            events: own.and_then(|own| own.events).unwrap_or(self.events),
            rollups: own.and_then(|own| own.rollups).unwrap_or(self.rollups),
        }
    }
}
