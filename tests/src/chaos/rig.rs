//! A stage for some cycles: a database, a stream and a connector of their own, on services that last longer.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use voc_connector_core::config::environment::VARIABLES;

use super::load::{Load, Target};
use super::proxy::{Proxy, Release};
use super::services::{PARTITIONS, Services};
use super::{Layer, Topology};
use crate::harness::connector::Connector;
use crate::harness::stage::Stage;
use crate::harness::{binary, eventually};

/// Lines of a file above which none is replaced by a longer one, so that a cycle stays short.
const LONG: u64 = 12_000;

/// Columns of a checkpoint that somebody can put back.
const CHECKPOINT: &str = "origin_stream, origin_partition, next_offset, bookmark";

/// How many origins the ledger has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Counted as often as they were stored.
    pub rows: u64,
    /// Counted once.
    pub distinct: u64,
}

/// The stage.
pub struct Rig<'a> {
    /// What sends; dropped first.
    pub load: Load,
    /// The connector that is to live.
    pub connector: Option<Connector>,
    /// The network between connector and ClickHouse.
    pub proxy: Proxy,
    /// Folder, database and configuration.
    pub stage: Stage,
    /// What everything runs on.
    pub services: &'a mut Services,
    without: Option<Layer>,
    /// The checkpoints at the end of each cycle.
    checkpoints: Vec<String>,
    notes: Vec<&'static str>,
    topic: Option<String>,
    /// Where each partition in Fluvio ended whenever the topic of Kafka was made anew.
    ends: Vec<Vec<u64>>,
}

impl<'a> Rig<'a> {
    /// Sets a stage of this name, and starts what is to run.
    ///
    /// # Panics
    /// Where something does not start.
    pub fn start(
        services: &'a mut Services,
        topology: Topology,
        without: Option<Layer>,
        name: &str,
        seed: u64,
    ) -> Self {
        let mut stage = Stage::on(&services.clickhouse, name);
        let proxy = Proxy::start(services.clickhouse.port());
        stage.config["clickhouse"]["port"] = proxy.port().into();
        let (files, target, topic) = match topology {
            Topology::OneMachine => (vec![stage.file.clone()], Target::File, None),
            Topology::Cluster => {
                let cluster = services.cluster();
                let topic = name.replace('_', "-");
                cluster.configure(&mut stage.config, &topic);
                let file = |partition| stage.folder().join(format!("sent-{partition}.ndjson"));
                let files: Vec<PathBuf> = (0..PARTITIONS).map(file).collect();
                let target = Target::Kafka { producer: cluster.kafka.producer(&[]), topic: topic.clone() };
                (files, target, Some(topic))
            }
        };
        let load = Load::start(seed, &files, target);
        let mut rig = Self {
            load,
            connector: None,
            proxy,
            stage,
            services,
            without,
            checkpoints: Vec::new(),
            notes: Vec::new(),
            topic,
            ends: Vec::new(),
        };
        rig.set_batches(500, Duration::from_millis(150));
        rig.start_connector(&[]);
        rig.load.burst(100);
        rig.until_stored(rig.load.sent());
        rig
    }

    /// Starts the connector.
    pub fn start_connector(&mut self, arguments: &[&str]) {
        let layer = self.without.filter(|layer| *layer != Layer::Final).map(Layer::as_str);
        let without = layer.into_iter().flat_map(|layer| ["--without", layer]);
        let arguments: Vec<&str> = without.chain(arguments.iter().copied()).collect();
        self.connector = Some(self.stage.connector(&arguments));
    }

    /// Ends the connector with SIGKILL; what it had on its way never arrives.
    pub fn kill_connector(&mut self) {
        self.kill_late();
        self.proxy.release(Release::Drop);
    }

    /// Ends the connector with SIGKILL; what a trap holds of it may still arrive.
    pub fn kill_late(&mut self) {
        if let Some(mut connector) = self.connector.take() {
            connector.process().kill();
        }
    }

    /// Stops the connector in order.
    ///
    /// # Panics
    /// Where it does not end well.
    pub fn drain_connector(&mut self) {
        if let Some(connector) = self.connector.take() {
            connector.drain();
        }
    }

    /// Waits until the connector gives up; its log has these words.
    ///
    /// # Panics
    /// Where it does not, or for another reason.
    pub fn connector_fails(&mut self, words: &str) {
        if let Some(connector) = self.connector.take() {
            let log = connector.fails();
            assert!(log.contains(words), "the connector was to end with `{words}`:\n{log}");
        }
    }

    /// The batches of the connector that is started next.
    pub fn set_batches(&mut self, max_rows: usize, max_age: Duration) {
        let batch = &mut self.stage.config["batch"];
        batch["max_rows"] = max_rows.into();
        batch["min_rows"] = max_rows.div_ceil(10).into();
        batch["max_age"] = format!("{}ms", max_age.as_millis()).into();
    }

    /// Something worth a word on the cycle's line.
    pub fn note(&mut self, note: &'static str) {
        self.notes.push(note);
    }

    /// The notes of this cycle.
    pub fn take_notes(&mut self) -> String {
        self.notes.drain(..).map(|note| format!("; {note}")).collect()
    }

    /// What the ledger has; none while ClickHouse does not say.
    pub fn stored(&self) -> Option<Stored> {
        let answer = self.stage.database.ask(
            "SELECT sum(rows), sum(offsets) FROM (SELECT sum(rows) AS rows, groupBitmapMerge(offsets) AS offsets
             FROM voc_origins GROUP BY origin_stream, origin_partition)",
        );
        let answer = answer.ok()?;
        let (rows, distinct) = answer.split_once('\t')?;
        Some(Stored { rows: rows.parse().ok()?, distinct: distinct.parse().ok()? })
    }

    /// Waits until so many origins are stored.
    ///
    /// # Panics
    /// Where they are not in time, or the connector ends.
    pub fn until_stored(&mut self, origins: u64) {
        let mut last = None;
        eventually(&format!("{origins} origins are stored"), || {
            last = self.stored().or(last);
            if last.is_some_and(|stored| stored.distinct >= origins) {
                return Some(());
            }
            self.assert_alive();
            // A look costs ClickHouse more than a look at a file.
            std::thread::sleep(Duration::from_millis(25));
            None
        });
    }

    /// Waits until no origin is stored twice: while a connector takes over, the ledger may be ahead of itself.
    ///
    /// # Errors
    /// What the ledger has after some time.
    pub fn until_none_is_doubled(&self) -> Result<(), Stored> {
        let mut last = None;
        for _ in 0..40 {
            last = self.stored().or(last);
            if last.is_some_and(|stored| stored.rows == stored.distinct) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(last.unwrap_or(Stored { rows: 0, distinct: 0 }))
    }

    /// What is to live, lives.
    ///
    /// # Panics
    /// Where it does not.
    pub fn assert_alive(&mut self) {
        if let Some(connector) = &mut self.connector {
            let process = connector.process();
            assert!(process.is_running(), "the connector ended:\n{}", process.log());
        }
        let process = self.services.clickhouse.process();
        assert!(process.is_running(), "ClickHouse ended:\n{}", process.log());
    }

    /// Keeps merges from beginning, and waits a moment until ClickHouse writes nothing; whether that came.
    ///
    /// # Panics
    /// Where ClickHouse refuses.
    pub fn is_quiet(&self) -> bool {
        self.stage.database.run("SYSTEM STOP MERGES");
        let writes = "SELECT (SELECT count() FROM system.merges) +
            (SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%')";
        (0..40).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            self.stage.database.number(writes) == 0
        })
    }

    /// Keeps the checkpoints of now, so that a later cycle can put them back.
    pub fn keep_checkpoints(&mut self) {
        let query = format!("SELECT {CHECKPOINT} FROM voc_checkpoints FINAL FORMAT TSV");
        self.checkpoints.extend(self.stage.database.ask(&query));
    }

    /// Puts the checkpoints back to those at the end of an earlier cycle, or removes them.
    ///
    /// # Panics
    /// Where ClickHouse refuses.
    pub fn rewind(&mut self, cycles: Option<usize>) {
        let database = &self.stage.database;
        database.run("TRUNCATE TABLE voc_checkpoints");
        let earlier = cycles.and_then(|cycles| self.checkpoints.len().checked_sub(cycles));
        if let Some(rows) = earlier.map(|place| &self.checkpoints[place]).filter(|rows| !rows.is_empty()) {
            database.run(&format!("INSERT INTO voc_checkpoints ({CHECKPOINT}) FORMAT TSV\n{rows}\n"));
        }
        if let Some(topic) = &self.topic {
            self.services.cluster().forget_committed(topic);
        }
    }

    /// Puts another file in the place of the one that is followed, or another topic in the place of the one that is
    /// mirrored. The connector has to notice, and goes on when it is told that this is meant.
    ///
    /// # Panics
    /// Where it takes the new one for the old one.
    pub fn recreate(&mut self, is_longer: bool) {
        // What is sent into a file that is taken away at once could not be told from what was lost.
        self.load.pause();
        self.until_stored(self.load.sent());
        let lines = self.load.lines_in_files();
        let is_longer = is_longer && lines < LONG;
        let new = usize::try_from(if is_longer { lines + lines / 10 } else { lines / 2 }).unwrap_or_default();
        match self.topic.clone() {
            Some(topic) => self.recreate_topic(&topic, new),
            None => self.recreate_file(new),
        }
        self.load.go_on();
    }

    fn recreate_topic(&mut self, topic: &str, lines: usize) {
        self.kill_connector();
        let end = |partition| {
            let of = format!("WHERE origin_partition = {partition}");
            let ends = format!("SELECT max(last_offset) + 1 FROM voc_origins {of}");
            self.stage.database.number(&ends)
        };
        let ends = (0..PARTITIONS).map(end).collect();
        self.ends.push(ends);
        let cluster = self.services.cluster();
        cluster.kafka.delete_topic(topic);
        cluster.kafka.create_topic(topic, PARTITIONS, &[]);
        self.load.replace_files(lines);
        self.start_connector(&[]);
        self.connector_fails("--new-generation");
        self.start_connector(&["--new-generation=mirror"]);
        // Until a record of it has come into Fluvio, the next start would have to say it again.
        self.until_stored(self.load.sent());
    }

    /// Where each partition in Fluvio ended whenever the topic of Kafka was made anew.
    pub fn ends(&self) -> &[Vec<u64>] {
        &self.ends
    }

    fn recreate_file(&mut self, lines: usize) {
        self.load.replace_files(lines);
        self.connector_fails("has been replaced by another file");
        self.start_connector(&[]);
        let Some(connector) = &mut self.connector else { return };
        // A file that is shorter than what was read begins a generation by itself.
        let goes_on = eventually("the connector notices the new file", || {
            let process = connector.process();
            let has_ended = !process.is_running();
            (has_ended || process.log().contains("generation begun")).then_some(!has_ended)
        });
        if !goes_on {
            self.connector_fails("--new-generation");
            self.start_connector(&["--new-generation"]);
            if let Some(connector) = &mut self.connector {
                connector.process().said("generation begun");
            }
        }
    }

    /// What the connector's own audit says, where it finds fault.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn audit(&self) -> Option<String> {
        let mut audit = Command::new(binary("voc-connector"));
        audit.args(["audit", "--config"]).arg(self.stage.folder().join("Connector.yaml"));
        for (variable, _) in VARIABLES {
            audit.env_remove(variable);
        }
        let output = audit.output().expect("the connector starts");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (!output.status.success()).then_some(said)
    }

    /// Keeps the folder with the logs, to be looked at.
    pub fn keep_folder(&mut self) {
        println!("logs: {}", self.stage.keep_folder().display());
    }
}
