//! What the API refuses: to be open to others, too many requests, too large questions; and what it says while it has
//! no ClickHouse.

mod outage;

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use voc_tests::harness::connector::command;
use voc_tests::harness::eventually;
use voc_tests::harness::exchange::{exchange, exchange_from};
use voc_tests::harness::http;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

const SUMMARY: &str = "GET /v1/tenants/acme/summary";
/// Requests one after the other, much faster than a limit of two a second lets through.
const QUICK: usize = 20;

struct Api {
    process: Process,
    port: u16,
}

impl Api {
    fn start(stage: &Stage) -> Self {
        let mut process = start(stage);
        let address = process.said("listening address=");
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port }
    }

    /// A metric, written with its labels.
    fn metric(&self, name: &str) -> Option<f64> {
        let metrics = http::get(self.port, "/metrics").expect("the API answers").body;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

fn start(stage: &Stage) -> Process {
    Process::start("api", &mut command("voc-api", stage.folder(), &stage.config), stage.folder())
}

/// A stage with some calls of two tenants.
fn stage(name: &str, limits: &Value) -> Stage {
    let mut stage = Stage::new(name);
    let calls = (0..40).map(|number| call(if number % 2 == 0 { "acme" } else { "other" }, number));
    input::write(&stage.file, calls);
    stage.run_once();
    // Every question is asked, none answered from what is kept.
    stage.config["api"] = json!({ "port": 0, "limits": limits, "cache": { "seconds": 0 } });
    stage
}

#[test]
fn an_api_that_is_open_to_others_does_not_start_and_says_why() {
    let mut stage = Stage::new("open_to_others");
    for host in ["0.0.0.0", "::"] {
        stage.config["api"] = json!({ "port": 0, "host": host });
        let mut api = start(&stage);
        assert_eq!(api.wait().code(), Some(1), "{host}: {}", api.log());
        for words in [
            &format!("api.host {host} is not a loopback address"),
            "every tenant",
            "api.access.mode: credentials",
        ] {
            assert!(api.log().contains(words), "{host}: not said: {words}\n{}", api.log());
        }
        assert!(!api.log().contains("listening"), "{}", api.log());
    }
    // With credentials it may.
    let keys = stage.folder().join("keys.yaml");
    std::fs::write(&keys, format!("- {{name: a, sha256: {}, tenant: acme, roles: []}}", "0".repeat(64)))
        .unwrap();
    let access = json!({ "mode": "credentials", "api_keys_file": keys });
    stage.config["api"] = json!({ "port": 0, "host": "0.0.0.0", "access": access });
    let api = Api::start(&stage);
    assert_eq!(exchange(api.port, SUMMARY, "").status, 401);
}

#[test]
fn more_requests_at_once_than_allowed_are_shed_and_afterwards_all_is_well() {
    const CONCURRENT: usize = 3;
    let mut stage = stage("shed", &json!({ "concurrent": CONCURRENT }));
    // Nobody answers behind this port yet.
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let clickhouse = stage.database.port();
    stage.config["clickhouse"]["port"] = gate.local_addr().unwrap().port().into();
    let api = Api::start(&stage);
    let port = api.port;
    let waiting: Vec<_> =
        (0..CONCURRENT).map(|_| thread::spawn(move || exchange(port, SUMMARY, ""))).collect();
    gate.set_nonblocking(true).unwrap();
    let held: Vec<TcpStream> = (0..CONCURRENT)
        .map(|_| eventually("the API asks ClickHouse", || gate.accept().ok().map(|(client, _)| client)))
        .collect();

    for _ in 0..QUICK {
        let shed = exchange(port, SUMMARY, "");
        assert_eq!((shed.status, shed.retry_after()), (503, Some(1)), "{shed:?}");
        assert!(shed.body.contains("too many requests at once"), "{shed:?}");
        assert!(shed.took < Duration::from_secs(1), "{shed:?}");
    }
    assert_eq!(exchange(port, "GET /healthz", "").status, 200, "probes are answered whatever happens");

    gate.set_nonblocking(false).unwrap();
    thread::spawn(move || {
        for client in held.into_iter().chain(gate.incoming().flatten()) {
            client.set_nonblocking(false).unwrap();
            thread::spawn(move || pass(&client, clickhouse));
        }
    });
    for request in waiting {
        let answer = request.join().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for _ in 0..QUICK {
        assert_eq!(exchange(port, SUMMARY, "").status, 200);
    }
    assert_eq!(api.metric(r#"voc_api_refused_requests_total{reason="busy"}"#), Some(20.0));
    assert_eq!(api.metric("voc_api_in_flight_requests"), Some(1.0), "this one");
}

/// Passes a connection on until an end closes it.
fn pass(client: &TcpStream, port: u16) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_question_that_reads_too_much_is_a_422_and_counted_as_failed() {
    let stage = stage("too_many_rows", &json!({ "query_rows": 1 }));
    let api = Api::start(&stage);
    // Of agents it is asked first which hours have changed.
    for (path, resource) in [("events", "events"), ("summary", "tenant_summary"), ("agents", "rollups")] {
        let answer = exchange(api.port, &format!("GET /v1/tenants/acme/{path}"), "");
        assert_eq!((answer.status, answer.code().as_deref()), (422, Some("too_many_rows")), "{answer:?}");
        assert!(answer.body.contains("shorter time"), "{answer:?}");
        let failed = format!(r#"voc_api_queries_total{{outcome="failed",resource="{resource}"}}"#);
        assert_eq!(api.metric(&failed), Some(1.0), "{path}");
    }
}

#[test]
fn a_tenant_that_asks_too_often_is_told_when_to_come_again_and_others_are_served() {
    let stage = stage("tenant_rate", &json!({ "tenant_per_second": 2 }));
    let api = Api::start(&stage);
    let answers: Vec<_> = (0..QUICK).map(|_| exchange(api.port, SUMMARY, "")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((answers[0].status, answers[1].status), (200, 200), "a second's worth may come at once");
    assert!(refused.len() >= QUICK / 2, "{answers:?}");
    for answer in &refused {
        assert_eq!(answer.code().as_deref(), Some("too_many_requests"));
        assert_eq!(answer.retry_after(), Some(1), "{answer:?}");
    }
    assert_eq!(exchange(api.port, "GET /v1/tenants/other/summary", "").status, 200);
    let counted = api.metric(r#"voc_api_refused_requests_total{reason="tenant"}"#);
    assert_eq!(counted, Some(refused.len() as f64));
    eventually("it may ask again", || (exchange(api.port, SUMMARY, "").status == 200).then_some(()));
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_come_again_and_others_are_served() {
    let stage = stage("address_rate", &json!({ "address_per_second": 2 }));
    let api = Api::start(&stage);
    let answers: Vec<_> = (0..QUICK).map(|_| exchange(api.port, SUMMARY, "")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() >= QUICK / 2, "{answers:?}");
    for answer in &refused {
        assert_eq!((answer.code().as_deref(), answer.retry_after()), (Some("too_many_requests"), Some(1)));
    }
    assert_eq!(exchange_from(Ipv4Addr::new(127, 0, 0, 2), api.port, SUMMARY, "").status, 200);
    assert_eq!(exchange(api.port, "GET /healthz", "").status, 200);
    eventually("it may ask again", || (exchange(api.port, SUMMARY, "").status == 200).then_some(()));
    let counted = eventually("it may ask for the metrics", || {
        api.metric(r#"voc_api_refused_requests_total{reason="address"}"#)
    });
    assert!(counted >= refused.len() as f64, "{counted}");
}

#[test]
fn what_queries_read_is_counted_by_resource_and_no_tenant_is_a_label() {
    let stage = stage("counted", &json!({}));
    let api = Api::start(&stage);
    for _ in 0..3 {
        for question in ["summary", "events", "dead-letters", "nowhere/acme"] {
            exchange(api.port, &format!("GET /v1/tenants/acme/{question}"), "");
        }
    }
    for resource in ["tenant_summary", "events"] {
        let metric = |name: &str, labels: &str| {
            api.metric(&format!(r#"voc_api_quer{name}{{{labels}resource="{resource}"}}"#)).unwrap_or_default()
        };
        let answered = metric("ies_total", r#"outcome="ok","#);
        assert!(answered >= 3.0, "{resource}: {answered}");
        // The summary in the answer's head has come through, of each query once, and with what it read.
        assert_eq!(metric("y_read_rows_count", ""), answered, "{resource}");
        assert_eq!(metric("y_seconds_count", ""), answered, "{resource}");
        assert!(metric("y_read_rows_sum", "") >= answered, "{resource}");
        assert!(metric("y_read_bytes_total", "") > 100.0 * answered, "{resource}");
    }
    let metrics = http::get(api.port, "/metrics").unwrap().body;
    assert!(metrics.contains(r#"route="/v1/tenants/{tenant}/summary""#), "{metrics}");
    assert!(!metrics.contains("acme"), "{metrics}");
}

#[test]
fn every_line_of_the_log_about_a_request_has_its_id() {
    let stage = stage("request_ids", &json!({ "query_rows": 1 }));
    let api = Api::start(&stage);
    for id in ["first", "second"] {
        let url = format!("http://127.0.0.1:{}/v1/tenants/acme/summary", api.port);
        let status = ureq::get(url).header("x-request-id", id).call();
        assert!(matches!(status, Err(ureq::Error::StatusCode(422))), "{status:?}");
        // One line is in the request's span, the other one, which comes last, names it itself.
        let failed = format!("request{{request_id={id}}}: voc_api::error: a query reads too much");
        let asked = format!("voc_api::asked: asked request_id=\"{id}\"");
        for words in [&failed, &asked] {
            eventually(&format!("the log says `{words}`"), || {
                api.process.log().contains(words).then_some(())
            });
        }
    }
}
