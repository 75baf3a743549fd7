//! `Connector.yaml`: parse → validate → build.
//!
//! The file is parsed into a tree whose values know their lines (`tree`), secrets and environment
//! are put into it (`secrets`, [`environment`]), the sections are decoded from it (`decode`) and
//! checked against each other (`validate`). What comes out is complete and consistent: no later
//! part of the connector looks at the environment or has a default of its own. A configuration that
//! would break the delivery promise does not load.

pub mod cluster;
mod decode;
pub mod environment;
mod error;
pub mod kafka;
pub mod mirror;
pub mod rollups;
mod secrets;
pub mod sections;
mod tree;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::Error;
use sections::{
    Api, Audit, Batch, ClickHouse, Cluster, Meta, Mirror, Monitoring, SmartModule, Source, Transform,
};

/// Everything the connector is told. Made by [`load`] alone.
#[derive(Debug, Clone)]
pub struct Config {
    /// Fluvio's own section.
    pub meta: Meta,
    /// The one transform: our SmartModule with its params.
    pub transform: Transform,
    /// The Fluvio cluster that the source and the mirror speak to.
    pub fluvio: Cluster,
    /// Where records come from.
    pub source: Source,
    /// What fills Fluvio topics from Kafka, if anything.
    pub mirror: Option<Mirror>,
    /// Where the SmartModule's file is.
    pub smartmodule: SmartModule,
    /// When a batch is written.
    pub batch: Batch,
    /// Where events are stored.
    pub clickhouse: ClickHouse,
    /// Where the connector answers for itself.
    pub monitoring: Monitoring,
    /// How often what is stored is audited.
    pub audit: Audit,
    /// When rollups are computed.
    pub rollups: rollups::Rollups,
    /// How long events and rollups live.
    pub retention: rollups::Retentions,
    /// Where the API serves: not the connector's, but checked with the rest.
    pub api: Api,
}

/// Reads and checks a configuration. The environment is an argument, so that the result depends on
/// nothing else: `main` passes `std::env::vars().collect()`.
///
/// # Errors
/// The first thing that is wrong, with file and line (or variable) and key.
pub fn load(
    path: &Path,
    secrets: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Error> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.display().to_string(), source })
    };
    let text = read(path)?;
    let secrets = match secrets {
        Some(file) => secrets::parse(&file.display().to_string(), &read(file)?)?,
        None => BTreeMap::new(),
    };
    parse(&path.display().to_string(), &text, secrets, environment)
}

/// [`load`] without the files. `name` is what errors call the configuration.
fn parse(
    name: &str,
    text: &str,
    secrets: BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Error> {
    let mut tree = tree::Node::parse(text).map_err(|(line, message)| Error::Syntax {
        path: name.to_owned(),
        line,
        message,
    })?;
    let secrets = secrets::Secrets { file: secrets, environment };
    secrets::render(&mut tree, "", &secrets)
        .and_then(|()| environment::apply(&mut tree, environment))
        .and_then(|()| validate::build(&tree, environment))
        .map_err(|fault| fault.in_file(name))
}

#[cfg(test)]
mod tests;
