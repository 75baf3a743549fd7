//! A server of this package's own binary, in a folder of its own, for one test.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A variable that the tests need; its absence is a failure that says what to do.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: `cargo xtask prepare` prints what to export"))
}

/// A command line of the server on this folder and any free port.
pub(crate) fn command(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voc-clickhouse-local"));
    command.args(["--library", &variable("VOC_LIBCHDB"), "--port", "0", "--path"]).arg(path);
    command.env_remove("CLICKHOUSE_PASSWORD").env("RUST_LOG", "warn").stdout(Stdio::piped());
    command
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) port: u16,
    _folder: Option<TempDir>,
}

impl Server {
    /// Starts on a new folder.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self::on(&mut command(folder.path()));
        server._folder = Some(folder);
        server
    }

    /// Starts this command line and waits until it listens.
    pub(crate) fn on(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("the server says where it listens");
        // The rest of the log must go somewhere, or the server would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, url, port, _folder: None }
    }

    /// Runs a statement and gives status and body.
    pub(crate) fn ask(&self, parameters: &str, sql: impl AsRef<[u8]>) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let agent = ureq::Agent::new_with_config(config);
        let url = format!("{}/?{parameters}", self.url);
        let mut answer = agent.post(url).send(sql.as_ref()).expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("text");
        (status, body)
    }

    /// Runs a statement that has to succeed, and gives its output without the last line end.
    pub(crate) fn run(&self, sql: &str) -> String {
        let (status, body) = self.ask("", sql);
        assert_eq!(status, 200, "{sql}: {body}");
        body.trim_end().to_owned()
    }

    /// Opens a connection and sends the head of a POST; `framing` is its Content-Length or such.
    pub(crate) fn post(&self, parameters: &str, framing: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        let head = format!("POST /?{parameters} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the head is taken");
        stream
    }

    /// The most memory that the server has used, in MiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 20 seconds: {what}");
        std::thread::yield_now();
    }
}

/// Everything the other side still sends.
pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A statement as a URL parameter.
pub(crate) fn in_url(sql: &str) -> String {
    let escaped: String = sql.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("query={escaped}")
}
