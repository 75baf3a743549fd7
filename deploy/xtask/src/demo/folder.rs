//! The demo's data folder: what survives from one run to the next.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use chrono::{SecondsFormat, Utc};
use serde_json::json;

use super::Options;
use super::ports::Ports;
use crate::workspace::{Workspace, is_file, run};

/// The sample: at least 2,000 events over at least 6 tenants.
const SAMPLE: [&str; 6] = ["--events", "2400", "--tenants", "8", "--seed", "1"];

/// The folder, which a second demo cannot open at the same time.
pub(super) struct Folder {
    path: PathBuf,
    /// Removed at the end, because nobody asked to keep it.
    temporary: bool,
    events: Option<PathBuf>,
    _lock: File,
}

/// What is streamed.
pub(super) struct Input {
    /// Absolute path.
    pub(super) path: PathBuf,
    /// The stream's name in the origins: the file's name.
    pub(super) stream: String,
    /// When this folder first read it, RFC 3339: what the limits on timestamps are measured from.
    pub(super) read_at: String,
}

impl Input {
    /// How many records the file has now; its unfinished last line is one only if the file `is_final`.
    pub(super) fn lines(&self, is_final: bool) -> Result<u64> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(&self.path)?);
        let (mut lines, mut last) = (0, b'\n');
        loop {
            let block = file.fill_buf()?;
            let Some(end) = block.last() else { break };
            last = *end;
            lines += block.iter().filter(|byte| **byte == b'\n').count() as u64;
            let length = block.len();
            file.consume(length);
        }
        Ok(lines + u64::from(is_final && last != b'\n'))
    }
}

impl Folder {
    /// Creates or opens the folder. The file of events has to exist.
    pub(super) fn open(options: &Options) -> Result<Self> {
        let events = options
            .events
            .as_ref()
            .map(|file| {
                file.canonicalize().with_context(|| format!("--events {} cannot be read", file.display()))
            })
            .transpose()?;
        if let Some(file) = events.as_ref().filter(|file| !is_file(file)) {
            bail!("--events {} is not a file", file.display());
        }
        let path = match &options.data {
            Some(path) => path.clone(),
            None => std::env::temp_dir().join(format!("voc-demo-{}", std::process::id())),
        };
        fs::create_dir_all(path.join("logs")).with_context(|| format!("cannot create {}", path.display()))?;
        let path = path.canonicalize()?;
        let lock = File::create(path.join("lock"))?;
        lock.try_lock().with_context(|| format!("another demo is using {}", path.display()))?;
        Ok(Self { path, temporary: options.data.is_none(), events, _lock: lock })
    }

    /// The log file of a process.
    pub(super) fn log(&self, process: &str) -> PathBuf {
        self.path.join("logs").join(format!("{process}.log"))
    }

    /// Where ClickHouse keeps its data.
    pub(super) fn clickhouse(&self) -> PathBuf {
        self.path.join("clickhouse")
    }

    /// The file to stream: the given one, or the sample, which is generated once.
    pub(super) fn input(&self, workspace: &Workspace) -> Result<Input> {
        let path = match &self.events {
            Some(path) => path.clone(),
            None => self.sample(workspace)?,
        };
        let stream =
            path.file_name().context("the file of events has a name")?.to_string_lossy().into_owned();
        // The connector knows a changed file by its content; one of another name it would take for a
        // second stream, and the sum of both is not what this file says.
        let known = self.remember("stream", &stream)?;
        if known != stream {
            bail!(
                "{} holds the events of {known}, not of {stream}: choose another folder with --data",
                self.path.display()
            );
        }
        let read_at = self.remember("first-run", &now())?;
        Ok(Input { path, stream, read_at })
    }

    /// The content of a small file, which is written with `value` if it is missing.
    fn remember(&self, name: &str, value: &str) -> Result<String> {
        let path = self.path.join(name);
        if !path.exists() {
            fs::write(&path, format!("{value}\n"))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let content = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(content.trim_end().to_owned())
    }

    fn sample(&self, workspace: &Workspace) -> Result<PathBuf> {
        let path = self.path.join("events.ndjson");
        if path.exists() {
            return Ok(path);
        }
        let unfinished = self.path.join("events.unfinished");
        let mut generate = Command::new(workspace.binary("voc-generate"));
        generate.args(SAMPLE).args(["--until", &now()]).stdout(File::create(&unfinished)?);
        run(&mut generate, "voc-generate")?;
        fs::rename(&unfinished, &path)?;
        println!("generated sample events in {}", path.display());
        Ok(path)
    }

    /// The one file that the connector and the API read.
    pub(super) fn write_config(
        &self,
        input: &Input,
        module: &Path,
        ports: &Ports,
        follow: bool,
    ) -> Result<PathBuf> {
        let (file, module) = (text(&input.path)?, text(module)?);
        let host = "127.0.0.1";
        let sections = [
            ("apiVersion", json!("0.2.0")),
            ("meta", json!({ "version": "0.1.0", "name": "voc", "type": "voc-sink", "topic": "voc.events" })),
            ("transforms", json!([{ "uses": "voc/voc-smartmodule@0.1.0" }])),
            (
                "source",
                json!({ "kind": "file", "file": { "path": file, "stream": input.stream, "follow": follow } }),
            ),
            ("smartmodule", json!({ "wasm": module })),
            ("clickhouse", json!({ "host": host, "port": ports.clickhouse, "compression": "none" })),
            ("monitoring", json!({ "host": host, "port": ports.monitoring })),
            ("api", json!({ "host": host, "port": ports.api })),
        ];
        // JSON values are YAML, with every string safely quoted.
        let mut content = "# Written by cargo xtask demo at every start.\n".to_owned();
        for (key, value) in sections {
            content.push_str(&format!("{key}: {value}\n"));
        }
        let path = self.path.join("Connector.yaml");
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // It lies in the system's temporary folder: what cannot be removed now is removed by it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8, and YAML is", path.display()))
}
