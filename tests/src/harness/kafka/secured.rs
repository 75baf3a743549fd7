//! A second listener, with TLS and a password.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::ports;

const MECHANISM: &str = "SCRAM-SHA-512";
const USER: &str = "voc";
const PASSWORD: &str = "voc-password";
const STORE: &str = "kafka.p12";
const STORE_PASSWORD: &str = "of-the-store";

/// The listener, its certificate and its only user.
#[derive(Debug)]
pub struct Secured {
    port: u16,
    store: PathBuf,
    certificate: PathBuf,
}

impl Secured {
    /// Makes a key and a certificate that is signed with it.
    pub(super) fn prepare(folder: &Path) -> Self {
        let [port] = ports::free();
        let (store, certificate) = (folder.join(STORE), folder.join("kafka.pem"));
        let mut make = keytool("-genkeypair", &store);
        make.args(["-keyalg", "EC", "-dname", "CN=kafka", "-ext", "san=ip:127.0.0.1", "-validity", "2"]);
        run(&mut make);
        run(keytool("-exportcert", &store).arg("-rfc").arg("-file").arg(&certificate));
        Self { port, store, certificate }
    }

    /// `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The properties of librdkafka that it takes.
    pub fn properties(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("security.protocol", "sasl_ssl".to_owned()),
            ("ssl.ca.location", self.certificate.display().to_string()),
            ("sasl.mechanism", MECHANISM.to_owned()),
            ("sasl.username", USER.to_owned()),
            ("sasl.password", PASSWORD.to_owned()),
        ])
    }

    /// The properties of the broker.
    pub(super) fn of_the_broker(&self) -> [(&'static str, String); 5] {
        [
            ("sasl.enabled.mechanisms", MECHANISM.to_owned()),
            (
                "listener.name.secured.scram-sha-512.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned(),
            ),
            ("ssl.keystore.type", "PKCS12".to_owned()),
            ("ssl.keystore.location", self.store.display().to_string()),
            ("ssl.keystore.password", STORE_PASSWORD.to_owned()),
        ]
    }

    /// The arguments of the command that formats the storage: the user is there from the beginning.
    pub(super) fn user(&self) -> Vec<String> {
        vec!["--add-scram".to_owned(), format!("{MECHANISM}=[name={USER},password={PASSWORD}]")]
    }
}

fn keytool(what: &str, store: &Path) -> Command {
    let mut command = Command::new("keytool");
    command.args([what, "-alias", "kafka", "-storetype", "PKCS12", "-storepass", STORE_PASSWORD]);
    command.arg("-keystore").arg(store);
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("keytool does not start: {error}"));
    assert!(output.status.success(), "keytool: {}", String::from_utf8_lossy(&output.stdout));
}
