//! What one test needs: a folder, a database, an input file, a configuration.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::clickhouse::{ClickHouse, Database};
use super::connector::Connector;
use super::oracle::Oracle;
use super::stored::assert_stored;
use super::{eventually, variable};

/// The name of the input file, and so of its stream.
pub const STREAM: &str = "events.ndjson";

/// A stage for one test.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    /// Where the connector writes.
    pub database: Database,
    /// The input, which is not there yet.
    pub file: PathBuf,
    /// The configuration, to be changed before a connector starts.
    pub config: Value,
}

impl Stage {
    /// On the ClickHouse that tests share, in a database of this name.
    pub fn new(name: &str) -> Self {
        Self::on(ClickHouse::shared(), name)
    }

    /// On a ClickHouse of the test's own.
    ///
    /// # Panics
    /// Where there can be no temporary folder.
    pub fn on(clickhouse: &ClickHouse, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(STREAM);
        let config = json!({
            "apiVersion": "0.2.0",
            "meta": { "version": "0.1.0", "name": "voc", "type": "voc-sink", "topic": "voc.events" },
            "transforms": [{ "uses": "voc/voc-smartmodule@0.1.0", "with": {} }],
            "source": { "kind": "file", "file": { "path": file, "follow": true } },
            "smartmodule": { "wasm": variable("VOC_SMARTMODULE") },
            "batch": { "max_age": "200ms" },
            "clickhouse": { "host": "127.0.0.1", "port": clickhouse.port(), "database": name },
            "monitoring": { "port": 0 },
            "api": { "port": 0, "cache": { "seconds": 0 } }, // a test that writes asks again at once
        });
        Self { folder, database: clickhouse.database_later(name), file, config }
    }

    /// The folder for logs and whatever else.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder there when the stage ends.
    pub fn keep_folder(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Starts a connector.
    pub fn connector(&self, arguments: &[&str]) -> Connector {
        Connector::start(self.folder(), &self.config, arguments)
    }

    /// Runs a connector until it has stored all there is; gives its log.
    pub fn run_once(&self) -> String {
        Connector::run_once(self.folder(), &self.config)
    }

    /// Waits until so many records are stored, events and dead letters together.
    pub fn until_stored(&self, records: u64) {
        eventually(&format!("{records} records are stored"), || (self.records() >= records).then_some(()));
    }

    /// How many records are stored so far, by the ledger.
    pub fn records(&self) -> u64 {
        self.database.number("SELECT sum(rows) FROM voc_origins")
    }

    /// The file's first generation is stored completely and once.
    pub fn assert_stored(&self, oracle: &Oracle) {
        assert_stored(&self.database, &format!("{STREAM}#1"), oracle);
    }
}
