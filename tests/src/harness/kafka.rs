//! A real Kafka: one node, broker and controller in one, from Apache Kafka's own jars.

pub mod producer;
pub mod record;
pub mod secured;
mod topics;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use super::process::Process;
use super::{eventually, ports, variable};
use producer::Producer;
use secured::Secured;

/// One node in a folder and on ports of its own. It makes no topic by itself.
#[derive(Debug)]
pub struct Kafka {
    process: Process,
    port: u16,
    secured: Option<Secured>,
    folder: TempDir,
}

impl Kafka {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not come to answer.
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// Starts one that also listens with TLS and asks for a password: [`Kafka::secured`].
    ///
    /// # Panics
    /// Where it does not come to answer.
    pub fn start_secured() -> Self {
        Self::launch(true)
    }

    /// The one that all tests share that leave it running: each has topics of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn launch(is_secured: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [port, controller] = ports::free();
        let secured = is_secured.then(|| Secured::prepare(folder.path()));
        let configuration = configuration(folder.path(), port, controller, secured.as_ref());
        fs::write(folder.path().join(CONFIGURATION), configuration).expect("a configuration can be written");
        format(folder.path(), secured.as_ref());
        let mut kafka = Self { process: spawn(folder.path()), port, secured, folder };
        kafka.until_it_answers();
        kafka
    }

    /// `HOST:PORT`, the same after it was started again.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What a client needs for the listener with TLS and a password.
    ///
    /// # Panics
    /// Where it was not started with one.
    pub fn secured(&self) -> &Secured {
        self.secured.as_ref().expect("started with `start_secured`")
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its folder and ports.
    pub fn start_again(&mut self) {
        self.process = spawn(self.folder.path());
        self.until_it_answers();
    }

    /// A producer, with further properties of librdkafka.
    pub fn producer(&self, properties: &[(&str, &str)]) -> Producer {
        Producer::new(self.client(), properties)
    }

    /// A configuration for a client of any kind, with the address and nothing else.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    fn until_it_answers(&mut self) {
        eventually("Kafka answers", || {
            assert!(self.process.is_running(), "Kafka ended:\n{}", self.process.log());
            // A client that was refused waits before it tries again, so it comes only when somebody listens.
            TcpStream::connect(("127.0.0.1", self.port)).ok()?;
            let client: BaseConsumer = self.client().create().expect("a client");
            let metadata = client.fetch_metadata(None, Duration::from_secs(1)).ok()?;
            (!metadata.brokers().is_empty()).then_some(())
        });
    }
}

const CONFIGURATION: &str = "server.properties";

fn configuration(folder: &Path, port: u16, controller: u16, secured: Option<&Secured>) -> String {
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{port}");
    let mut properties = BTreeMap::from([
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL".to_owned(),
        ),
        ("log.dirs", folder.join("data").display().to_string()),
        ("auto.create.topics.enable", "false".to_owned()),
        // One node holds the only copy of what Kafka keeps for itself.
        ("offsets.topic.num.partitions", "1".to_owned()),
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("transaction.state.log.num.partitions", "1".to_owned()),
        ("transaction.state.log.replication.factor", "1".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
        // So that what a test waits for comes soon; the first one after a kill, when the node that was is
        // still believed to be there.
        ("broker.session.timeout.ms", "3000".to_owned()),
        ("broker.heartbeat.interval.ms", "500".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ("group.min.session.timeout.ms", "1000".to_owned()),
        ("log.cleaner.backoff.ms", "100".to_owned()),
    ]);
    if let Some(secured) = secured {
        listeners.push_str(&format!(",SECURED://{}", secured.bootstrap()));
        properties.extend(secured.of_the_broker());
    }
    properties.insert("advertised.listeners", listeners.clone());
    properties.insert("listeners", format!("{listeners},CONTROLLER://127.0.0.1:{controller}"));
    properties.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

/// Kafka starts on no folder that was not formatted.
fn format(folder: &Path, secured: Option<&Secured>) {
    let mut command = java(folder);
    // The identity of a cluster, in Kafka's spelling: any 16 bytes.
    command.args(["kafka.tools.StorageTool", "format", "--cluster-id", "dm9jLXRlc3RzLWthZmthMQ"]);
    command.arg("--config").arg(folder.join(CONFIGURATION));
    command.args(secured.map(Secured::user).unwrap_or_default());
    let mut tool = Process::start("format", &mut command, folder);
    assert!(tool.wait().success(), "Kafka's storage cannot be formatted:\n{}", tool.log());
}

fn spawn(folder: &Path) -> Process {
    let mut command = java(folder);
    Process::start("kafka", command.arg("kafka.Kafka").arg(folder.join(CONFIGURATION)), folder)
}

/// A small machine, whose files all lie in the folder.
fn java(folder: &Path) -> Command {
    let mut command = Command::new("java");
    command
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData"])
        .arg(format!("-Djava.io.tmpdir={}", folder.display()))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .args(["-cp", &format!("{}/*", variable("VOC_KAFKA"))]);
    command
}
