//! An API that takes events, and what posts to it.

use serde_json::{Value, json};
use voc_tests::harness::connector::command;
use voc_tests::harness::http::{self, Answer};
use voc_tests::harness::ports;
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

pub(crate) const JSON: &str = "application/json";
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// A stage whose API appends to the file that its connector follows.
pub(crate) fn stage(name: &str) -> Stage {
    let mut stage = Stage::new(name);
    stage.config["api"] = json!({ "port": 0, "ingest": { "mode": "spool", "spool": stage.file } });
    stage
}

/// The same port for every API that follows on this stage, so that clients go on.
pub(crate) fn fix_port(stage: &mut Stage) -> u16 {
    let [port] = ports::free();
    stage.config["api"]["port"] = port.into();
    port
}

/// A running API.
pub(crate) struct Api {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

/// What a post was answered with.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) retry_after: Option<String>,
}

impl Api {
    pub(crate) fn start(stage: &Stage) -> Self {
        let mut command = command("voc-api", stage.folder(), &stage.config);
        let mut process = Process::start("api", &mut command, stage.folder());
        let address = process.said("listening address=");
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port }
    }

    /// Posts for a tenant.
    pub(crate) fn post(&self, tenant: &str, kind: &str, body: impl AsRef<[u8]>) -> Posted {
        post(self.port, tenant, kind, "", body).expect("the API answers")
    }

    /// Posts what has to be taken as a whole.
    #[track_caller]
    pub(crate) fn accepts(&self, tenant: &str, lines: &[String]) {
        let posted = self.post(tenant, NDJSON, lines.join("\n"));
        assert_eq!((posted.status, &posted.body["accepted"]), (202, &json!(lines.len())), "{posted:?}");
    }

    /// Posts what has to be refused as a whole, with a problem of this code.
    #[track_caller]
    pub(crate) fn refuses(
        &self,
        tenant: &str,
        kind: &str,
        body: impl AsRef<[u8]>,
        status: u16,
        code: &str,
    ) -> Posted {
        let posted = self.post(tenant, kind, body);
        assert_eq!((posted.status, &posted.body["code"]), (status, &json!(code)), "{posted:?}");
        assert_eq!(posted.body["status"], status, "a problem says its status, too: {posted:?}");
        posted
    }
}

/// Posts with a credential; none where nobody answers.
pub(crate) fn post(
    port: u16,
    tenant: &str,
    kind: &str,
    authorization: &str,
    body: impl AsRef<[u8]>,
) -> Option<Posted> {
    let path = format!("/v1/tenants/{tenant}/events");
    let (Answer { status, body }, retry_after) =
        http::post_as(port, &path, kind, authorization, body.as_ref())?;
    let body = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status}: {error}\n{body}"));
    Some(Posted { status, body, retry_after })
}
