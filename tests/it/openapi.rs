//! The API keeps what its OpenAPI document promises: schemathesis, which nobody here wrote, makes requests from the
//! document, good and bad, and holds every answer against it.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};
use voc_tests::harness::connector::command;
use voc_tests::harness::http;
use voc_tests::harness::input;
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::variable;

/// Requests of each kind for each operation; beside them there are those that follow from the document alone.
const EXAMPLES: &str = "4";
const SEED: &str = "20261126";
const KEY: &str = "a-key-of-more-than-32-characters-for-tests";

/// A database with events and dead letters of several tenants.
fn filled(name: &str) -> Stage {
    let stage = Stage::new(name);
    input::write(&stage.file, input::lines(input::options(2_000, 1)));
    stage.run_once();
    stage
}

/// Runs it on the API of a configuration: on the stream, which does not end, with one request, as each takes the time that
/// it is read for; on all else with all that it has.
fn schemathesis(stage: &Stage, arguments: &[&str], config: &str) {
    const LIVE: &str = "/v1/tenants/{tenant}/live";
    let mut api =
        Process::start("api", &mut command("voc-api", stage.folder(), &stage.config), stage.folder());
    let port: u16 = api.said("listening address=").rsplit(':').next().unwrap().parse().unwrap();
    let file = stage.folder().join("schemathesis.toml");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schemathesis.toml");
    std::fs::write(&file, format!("{config}\n{}", std::fs::read_to_string(shipped).unwrap())).unwrap();
    for part in [["--exclude-path", LIVE].as_slice(), &["--include-path", LIVE, "--phases", "examples"]] {
        let output = Command::new(variable("VOC_PYTHON"))
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(&file)
            .args(["run", &format!("http://127.0.0.1:{port}/openapi.json"), "--no-color"])
            .args([
                "--checks",
                "all",
                "--seed",
                SEED,
                "--max-examples",
                EXAMPLES,
                "--generation-deterministic",
            ])
            .args(["--warnings", "off"])
            .args(part)
            .args(arguments)
            .current_dir(stage.folder())
            .output()
            .expect("VOC_PYTHON names a Python interpreter");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("No issues found"), "{out}{err}");
    }
    assert_eq!(http::get(port, "/readyz").map(|answer| answer.status), Some(200));
}

#[test]
fn schemathesis_finds_nothing_wrong_with_an_open_api() {
    schemathesis(&filled("openapi"), &[], "");
}

#[test]
fn schemathesis_finds_nothing_wrong_where_a_key_is_needed_and_there_are_events() {
    let mut stage = filled("openapi_key");
    let tenant = stage.database.run("SELECT any(tenant_id) FROM voc_dead_letters WHERE tenant_id != ''");
    let keys = stage.folder().join("keys.yaml");
    let roles = ["analytics.view", "analytics.manage", "analytics.operate"];
    let key = json!([{ "name": "test", "sha256": format!("{:x}", Sha256::digest(KEY)), "tenant": tenant, "roles": roles }]);
    std::fs::write(&keys, key.to_string()).unwrap();
    stage.config["api"] = json!({
        "port": 0,
        "ingest": { "mode": "spool", "spool": stage.folder().join("spool.ndjson") },
        "access": { "mode": "credentials", "api_keys_file": keys },
        "limits": { "tenant_per_second": 0, "address_per_second": 0 },
    });
    let pinned = format!("[parameters]\n\"path.tenant\" = {tenant:?}\n\"query.tenant_id\" = {tenant:?}\n");
    schemathesis(&stage, &["--header", &format!("Authorization: Bearer {KEY}")], &pinned);
}
