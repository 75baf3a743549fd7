//! A real Fluvio cluster: a controller (SC) and one streaming unit (SPU), started as `fluvio cluster start
//! --local` starts them, but in a folder and on ports of their own.

mod topics;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;
use super::{eventually, ports, variable};

const SPU: &str = "5001";

/// The topic in which Fluvio keeps the offsets of consumers.
const OFFSETS: &str = "consumer-offset";

/// A cluster, and a home folder whose profile names it.
#[derive(Debug)]
pub struct Fluvio {
    // The SPU is dropped first: without its controller it would only complain.
    spu: Process,
    // Held, not used: dropping it ends it.
    _controller: Process,
    ports: Ports,
    folder: TempDir,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    /// The controller's, for clients and for the SPU.
    controller: [u16; 2],
    /// The SPU's, for clients and for other SPUs.
    spu: [u16; 2],
}

impl Fluvio {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not come to answer.
    pub fn start() -> Self {
        Self::start_behind(|_| (), |()| None).0
    }

    /// Starts one whose clients reach the SPU through something else: what `before` puts before its port, and
    /// which listens on `port`, or nothing.
    ///
    /// # Panics
    /// Where it does not come to answer.
    pub fn start_behind<P>(before: impl FnOnce(u16) -> P, port: impl Fn(&P) -> Option<u16>) -> (Self, P) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ports = Ports { controller: ports::free(), spu: ports::free() };
        let [public, private] = ports.controller.map(address);
        let mut command = program("fluvio-run", folder.path());
        command.arg("sc").arg("--local").arg(folder.path().join("metadata"));
        command.args(["--bind-public", &public, "--bind-private", &private]);
        let mut controller = Process::start("sc", &mut command, folder.path());
        controller.said("Streaming Controller started");

        run(program("fluvio", folder.path()).args(["profile", "add", "tests", &public, "local"]));
        let proxy = before(ports.spu[0]);
        let public = address(port(&proxy).unwrap_or(ports.spu[0]));
        let private = address(ports.spu[1]);
        let mut register = program("fluvio", folder.path());
        register.args(["cluster", "spu", "register", "--id", SPU]);
        run(register.args(["--public-server", &public, "--private-server", &private]));
        let spu = spawn_spu(folder.path(), ports);
        let cluster = Self { spu, _controller: controller, ports, folder };
        cluster.until_it_serves();
        (cluster, proxy)
    }

    /// The one that all tests share that leave it running: each has topics of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Fluvio> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// The controller's `HOST:PORT`, which is what clients are told.
    pub fn endpoint(&self) -> String {
        address(self.ports.controller[0])
    }

    /// The folder that is `HOME` to whoever goes by Fluvio's current profile.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// The command line tool, with this cluster as its current profile.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("fluvio", self.home());
        command.args(arguments);
        command
    }

    /// Runs the command line tool; its output.
    ///
    /// # Panics
    /// Where it fails.
    pub fn cli(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments))
    }

    /// Loads a SmartModule under this name, and waits until the SPU has it.
    ///
    /// # Panics
    /// Where the cluster refuses.
    pub fn create_smartmodule(&self, name: &str, wasm: &Path) {
        run(self.command(&["smartmodule", "create", name, "--wasm-file"]).arg(wasm));
        // Nobody tells that it has arrived; to a consumer that comes too early, the SPU refuses it.
        let refusal = format!("SmartModuleNotFound {{ name: \"{name}\" }}");
        eventually(&format!("the SPU has the SmartModule {name}"), || {
            let refusals = || self.spu.log().matches(&refusal).count();
            let before = refusals();
            let all = ["consume", OFFSETS, "--beginning", "--disable-continuous", "--smartmodule", name];
            self.cli(&all);
            (refusals() == before).then_some(())
        });
    }

    /// Ends the SPU with SIGKILL, and waits until the controller knows.
    pub fn kill_spu(&mut self) {
        self.spu.kill();
        self.until_spu_is("Offline");
    }

    /// Starts the SPU again on its folder and ports.
    pub fn start_spu_again(&mut self) {
        self.spu = spawn_spu(self.folder.path(), self.ports);
        self.until_it_serves();
    }

    /// The SPU itself.
    pub fn spu(&mut self) -> &mut Process {
        &mut self.spu
    }

    fn until_spu_is(&self, wanted: &str) {
        eventually(&format!("the SPU is {wanted}"), || {
            let units = self.json(&["cluster", "spu", "list"]);
            (units[0]["status"]["resolution"] == wanted).then_some(())
        });
    }

    /// The controller makes the topic of offsets when it sees the first SPU.
    fn until_it_serves(&self) {
        self.until_spu_is("Online");
        eventually("all partitions are online", || {
            let own = self.partitions(OFFSETS);
            let others = self.json(&["partition", "list"]);
            let mut all = own.iter().chain(others.as_array().into_iter().flatten());
            (!own.is_empty() && all.all(topics::is_online)).then_some(())
        });
    }

    /// Runs a command that lists something.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = eventually(&format!("{arguments:?} is answered"), || {
            let output = self.command(arguments).args(["--output", "json"]).output().expect("fluvio starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || errors.contains("Timed out"), "{arguments:?}: {errors}");
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        });
        // Of nothing at all it prints no list, but a sentence.
        if !output.starts_with('[') {
            return Value::Null;
        }
        serde_json::from_str(&output).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{output}"))
    }
}

fn spawn_spu(folder: &Path, ports: Ports) -> Process {
    let [public, private] = ports.spu.map(address);
    let mut command = program("fluvio-run", folder);
    command.args(["spu", "--id", SPU, "--public-server", &public, "--private-server", &private]);
    command.args(["--sc-addr", &address(ports.controller[1]), "--log-base-dir"]).arg(folder.join("data"));
    // By default every SPU of a machine takes the same one.
    command.env("FLUVIO_METRIC_SPU", folder.join("spu.sock"));
    Process::start("spu", &mut command, folder)
}

/// One of Fluvio's programs, which knows nothing of the user's own cluster.
fn program(name: &str, home: &Path) -> Command {
    let mut command = Command::new(Path::new(&variable("VOC_FLUVIO_BIN")).join(name));
    command.env("HOME", home).env("RUST_LOG", "warn").env("NO_COLOR", "1");
    for (variable, _) in std::env::vars_os() {
        if ["FLV_", "FLUVIO_"].iter().any(|prefix| variable.as_encoded_bytes().starts_with(prefix.as_bytes()))
        {
            command.env_remove(variable);
        }
    }
    // Seconds that a client waits for an answer: 60 otherwise.
    command.env("FLV_SOCKET_WAIT", "10");
    command
}

/// Runs a program to its end; its output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{said}{errors}", output.status);
    said
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
