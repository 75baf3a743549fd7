//! One process under test: its log, its signals, its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::eventually;

/// Kills the process and removes its folder when standard input ends, which it does however the test
/// ends. Signals for the test's group are not for it.
const GUARD: &str = r#"trap '' INT TERM; read -r _; kill -KILL "$0"; sleep 1; rm -rf "$1""#;

/// Lines of the log that a failed test shows.
const TAIL: usize = 25;

/// A running process. Dropping it kills it, and shows the end of its log if the test failed.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    guard: Child,
    log: PathBuf,
    /// Where in the log the output of this process begins; earlier ones appended to the same file.
    log_start: usize,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts the command; its output goes to `NAME.log` in the folder.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(name: &'static str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).expect("a log can be written");
        let log_start = output.metadata().map_or(0, |metadata| metadata.len());
        let errors = output.try_clone().expect("a log can be written twice");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let guard = Command::new("sh")
            .args(["-c", GUARD, &child.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let log_start = usize::try_from(log_start).expect("a log fits in memory");
        Self { name, child, guard, log, log_start, ended: None }
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(log.get(self.log_start..).unwrap_or_default()).into_owned()
    }

    /// Waits until it has printed a line with these words, and gives what follows them, up to a space.
    ///
    /// # Panics
    /// Where it ends before, or prints no such line in time.
    pub fn said(&mut self, words: &str) -> String {
        let what = format!("{} prints `{words}`", self.name);
        eventually(&what, || {
            let log = self.log();
            // Only complete lines: the rest of one may still be on its way.
            let found = log.split_inclusive('\n').filter(|line| line.ends_with('\n')).find_map(|line| {
                let rest = &line[line.find(words)? + words.len()..];
                Some(rest.split_whitespace().next().unwrap_or_default().to_owned())
            });
            assert!(found.is_some() || self.is_running(), "{} ended before `{words}`:\n{log}", self.name);
            found
        })
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child can be waited for");
        }
        self.ended.is_none()
    }

    /// Asks it to end, with SIGTERM.
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends it with SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Holds it up, as if the machine had no time for it.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    fn signal(&mut self, signal: Signal) {
        // Not after its end: the number may be another's by then.
        if self.is_running() {
            let pid = Pid::from_child(&self.child);
            kill_process(pid, signal).expect("a child can be signalled");
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        eventually(&format!("{} ends", self.name), || {
            self.is_running();
            self.ended
        })
    }

    /// The most memory that it has used so far, in MiB; none where it has ended.
    ///
    /// # Panics
    /// Where the system does not tell.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        Some(kilobytes / 1024)
    }

    /// The processor time that all its threads have used so far; none once it was found to have ended.
    ///
    /// # Panics
    /// Where the system does not tell.
    pub fn cpu_time(&self) -> Option<Duration> {
        if self.ended.is_some() {
            return None;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a status");
        // The second field is the program's name, and may hold anything; utime is the 14th, stime the 15th.
        let (_, fields) = stat.rsplit_once(") ").expect("the name in brackets");
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse().unwrap_or(0)).sum();
        Some(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            eprintln!("── the end of {} ({:?})\n{tail}\n──", self.log.display(), self.ended);
        }
    }
}
