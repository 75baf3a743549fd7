//! How the connector runs, beside its configuration: what the command line says of one start.

use std::str::FromStr;

use crate::layers::Without;

/// How the connector runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// End when everything that the source has now is stored.
    pub once: bool,
    /// Begin a new generation of every stream of these legs, and read each from its start.
    pub new_generation: Option<Legs>,
    /// Layers of the delivery that are left out.
    pub without: Without,
}

/// Legs of the way from Kafka to ClickHouse, as they are named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legs {
    /// `all`: both.
    All,
    /// `mirror`: from Kafka into Fluvio.
    Mirror,
    /// `source`: from the source of the configuration into ClickHouse.
    Source,
}

/// A name that is no leg's.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no leg: mirror (from Kafka into Fluvio), source (into ClickHouse) or all")]
pub struct NoLeg(String);

impl FromStr for Legs {
    type Err = NoLeg;

    fn from_str(name: &str) -> Result<Self, NoLeg> {
        match name {
            "all" => Ok(Self::All),
            "mirror" => Ok(Self::Mirror),
            "source" => Ok(Self::Source),
            _ => Err(NoLeg(name.to_owned())),
        }
    }
}

impl Options {
    /// Whether streams of this leg begin a new generation.
    #[must_use]
    pub fn begins(&self, leg: Legs) -> bool {
        self.new_generation.is_some_and(|legs| legs == Legs::All || legs == leg)
    }
}
