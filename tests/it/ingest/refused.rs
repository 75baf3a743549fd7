//! What is not taken is said: of each event, of a request as a whole, of another tenant's.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;

use super::rig::{Api, JSON, NDJSON, post, stage};

fn good(number: u32) -> String {
    call("acme", number)
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

#[test]
fn each_event_of_a_request_gets_its_own_result_and_the_good_ones_are_stored() {
    let stage = stage("ingest_results");
    let api = Api::start(&stage);
    let (first, last) = (good(1), good(5));
    let no_time = good(3).replace("timestamp", "time");
    let future = good(4).replace("\"timestamp\":", "\"timestamp\":9");
    let lines = [&first, "", "{\"event_id\":", &call("other", 2), &no_time, &future, " \t", &last, "7"];
    let posted = api.post("acme", NDJSON, lines.join("\n"));
    let results = [
        json!({"index": 0, "status": "accepted", "event_id": id(1)}),
        json!({"index": 2, "status": "rejected", "code": "not_json",
            "message": "the record ends at byte 12 before its JSON does"}),
        json!({"index": 3, "status": "rejected", "code": "forbidden", "field": "tenant_id",
            "message": "the event is of another tenant than the path"}),
        json!({"index": 4, "status": "rejected", "code": "missing_field", "field": "timestamp",
            "message": "the field is required"}),
        json!({"index": 5, "status": "rejected", "code": "future_timestamp", "field": "timestamp",
            "message": "the time lies too far after the record's own"}),
        json!({"index": 7, "status": "accepted", "event_id": id(5)}),
        json!({"index": 8, "status": "rejected", "code": "not_object",
            "message": "the record is JSON, but not an object"}),
    ];
    assert_eq!(posted.status, 207);
    assert_eq!(posted.body, json!({"accepted": 2, "rejected": 5, "results": results}));

    // Of none, the status says it, too; and what is in the body is still each one's.
    let posted = api.refuses("acme", JSON, format!("[{no_time},{}]", call("other", 6)), 422, "all_rejected");
    let codes: Vec<&Value> =
        posted.body["results"].as_array().unwrap().iter().map(|result| &result["code"]).collect();
    assert_eq!(codes, ["missing_field", "forbidden"]);
    // An object over many lines is stored on one, every number as it was written.
    let pretty = good(7).replace(",\"", ",\r\n\t\"").replace('{', "{\n \"duration_ms\" : 1.50e+3,\n");
    assert_eq!(api.post("acme", JSON, &pretty).status, 202);

    stage.run_once();
    let spool = input::read(&stage.file);
    assert_eq!(spool, [first, last, pretty.replace(['\r', '\n'], "")].map(String::into_bytes));
    stage.assert_stored(&Oracle::of(&spool));
    assert_eq!(stage.database.number("SELECT count() FROM voc_dead_letters"), 0);
    let number = "SELECT count() FROM voc_events WHERE payload LIKE '%\"duration_ms\" : 1.50e+3%'";
    assert_eq!(stage.database.number(number), 1);
}

#[test]
fn the_params_of_the_smartmodule_hold_here_too() {
    let mut stage = stage("ingest_params");
    stage.config["transforms"][0]["with"] = json!({"max_bytes": "300", "max_depth": "2"});
    let api = Api::start(&stage);
    let deep = good(1).replace('{', "{\"metadata\":{\"a\":{}},");
    let large = good(2).replace("Good", &"Good ".repeat(60));
    let posted = api.refuses("acme", JSON, format!("[{deep},{large}]"), 422, "all_rejected");
    assert_eq!(
        (&posted.body["results"][0]["code"], &posted.body["results"][1]["code"]),
        (&json!("too_deep"), &json!("too_large"))
    );
}

#[test]
fn a_body_that_cannot_be_taken_is_a_problem_that_says_why() {
    let mut stage = stage("ingest_bodies");
    stage.config["api"]["ingest"]["body_bytes"] = 2_000.into();
    stage.config["api"]["ingest"]["events"] = 3.into();
    let api = Api::start(&stage);
    for (kind, body, status, code) in [
        (JSON, "", 400, "no_events"),
        (JSON, "[]", 400, "no_events"),
        (NDJSON, "\n \n", 400, "no_events"),
        (JSON, "{\"event_id\":", 400, "not_json"),
        (JSON, "[{},]", 400, "not_json"),
        (JSON, "\"call\"", 400, "not_json"),
        (JSON, "[1,2,3,4]", 413, "too_many_events"),
        (NDJSON, "1\n2\n3\n4", 413, "too_many_events"),
        (NDJSON, &"x".repeat(2_001), 413, "body_too_large"),
        ("text/plain", "{}", 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", "{}", 415, "unsupported_media_type"),
    ] {
        api.refuses("acme", kind, body, status, code);
    }
    api.refuses("%00", JSON, good(1), 400, "bad_parameter");
    assert!(input::read(&stage.file).is_empty(), "nothing of that is in the spool");
}

#[test]
fn a_body_of_megabytes_is_taken() {
    let stage = stage("ingest_megabytes");
    let api = Api::start(&stage);
    let events: Vec<String> =
        (0..9).map(|number| good(number).replace("Good", &"x".repeat(450_000))).collect();
    api.accepts("acme", &events);
    assert_eq!(input::read(&stage.file), events.into_iter().map(String::into_bytes).collect::<Vec<_>>());
}

#[test]
fn only_a_tenants_manager_may_post_and_only_its_own_events() {
    let mut stage = stage("ingest_tenants");
    let secret = stage.folder().join("secret");
    let bytes = b"a secret of more than 32 bytes, for tests";
    std::fs::write(&secret, bytes).unwrap();
    stage.config["api"]["access"] =
        json!({ "mode": "credentials", "jwt": { "key_file": secret, "algorithm": "HS256" } });
    let api = Api::start(&stage);
    let token = |tenant: &str, role: &str| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({"sub": "ana", "tenant": tenant, "roles": [role], "exp": now + 600});
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(bytes)).unwrap();
        format!("Bearer {token}")
    };
    let manage = token("acme", "analytics.manage");
    for (authorization, tenant, event, status, code) in [
        (String::new(), "acme", good(1), 401, "unauthenticated"),
        (token("acme", "analytics.view"), "acme", good(1), 403, "forbidden"),
        (token("acme", "analytics.operate"), "acme", good(1), 403, "forbidden"),
        (token("other", "analytics.manage"), "acme", good(1), 403, "forbidden"),
        (manage.clone(), "other", call("other", 1), 403, "forbidden"),
        (manage.clone(), "acme", call("other", 1), 422, "all_rejected"),
        (manage.clone(), "acme", good(1).replace("\"acme\"", "\"acme \""), 422, "all_rejected"),
    ] {
        let posted = post(api.port, tenant, JSON, &authorization, &event).unwrap();
        assert_eq!(
            (posted.status, &posted.body["code"]),
            (status, &json!(code)),
            "{tenant} {event} {posted:?}"
        );
        if status == 422 {
            assert_eq!(posted.body["results"][0]["code"], "forbidden");
        }
    }
    let mixed = format!("{}\n{}", call("other", 2), good(2));
    let posted = post(api.port, "acme", NDJSON, &manage, mixed).unwrap();
    assert_eq!((posted.status, &posted.body["accepted"]), (207, &json!(1)), "{posted:?}");
    stage.run_once();
    let stored = stage.database.lines("SELECT tenant_id, event_id FROM voc_events");
    assert_eq!(stored, [format!("acme\t{}", id(2))], "nothing else of anybody");
}
