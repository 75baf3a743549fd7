//! A connector and its HTTP surface.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use uuid::Uuid;
use voc_connector_core::config::environment::VARIABLES;

use super::process::Process;
use super::stage::Stage;
use super::{binary, eventually, http};

/// Writes the configuration and gives the command line of a program that reads it. JSON is YAML.
///
/// # Panics
/// Where the folder cannot be written.
pub fn command(program: &str, folder: &Path, config: &Value) -> Command {
    let path = folder.join("Connector.yaml");
    // In one step: another connector of the test may be reading the one before.
    let new = folder.join(format!("Connector.{}.yaml", Uuid::new_v4()));
    std::fs::write(&new, format!("{config:#}")).expect("a configuration can be written");
    std::fs::rename(&new, &path).expect("a configuration can be put in its place");
    let mut command = Command::new(binary(program));
    // What it leaves where it runs, as a mirror alone does, goes with the folder.
    command.arg("--config").arg(path).env("RUST_LOG", "info").current_dir(folder);
    for (variable, _) in VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Runs one of its commands on a stage's configuration; exit code, and what it printed.
///
/// # Panics
/// Where it does not start.
pub fn operate(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String) {
    let path = stage.folder().join("Operated.yaml");
    std::fs::write(&path, format!("{:#}", stage.config)).expect("a configuration can be written");
    let mut command = Command::new(binary("voc-connector"));
    command.arg(arguments[0]).arg("--config").arg(path).args(&arguments[1..]);
    for (variable, _) in VARIABLES {
        command.env_remove(variable);
    }
    let output = command.env_remove("RUST_LOG").output().expect("the connector starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// A running connector.
#[derive(Debug)]
pub struct Connector {
    process: Process,
}

impl Connector {
    /// Starts one with further arguments.
    pub fn start(folder: &Path, config: &Value, arguments: &[&str]) -> Self {
        let mut command = command("voc-connector", folder, config);
        Self { process: Process::start("connector", command.args(arguments), folder) }
    }

    /// Runs one until it has stored all there is; gives its log.
    ///
    /// # Panics
    /// Where its exit code is not 0.
    pub fn run_once(folder: &Path, config: &Value) -> String {
        Self::start(folder, config, &["--once"]).succeeds()
    }

    /// Waits until it ends by itself or has drained; gives its log.
    ///
    /// # Panics
    /// Where its exit code is not 0.
    pub fn succeeds(mut self) -> String {
        let code = self.process.wait().code();
        let log = self.process.log();
        assert_eq!(code, Some(0), "the connector should have ended well:\n{log}");
        log
    }

    /// Waits until it gives up; gives its log, which ends with the reason.
    ///
    /// # Panics
    /// Where its exit code is not 1.
    pub fn fails(mut self) -> String {
        let code = self.process.wait().code();
        let log = self.process.log();
        assert_eq!(code, Some(1), "the connector should have given up:\n{log}");
        log
    }

    /// Asks it to end, and waits until it has drained.
    pub fn drain(mut self) -> String {
        self.process.terminate();
        self.succeeds()
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The port of its own HTTP surface.
    ///
    /// # Panics
    /// Where it does not come to listen.
    pub fn port(&mut self) -> u16 {
        let address = self.process.said("monitoring listens address=");
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port in {address}"))
    }

    /// Waits until `/readyz` answers with this status; gives the body.
    pub fn until_ready_is(&mut self, status: u16) -> String {
        let port = self.port();
        eventually(&format!("/readyz answers {status}"), || {
            http::get(port, "/readyz").filter(|answer| answer.status == status).map(|answer| answer.body)
        })
    }

    /// Waits until `/readyz` says that ClickHouse does not answer, for a reason with these words.
    pub fn until_clickhouse_is_missed(&mut self, reason: &str) {
        let port = self.port();
        eventually(&format!("/readyz says that clickhouse does not answer: {reason}"), || {
            let answer = http::get(port, "/readyz")?;
            (answer.status == 503 && answer.body.contains(reason)).then_some(())
        });
    }

    /// The value of a metric, written with its labels; none where it is not there.
    ///
    /// # Panics
    /// Where the connector does not answer.
    pub fn metric(&mut self, name: &str) -> Option<f64> {
        let port = self.port();
        let answer = http::get(port, "/metrics").expect("the connector answers");
        let line = answer.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
    }
}
