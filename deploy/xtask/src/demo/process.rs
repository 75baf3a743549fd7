//! One supervised process: started, watched, restarted, stopped.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};

/// How long a process may drain before it is killed.
const DRAIN: Duration = Duration::from_secs(15);
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// A process that lives this long has started well.
const SETTLED: Duration = Duration::from_secs(10);
/// Failing this often in a row, without ever settling, is for good.
const FAILURES: u32 = 5;
const LAST_LINES: usize = 12;

/// What to run, and how to tell its end.
pub(super) struct Plan {
    /// Its name in messages and of its log.
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    /// Where its output goes, appended.
    pub(super) log: PathBuf,
    /// Exit code 0 means that its work is done, rather than that it should be restarted.
    pub(super) ends: bool,
}

/// A process under supervision. Nothing happens in the background: whoever waits calls [`Process::tick`].
pub(super) struct Process {
    plan: Plan,
    state: State,
    failures: u32,
    backoff: Duration,
}

enum State {
    /// `log_start` is where in the log this child's own output begins.
    Running {
        child: Child,
        since: Instant,
        log_start: u64,
    },
    Waiting {
        until: Instant,
    },
    Done,
}

impl Process {
    /// Starts it for the first time.
    pub(super) fn start(plan: Plan) -> Result<Self> {
        let state = spawn(&plan)?;
        Ok(Self { plan, state, failures: 0, backoff: FIRST_BACKOFF })
    }

    /// Whether it has done its work.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the process that runs now, and not an earlier one, has printed `words`.
    pub(super) fn has_said(&self, words: &str) -> bool {
        let State::Running { log_start, .. } = &self.state else { return false };
        let log = std::fs::read(&self.plan.log).unwrap_or_default();
        let own = usize::try_from(*log_start).ok().and_then(|start| log.get(start..)).unwrap_or_default();
        String::from_utf8_lossy(own).contains(words)
    }

    /// Notices an end, and restarts when it is time. Failing for good is an error with the last log lines.
    pub(super) fn tick(&mut self) -> Result<()> {
        match &mut self.state {
            State::Running { child, since, .. } => {
                let since = *since;
                if let Some(status) = child.try_wait()? {
                    self.ended(status, since.elapsed())?;
                }
            }
            State::Waiting { until } if Instant::now() >= *until => self.state = spawn(&self.plan)?,
            State::Waiting { .. } | State::Done => {}
        }
        Ok(())
    }

    fn ended(&mut self, status: ExitStatus, lived: Duration) -> Result<()> {
        if status.success() && self.plan.ends {
            self.state = State::Done;
            return Ok(());
        }
        if lived >= SETTLED {
            self.failures = 0;
            self.backoff = FIRST_BACKOFF;
        }
        // A signal comes from outside: only an exit code says that the process gave up by itself.
        if status.code().is_some_and(|code| code != 0) {
            self.failures += 1;
        }
        if self.failures >= FAILURES {
            self.state = State::Done;
            bail!(
                "{} ended {FAILURES} times ({status}); its log, {}, ends with:\n{}",
                self.plan.name,
                self.plan.log.display(),
                self.last_lines()
            );
        }
        // On a terminal the progress line stands there.
        let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
        eprintln!("{clear}demo: {} ended ({status}), restarting it in {:?}", self.plan.name, self.backoff);
        self.state = State::Waiting { until: Instant::now() + self.backoff };
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
        Ok(())
    }

    /// Asks it to drain, and kills it if that takes too long.
    pub(super) fn stop(&mut self) {
        if let State::Running { child, .. } = &mut self.state
            && let Err(error) = stop_child(child)
        {
            eprintln!("demo: {} (process {}) could not be stopped: {error:#}", self.plan.name, child.id());
        }
        self.state = State::Done;
    }

    fn last_lines(&self) -> String {
        let log = std::fs::read(&self.plan.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stop_child(child: &mut Child) -> Result<()> {
    signal(child, Signal::TERM)?;
    let deadline = Instant::now() + DRAIN;
    while child.try_wait()?.is_none() {
        if Instant::now() >= deadline {
            signal(child, Signal::KILL)?;
            child.wait()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// To its whole group. The child is not yet reaped, so its id cannot have become another process's.
fn signal(child: &mut Child, signal: Signal) -> Result<()> {
    if child.try_wait()?.is_none() {
        let id = Pid::from_raw(i32::try_from(child.id())?).context("a child has an id")?;
        kill_process_group(id, signal)?;
    }
    Ok(())
}

/// In a process group of its own, so that Ctrl-C reaches the demo alone and it stops them in order; and by
/// way of [`become_program`], so that it does not outlive a demo that is killed.
fn spawn(plan: &Plan) -> Result<State> {
    let log = OpenOptions::new().create(true).append(true).open(&plan.log);
    let log: File = log.with_context(|| format!("cannot write {}", plan.log.display()))?;
    let log_start = log.metadata()?.len();
    // This program itself, even where a build has replaced its file meanwhile.
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["become", "--parent", &std::process::id().to_string(), "--"])
        .arg(&plan.program)
        .args(&plan.args)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    // The written Connector.yaml is meant as it is.
    for variable in OVERRIDES {
        command.env_remove(variable);
    }
    let child = command.spawn().with_context(|| format!("{} does not start", plan.name))?;
    Ok(State::Running { child, since: Instant::now(), log_start })
}

/// The variables that override `Connector.yaml`.
const OVERRIDES: [&str; 9] = [
    "KAFKA_BOOTSTRAP",
    "KAFKA_GROUP_ID",
    "KAFKA_TOPICS",
    "CLICKHOUSE_HOST",
    "CLICKHOUSE_PORT",
    "CLICKHOUSE_USER",
    "CLICKHOUSE_PASSWORD",
    "CLICKHOUSE_DB",
    "HTTP_PORT",
];

/// The hidden command `become`: asks the kernel to kill this process when `parent` ends, and becomes the
/// program, which keeps that promise.
pub(crate) fn become_program(parent: i32, line: &[OsString]) -> Result<ExitCode> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(|id| id.as_raw_nonzero().get()) != Some(parent) {
        bail!("the demo ended before its process began");
    }
    let (program, args) = line.split_first().context("a program is named")?;
    let error = Command::new(program).args(args).exec();
    Err(error).with_context(|| format!("{} does not start", program.display()))
}

#[cfg(test)]
mod tests;
