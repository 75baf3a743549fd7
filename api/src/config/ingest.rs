//! `api.ingest`: whether and where events are taken; and what of the connector's sections must hold for them, too.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;
use voc_smartmodule::params::Params;

use super::Error;
use super::sections::{self, IngestSection, Resolver};

/// Whether events are taken, where they are kept, and how many.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// Where they are kept; none where none are taken.
    pub target: Option<Target>,
    /// Bytes of one request's body, at most.
    pub body_bytes: usize,
    /// Events of one request, at most.
    pub events: usize,
    /// Requests that wait to be written, at most; more get a 429.
    pub queue: usize,
    /// What an event is held against: the params of the connector's SmartModule.
    pub params: Params,
}

/// Where events are kept until the connector has read them.
#[derive(Debug, Clone)]
pub enum Target {
    /// An NDJSON file, which the connector's source `file` reads.
    Spool {
        /// The file.
        path: PathBuf,
        /// How long it may become, in bytes.
        most: u64,
    },
    /// A topic of a Fluvio cluster, which the connector's source `fluvio` reads.
    Topic {
        /// The topic.
        name: String,
        /// The cluster's controller, `HOST:PORT`; by the profile where it is none.
        endpoint: Option<String>,
        /// One of Fluvio's profiles; the current one where it is none.
        profile: Option<String>,
    },
}

/// What stands in the connector's sections. Only read where events are taken: what else is wrong there is the
/// connector's to say.
#[derive(Deserialize)]
struct Connector {
    transforms: Option<Vec<Transform>>,
    fluvio: Option<Fluvio>,
}

#[derive(Deserialize)]
struct Transform {
    with: Option<BTreeMap<String, Spanned<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fluvio {
    endpoint: sections::Value,
    profile: sections::Value,
}

impl Ingest {
    pub(super) fn resolve(section: IngestSection, yaml: &str, resolver: Resolver<'_>) -> Result<Self, Error> {
        let number = |key, value, default, lowest, highest| {
            resolver.setting(key, value, default)?.whole(lowest, highest)
        };
        let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
        let optional = |key, value| {
            let text = resolver.setting(key, value, "")?.text;
            Ok::<_, Error>(Some(text).filter(|text| !text.is_empty()))
        };
        let mode = resolver.setting("api.ingest.mode", section.mode, "off")?;
        let mode = mode.one_of(&["off", "spool", "fluvio"])?;
        let path = optional("api.ingest.spool", section.spool)?;
        let most = number("api.ingest.spool_bytes", section.spool_bytes, "10000000000", 1_000_000, u64::MAX)?;
        let topic = resolver.setting("api.ingest.topic", section.topic, "voc-ingest")?.topic()?;
        let body_bytes = number("api.ingest.body_bytes", section.body_bytes, "4194304", 1_024, 1 << 28)?;
        let events = number("api.ingest.events", section.events, "10000", 1, 1_000_000)?;
        let queue = number("api.ingest.queue", section.queue, "64", 1, 10_000)?;
        let mut ingest = Self {
            target: None,
            body_bytes: size(body_bytes),
            events: size(events),
            queue: size(queue),
            params: Params::default(),
        };
        if mode == "off" {
            return Ok(ingest);
        }
        let Connector { transforms, fluvio } = sections::parse(yaml)?;
        ingest.params = params(transforms, resolver)?;
        ingest.target = Some(if mode == "spool" {
            let path = path.ok_or_else(|| {
                Error::Ingest("mode is spool, but spool does not say which file events go to".to_owned())
            })?;
            Target::Spool { path: path.into(), most }
        } else {
            let Fluvio { endpoint, profile } = fluvio.unwrap_or_default();
            Target::Topic {
                name: topic,
                endpoint: optional("fluvio.endpoint", endpoint)?,
                profile: optional("fluvio.profile", profile)?,
            }
        });
        Ok(ingest)
    }
}

/// The params of the one transform.
fn params(transforms: Option<Vec<Transform>>, resolver: Resolver<'_>) -> Result<Params, Error> {
    let with = transforms.into_iter().flatten().next().and_then(|transform| transform.with);
    let mut pairs = BTreeMap::new();
    for (name, value) in with.unwrap_or_default() {
        let text = resolver.setting("transforms[0].with", Some(value), "")?.text;
        pairs.insert(name, text);
    }
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Params::from_pairs(pairs).map_err(|error| Error::Ingest(format!("transforms[0].with: {error}")))
}
