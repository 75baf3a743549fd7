//! An API of the test's own, its answers with their heads, and its streams.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use voc_tests::harness::connector::command;
use voc_tests::harness::eventually;
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

const SECRET: &[u8] = b"a secret of more than 32 bytes, for tests";

/// A token of this tenant that expires in so many seconds.
pub(super) fn token(tenant: &str, expires_in: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({"sub": "ana", "tenant": tenant, "roles": ["analytics.view"], "exp": now + expires_in});
    let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
    format!("Bearer {token}")
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    headers: ureq::http::HeaderMap,
}

impl Answer {
    /// A header; empty where it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) struct Serving {
    pub(super) process: Process,
    pub(super) port: u16,
    _folder: TempDir,
}

impl Serving {
    /// Starts one over a stage's database, with these keys of the section `api`.
    pub(super) fn start(stage: &Stage, api: &Value) -> Self {
        Self::before(stage, api, None)
    }

    /// The same, with ClickHouse at another port.
    pub(super) fn before(stage: &Stage, api: &Value, clickhouse: Option<u16>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = stage.config.clone();
        config["api"] = api.clone();
        config["api"]["port"] = 0.into();
        if let Some(port) = clickhouse {
            config["clickhouse"]["port"] = port.into();
        }
        let mut process =
            Process::start("api", &mut command("voc-api", folder.path(), &config), folder.path());
        let port = process.said("listening address=").rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port, _folder: folder }
    }

    /// One that asks for tokens of ours.
    pub(super) fn with_credentials(stage: &Stage, api: &Value) -> Self {
        let secret = stage.folder().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let mut api = api.clone();
        api["access"] = json!({"mode": "credentials", "jwt": {"key_file": secret, "algorithm": "HS256"}});
        Self::start(stage, &api)
    }

    /// Asks with these headers.
    pub(super) fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let mut request = Agent::new_with_config(config).get(format!("http://127.0.0.1:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.call().unwrap();
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: answer.status().as_u16(), body, headers: answer.headers().clone() }
    }

    /// The value of one of its metrics, written with its labels; 0 where it is not there.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let Value::String(text) = self.ask("/metrics", &[]).body else { panic!("metrics are text") };
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Begins to listen; gives the status where it is no stream.
    pub(super) fn listen(&self, path: &str, headers: &[(&str, &str)]) -> Result<Stream, u16> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // By HTTP/1.0 an answer comes as it is, and ends with its connection.
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(connection, "GET {path} HTTP/1.0\r\n{headers}\r\n").unwrap();
        let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        if status != 200 {
            return Err(status);
        }
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut message = Message::default();
            for line in lines {
                match line.split_once(": ") {
                    Some(("event", event)) => message.event = event.to_owned(),
                    Some(("id", id)) => message.id = id.to_owned(),
                    Some(("data", data)) => message.data = serde_json::from_str(data).unwrap(),
                    _ if line.is_empty() && !message.event.is_empty() => {
                        hearing.lock().unwrap().messages.push(std::mem::take(&mut message));
                    }
                    _ => {}
                }
            }
            hearing.lock().unwrap().has_ended = true;
        });
        Ok(Stream { connection, heard })
    }
}

/// One message of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Message {
    pub(super) event: String,
    pub(super) id: String,
    pub(super) data: Value,
}

#[derive(Default)]
struct Heard {
    messages: Vec<Message>,
    has_ended: bool,
}

/// A stream that is listened to until it is dropped.
pub(super) struct Stream {
    connection: TcpStream,
    heard: Arc<Mutex<Heard>>,
}

impl Stream {
    /// All messages so far.
    pub(super) fn messages(&self) -> Vec<Message> {
        self.heard.lock().unwrap().messages.clone()
    }

    /// Waits for a message after the first `known` that is this event.
    pub(super) fn until(&self, event: &str, known: usize) -> Message {
        eventually(&format!("a message `{event}`"), || {
            self.messages().into_iter().skip(known).find(|message| message.event == event)
        })
    }

    /// Waits until it has ended.
    pub(super) fn until_it_ends(&self) -> Vec<Message> {
        eventually("the stream ends", || self.heard.lock().unwrap().has_ended.then_some(()));
        self.messages()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}
