//! The three processes together.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::clickhouse;
use super::folder::Folder;
use super::ports::Ports;
use super::process::{Plan, Process};
use crate::workspace::Workspace;

const TICK: Duration = Duration::from_millis(100);
/// A folder with much data takes its time to open.
const START: Duration = Duration::from_secs(120);

/// Ctrl-C or SIGTERM came while something was waited for.
#[derive(Debug)]
pub(super) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The processes in the order in which they are stopped, the reverse of how they are started.
pub(super) struct Stack {
    connector: Option<Process>,
    connector_plan: Option<Plan>,
    api: Process,
    clickhouse: Process,
    interrupted: Arc<AtomicBool>,
}

impl Stack {
    /// Starts ClickHouse, and as soon as it answers the API.
    pub(super) fn start(
        workspace: &Workspace,
        folder: &Folder,
        library: &Path,
        config: &Path,
        ports: &Ports,
        once: bool,
    ) -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // A second Ctrl-C ends the demo at once, and the kernel ends the processes with it.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
            signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
        }
        let plan = |name: &'static str, binary: &str, args: Vec<std::ffi::OsString>, ends| Plan {
            name,
            program: workspace.binary(binary),
            args,
            log: folder.log(name),
            ends,
        };
        let clickhouse_args = vec![
            "--library".into(),
            library.into(),
            "--path".into(),
            folder.clickhouse().into(),
            "--port".into(),
            ports.clickhouse.to_string().into(),
        ];
        let mut connector_args: Vec<std::ffi::OsString> = vec!["--config".into(), config.into()];
        if once {
            connector_args.push("--once".into());
        }
        let api_args = vec!["--config".into(), config.into()];
        let mut clickhouse =
            Process::start(plan("clickhouse", "voc-clickhouse-local", clickhouse_args, false))?;
        let deadline = Instant::now() + START;
        // Another server that took the port after it was probed would answer too, and be written to:
        // so ours has to say that it listens.
        let listening = format!("listening on http://127.0.0.1:{}", ports.clickhouse);
        while !(clickhouse.has_said(&listening) && clickhouse::answers(ports.clickhouse)) {
            clickhouse.tick()?;
            if interrupted.load(Ordering::Relaxed) {
                bail!(Interrupted);
            }
            if Instant::now() >= deadline {
                bail!("ClickHouse did not start, see {}", folder.log("clickhouse").display());
            }
            std::thread::sleep(TICK);
        }
        let api = Process::start(plan("api", "voc-api", api_args, false))?;
        let connector_plan = Some(plan("connector", "voc-connector", connector_args, once));
        Ok(Self { connector: None, connector_plan, api, clickhouse, interrupted })
    }

    /// Starts the connector, once.
    pub(super) fn start_connector(&mut self) -> Result<()> {
        self.connector = self.connector_plan.take().map(Process::start).transpose()?;
        Ok(())
    }

    /// Waits until the API says that it can serve, which it cannot before the connector made the tables.
    pub(super) fn until_ready(&mut self, ports: &Ports) -> Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", ports.api);
        self.until(START, "the API to be ready", |_| Ok(clickhouse::get(&url, &[]).ok().map(|_| ())))
    }

    /// Whether the connector has stored the whole file and ended (`--once`).
    pub(super) fn connector_is_done(&self) -> bool {
        self.connector.as_ref().is_some_and(Process::is_done)
    }

    /// Looks after the processes until `check` has an answer. `check` is asked at every tick.
    pub(super) fn until<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut check: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            self.tick()?;
            if let Some(answer) = check(self)? {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                bail!("waited {} s for {what}", patience.as_secs());
            }
            std::thread::sleep(TICK);
        }
    }

    /// Asks ClickHouse or the API again while a process that was killed comes back.
    pub(super) fn retry<T>(&mut self, what: &str, ask: impl Fn() -> Result<T>) -> Result<T> {
        let mut last = None;
        let answer = self.until(Duration::from_secs(30), what, |_| match ask() {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                last = Some(error);
                Ok(None)
            }
        });
        match (answer, last) {
            (Err(error), Some(last)) if !error.is::<Interrupted>() => Err(last.context(error)),
            (answer, _) => answer,
        }
    }

    /// Runs until Ctrl-C.
    pub(super) fn serve(&mut self) -> Result<()> {
        loop {
            match self.tick() {
                Ok(()) => std::thread::sleep(TICK),
                Err(error) if error.is::<Interrupted>() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Stops all three: first who writes, then who reads, then what they use.
    pub(super) fn stop(&mut self) {
        if let Some(connector) = &mut self.connector {
            connector.stop();
        }
        self.api.stop();
        self.clickhouse.stop();
    }

    fn tick(&mut self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        self.clickhouse.tick()?;
        self.api.tick()?;
        self.connector.as_mut().map_or(Ok(()), Process::tick)
    }
}
