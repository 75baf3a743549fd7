//! An embedded ClickHouse, and statements for it.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::process::Process;
use super::{binary, http, variable};

/// The server in a folder of its own.
#[derive(Debug)]
pub struct ClickHouse {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl ClickHouse {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not come to listen.
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Starts one in this folder.
    ///
    /// # Panics
    /// Where it does not come to listen.
    pub fn start_in(folder: TempDir) -> Self {
        let (process, port) = spawn(folder.path(), 0);
        Self { process, port, folder }
    }

    /// The one that all tests share that leave it alone: each has a database of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ClickHouse> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its port, the same after it was started again.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its folder and port.
    pub fn start_again(&mut self) {
        (self.process, _) = spawn(self.folder.path(), self.port);
    }

    /// Makes a database.
    pub fn database(&self, name: &str) -> Database {
        let database = self.database_later(name);
        Database { port: self.port, name: "default".to_owned() }.run(&format!("CREATE DATABASE {name}"));
        database
    }

    /// A database that somebody else will make.
    pub fn database_later(&self, name: &str) -> Database {
        Database { port: self.port, name: name.to_owned() }
    }
}

fn spawn(folder: &Path, port: u16) -> (Process, u16) {
    let mut command = Command::new(binary("voc-clickhouse-local"));
    command.args(["--library", &variable("VOC_LIBCHDB"), "--port", &port.to_string(), "--path"]);
    command.arg(folder.join("data")).env_remove("CLICKHOUSE_PASSWORD").env("RUST_LOG", "info");
    let mut process = Process::start("clickhouse", &mut command, folder);
    let url = process.said("listening on ");
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    (process, port.unwrap_or_else(|| panic!("no port in {url}")))
}

/// One database.
#[derive(Debug, Clone)]
pub struct Database {
    port: u16,
    name: String,
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a statement; its output without the last line end, or the server's message.
    ///
    /// # Errors
    /// What the server answered, or that it did not.
    pub fn ask(&self, sql: &str) -> Result<String, String> {
        let path = format!("/?database={}&mutations_sync=1", self.name);
        match http::post(self.port, &path, sql) {
            Some(answer) if answer.status == 200 => Ok(answer.body.trim_end_matches('\n').to_owned()),
            Some(answer) => Err(answer.body),
            None => Err("no answer".to_owned()),
        }
    }

    /// Runs a statement that has to succeed.
    ///
    /// # Panics
    /// Where it does not.
    pub fn run(&self, sql: &str) -> String {
        self.ask(sql).unwrap_or_else(|error| panic!("{sql}\n{error}"))
    }

    /// A query's lines, columns separated by tabs.
    pub fn lines(&self, sql: &str) -> Vec<String> {
        self.run(sql).lines().map(str::to_owned).collect()
    }

    /// A query's one number; 0 while the table is not there yet.
    ///
    /// # Panics
    /// Where it is no number, or the query fails otherwise.
    pub fn number(&self, sql: &str) -> u64 {
        match self.ask(sql) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{sql}: {text}")),
            Err(error) if error.contains("UNKNOWN_TABLE") || error.contains("UNKNOWN_DATABASE") => 0,
            Err(error) => panic!("{sql}\n{error}"),
        }
    }
}
