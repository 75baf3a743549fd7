//! Answers that are kept: for how long, for whom, and how often ClickHouse is asked.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use voc_tests::harness::eventually;
use voc_tests::harness::gate::Gate;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::stage::Stage;

use super::serving::{Serving, token};

/// A stage with so many calls of `acme`.
fn stage(name: &str, calls: u32) -> Stage {
    let stage = Stage::new(name);
    input::write(&stage.file, (0..calls).map(|number| call("acme", number)));
    stage.run_once();
    stage
}

/// One more call of `acme` is stored.
fn one_more(stage: &Stage, number: u32) {
    input::append(&stage.file, [call("acme", number)]);
    stage.run_once();
}

const SUMMARY: &str = "/v1/tenants/acme/summary";

fn events(api: &Serving, path: &str, headers: &[(&str, &str)]) -> u64 {
    let answer = api.ask(path, headers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["current"]["events"].as_u64().unwrap()
}

#[test]
fn an_answer_is_kept_as_long_as_it_says_and_asked_anew_where_the_caller_wants() {
    let stage = stage("kept", 3);
    let gate = Gate::before(&stage.database);
    let api = Serving::before(&stage, &json!({"cache": {"seconds": 3600}}), Some(gate.port()));
    let first = api.ask(SUMMARY, &[]);
    assert_eq!((first.status, &first.body["current"]["events"]), (200, &json!(3)));
    assert_eq!((first.header("cache-control"), first.header("age")), ("private, max-age=3600", "0"));
    assert_eq!(first.header("vary"), "accept, authorization");
    one_more(&stage, 3);

    // Within its lifetime it is given as it was, and nobody asks ClickHouse; its id is the request's own.
    let asked = gate.questions();
    let again = api.ask(SUMMARY, &[]);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(again.header("x-content-type-options"), "nosniff");
    assert_eq!(gate.questions(), asked);
    eventually("its age is stated", || (api.ask(SUMMARY, &[]).header("age") != "0").then_some(()));
    assert_eq!(events(&api, SUMMARY, &[("cache-control", "max-age=3600")]), 3);
    assert_eq!(gate.questions(), asked);

    // Whoever wants no store is not answered from it, nor is the answer put there.
    assert_eq!(events(&api, SUMMARY, &[("cache-control", "no-store")]), 4);
    assert_eq!(events(&api, SUMMARY, &[]), 3);
    // A fresh answer is the one that is kept from then on.
    assert_eq!(events(&api, SUMMARY, &[("cache-control", "no-cache")]), 4);
    assert_eq!(events(&api, SUMMARY, &[]), 4);
    one_more(&stage, 4);
    assert_eq!(events(&api, SUMMARY, &[("cache-control", "max-age=0")]), 5);
    assert_eq!(events(&api, SUMMARY, &[]), 5);
    assert_eq!(gate.questions(), asked + 3);

    // The order of the parameters does not matter, another value does.
    let (asked, both) = (gate.questions(), "/v1/tenants/acme/agents?type=call&limit=7");
    for path in [both, "/v1/tenants/acme/agents?limit=7&type=call", both] {
        assert_eq!(api.ask(path, &[]).status, 200);
    }
    assert_eq!(gate.questions(), asked + 1);
    assert_eq!(api.ask("/v1/tenants/acme/agents?limit=8&type=call", &[]).status, 200);
    assert_eq!(gate.questions(), asked + 2);
    // Given twice it is refused, kept or not.
    assert_eq!(api.ask("/v1/tenants/acme/agents?limit=7&type=call&limit=7", &[]).status, 400);

    // Pages of events are not kept.
    let page = api.ask("/v1/tenants/acme/events", &[]);
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
}

#[test]
fn after_its_lifetime_an_answer_is_not_given_any_more() {
    let stage = stage("lifetime", 1);
    let api = Serving::start(&stage, &json!({"cache": {"seconds": 1}}));
    assert_eq!(events(&api, SUMMARY, &[]), 1);
    one_more(&stage, 1);
    let answer = eventually("the answer is a new one", || {
        let answer = api.ask(SUMMARY, &[]);
        // Until then its age is below its lifetime.
        assert_eq!((answer.header("cache-control"), answer.header("age")), ("private, max-age=1", "0"));
        (answer.body["current"]["events"] == 2).then_some(answer)
    });
    assert_eq!(answer.status, 200);

    let never = Serving::start(&stage, &json!({"cache": {"seconds": 0}}));
    assert_eq!(never.ask(SUMMARY, &[]).header("cache-control"), "no-store");
    one_more(&stage, 2);
    assert_eq!(events(&never, SUMMARY, &[]), 3);
}

#[test]
fn what_fails_is_not_kept() {
    let stage = Stage::new("kept_errors");
    let api = Serving::start(&stage, &json!({"cache": {"seconds": 3600}}));
    let failed = api.ask(SUMMARY, &[]);
    assert_eq!((failed.status, failed.header("cache-control")), (503, "no-store"), "no tables yet");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    assert_eq!(events(&api, SUMMARY, &[]), 1);
}

#[test]
fn no_kept_answer_crosses_tenants_and_nobody_gets_one_without_a_credential() {
    let stage = Stage::new("kept_tenants");
    input::write(&stage.file, [call("acme", 1), call("globex", 1), call("globex", 2)]);
    stage.run_once();
    let api = Serving::with_credentials(&stage, &json!({"cache": {"seconds": 3600}}));
    let (acme, globex) = (token("acme", 600), token("globex", 600));
    let of = |tenant: &str| {
        [
            format!("/v1/tenants/{tenant}/summary"),
            format!("/v1/tenants/{tenant}/timeseries?granularity=month"),
            format!("/metrics/summary?tenant_id={tenant}"),
        ]
    };
    let mut kept = Vec::new();
    for path in of("acme") {
        let answer = api.ask(&path, &[("authorization", &acme)]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        kept.push(answer.body);
    }
    for (path, body) in of("acme").iter().zip(&kept) {
        for (authorization, status) in [
            (globex.as_str(), 403),
            ("Bearer nonsense", 401),
            ("Bearer e30.e30.", 401),
            (&token("acme", 0)[..40], 401),
        ] {
            let answer = api.ask(path, &[("authorization", authorization)]);
            assert_eq!((answer.status, answer.header("age")), (status, ""), "{path}");
            assert_eq!(answer.body["status"], status);
        }
        assert_eq!(api.ask(path, &[]).status, 401);
        // Another credential of the tenant shares it.
        let answer = api.ask(path, &[("authorization", &token("acme", 900))]);
        assert_eq!((answer.status, &answer.body), (200, body));
    }
    for (path, body) in of("globex").iter().zip(&kept) {
        let answer = api.ask(path, &[("authorization", &globex)]);
        assert_eq!(answer.status, 200);
        assert_ne!(&answer.body, body, "{path}");
    }
    // Every request is in the log, whoever answered it.
    let log = api.process.log();
    let asked = log.lines().filter(|line| line.contains(" path=\"/v1/tenants/acme/summary\"")).count();
    assert_eq!(asked, 7, "{log}");
}

/// A client that has sent its request and waits.
struct Waiting(TcpStream);

impl Waiting {
    fn send(api: &Serving, path: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", api.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        Self(stream)
    }

    fn answer(mut self) -> String {
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn those_who_ask_the_same_at_once_cause_one_question_also_when_the_first_leaves() {
    let stage = stage("single_flight", 5);
    let gate = Gate::before(&stage.database);
    let api = Serving::before(&stage, &json!({"cache": {"seconds": 3600}}), Some(gate.port()));
    for (path, the_first_leaves) in [(SUMMARY, false), ("/v1/tenants/acme/qos", true)] {
        let asked = gate.questions();
        gate.shut();
        let first = Waiting::send(&api, path);
        eventually("the first has asked", || (gate.questions() == asked + 1).then_some(()));
        let others: Vec<Waiting> = (0..31).map(|_| Waiting::send(&api, path)).collect();
        let first = (!the_first_leaves).then_some(first);
        // The server takes connections in their order: it has taken those before this one.
        assert_eq!(api.ask("/healthz", &[]).status, 200);
        gate.open();
        for answer in others.into_iter().chain(first).map(Waiting::answer) {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(answer.contains("cache-control: private, max-age=3600"), "{answer}");
        }
        assert_eq!(gate.questions(), asked + 1, "{path}");
    }
    assert_eq!(api.metric(r#"voc_api_cache_answers_total{origin="asked"}"#), 2);
}
