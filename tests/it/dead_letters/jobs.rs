//! The API requests, a running connector carries out.

use serde_json::{Value, json};
use voc_tests::harness::connector::command;
use voc_tests::harness::http::{self, Answer};
use voc_tests::harness::input::{self, call};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::{STREAM, Stage};
use voc_tests::harness::{eventually, variable};

use super::rig::{assert_ledger, assert_outcome, events, rejected};

/// The API's dead letters of one tenant.
struct Api {
    _process: Process,
    port: u16,
}

impl Api {
    fn start(stage: &Stage) -> Self {
        let mut command = command("voc-api", stage.folder(), &stage.config);
        let mut process = Process::start("api", &mut command, stage.folder());
        let address = process.said("listening address=");
        Self { _process: process, port: address.rsplit(':').next().unwrap().parse().unwrap() }
    }

    fn get(&self, tenant: &str, path: &str) -> (u16, Value) {
        document(&http::get(self.port, &format!("/v1/tenants/{tenant}/dead-letters{path}")).unwrap())
    }

    fn post(&self, tenant: &str, path: &str, body: &str) -> (u16, Value) {
        document(&http::post(self.port, &format!("/v1/tenants/{tenant}/dead-letters{path}"), body).unwrap())
    }

    /// Requests a job and waits for its end.
    #[track_caller]
    fn carried_out(&self, tenant: &str, path: &str, body: &str) -> Value {
        let (status, accepted) = self.post(tenant, path, body);
        assert_eq!(status, 202, "{accepted}");
        assert_eq!(accepted["job"]["state"], "requested", "{accepted}");
        let path = format!("/jobs/{}", accepted["job"]["id"].as_str().unwrap());
        assert_eq!(self.get("nobody", &path).0, 404, "a job is its tenant's alone");
        eventually("the job ends", || {
            let (_, answer) = self.get(tenant, &path);
            let is_over = ["done", "failed"].iter().any(|state| answer["job"]["state"] == *state);
            is_over.then(|| answer["job"].clone())
        })
    }
}

fn document(answer: &Answer) -> (u16, Value) {
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body)))
}

#[test]
fn a_tenant_sees_replays_and_purges_its_own_letters_over_the_api() {
    let stage = rejected("letters_api");
    let mut connector = stage.connector(&[]);
    connector.until_ready_is(200);
    let api = Api::start(&stage);

    let (_, page) = api.get("acme", "?limit=4");
    let offsets = |page: &Value| -> Vec<u64> {
        let letters = page["dead_letters"].as_array().unwrap();
        letters.iter().map(|letter| letter["origin_offset"].as_u64().unwrap()).collect()
    };
    assert_eq!(offsets(&page), [0, 3, 6, 9]);
    let next = page["next"].as_str().unwrap().replace('#', "%23");
    let (_, rest) = api.get("acme", &format!("?limit=4&after={next}&code=too_deep&state=open"));
    assert_eq!((offsets(&rest), &rest["next"]), (vec![12, 15], &Value::Null));
    assert_eq!(offsets(&api.get("nobody", "").1), [0; 0]);
    let (_, counts) = api.get("other", "/counts");
    assert_eq!(counts, json!({"counts": [{"code": "too_deep", "state": "open", "letters": 4}]}));

    let path = format!("/{STREAM}%231/0/0");
    let sent =
        stage.database.run("SELECT original FROM voc_dead_letters WHERE origin_offset = 0 FORMAT TSVRaw");
    let (_, shown) = api.get("acme", &path);
    assert_eq!((&shown["code"], &shown["original"]["text"]), (&json!("too_deep"), &json!(sent)));
    let raw = format!("/v1/tenants/acme/dead-letters{path}");
    assert_eq!(http::get_as(api.port, &raw, "application/octet-stream").unwrap().body, sent);
    assert_eq!(api.get("other", &path).0, 404, "a letter is its tenant's alone");

    assert_outcome(&api.carried_out("acme", "/replay", r#"{"code":"too_deep"}"#), 6, 6, 0);
    assert_eq!(events(&stage.database), ["acme\t14"]);
    assert_eq!(api.get("acme", &path).1["attempts"][0]["outcome"], "passed");
    let one = json!({"origin": {"stream": format!("{STREAM}#1"), "partition": 0, "offset": 4}}).to_string();
    assert_outcome(&api.carried_out("other", "/replay", &one), 1, 1, 0);
    assert_outcome(&api.carried_out("other", "/purge", r#"{"all":true}"#), 3, 3, 0);
    assert_outcome(&api.carried_out("other", "/replay", ""), 0, 0, 0);
    assert_ledger(&stage, 7);
    let counted = r#"voc_dead_letters_replayed_total{outcome="passed"}"#;
    assert_eq!(connector.metric(counted), Some(7.0));

    for (path, body) in [
        ("/purge", ""),
        ("/purge", "{}"),
        ("/purge", r#"{"all":true,"code":"x"}"#),
        ("/replay", "all"),
        ("/replay", r#"{"codes":["x"]}"#),
        ("/replay", r#"{"origin":{"stream":"a"}}"#),
        ("/replay?code=x", ""),
    ] {
        let (status, error) = api.post("acme", path, body);
        assert_eq!((status, &error["code"]), (400, &json!("bad_parameter")), "{path} {body}: {error}");
    }
    for path in ["?limit=0", "?limit=1001", "?state=lost", "?after=x", "?tenant_id=other", "/x/y/z"] {
        assert_eq!(api.get("acme", path).0, 400, "{path}");
    }
    assert_eq!(api.get("%00", "").0, 400);
    assert_eq!(api.get("acme", "/jobs/1").0, 404);
    connector.drain();
}

#[test]
fn a_job_of_a_dead_process_is_taken_up_again_and_the_pipeline_outlives_one_that_fails() {
    let mut stage = rejected("letters_taken_up");
    let begun = |id: u8, tenant: &str, by: &str| {
        stage.database.run(&format!(
            "INSERT INTO voc_replay_jobs (id, kind, tenant_id, requested_by, state, runner, updated_at) VALUES
                ('00000000-0000-0000-0000-00000000000{id}', 'replay', '{tenant}', '{by}', 'running', 'dead',
                now64(3) - 61)"
        ));
    };
    begun(1, "acme", "api");
    begun(2, "other", "command line");
    let ended = || stage.database.lines("SELECT state, done FROM voc_replay_jobs FINAL ORDER BY id");
    let connector = stage.connector(&[]);
    eventually("the jobs end", || (ended() == ["done\t6", "failed\t0"]).then_some(()));
    connector.drain();
    assert_ledger(&stage, 6);

    // A job that cannot be carried out does not stop what can.
    stage.config["source"]["file"]["follow"] = true.into();
    let wasm = stage.folder().join("voc.wasm");
    std::fs::copy(variable("VOC_SMARTMODULE"), &wasm).unwrap();
    stage.config["smartmodule"]["wasm"] = wasm.to_str().unwrap().into();
    let mut connector = stage.connector(&[]);
    connector.until_ready_is(200);
    std::fs::remove_file(&wasm).unwrap();
    let insert = "INSERT INTO voc_replay_jobs (id, kind, requested_by) VALUES
        ('00000000-0000-0000-0000-000000000003', 'replay', 'api')";
    stage.database.run(insert);
    let third = "SELECT state, message LIKE 'cannot read the SmartModule%' FROM voc_replay_jobs FINAL
        WHERE endsWith(toString(id), '3')";
    eventually("the job fails", || (stage.database.run(third) == "failed\t1").then_some(()));
    input::append(&stage.file, [call("acme", 99)]);
    stage.until_stored(27);
    connector.drain();
}
