//! The API over a ClickHouse that the connector has filled.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use voc_tests::expect::expect;
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::connector::command;
use voc_tests::harness::http::{self, Answer};
use voc_tests::harness::input::{self, call, now_ms, seed};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

struct Api {
    _process: Process,
    port: u16,
}

impl Api {
    fn start(stage: &Stage) -> Self {
        let mut command = command("voc-api", stage.folder(), &stage.config);
        let mut process = Process::start("api", &mut command, stage.folder());
        let address = process.said("listening address=");
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { _process: process, port }
    }

    fn get(&self, path: &str) -> Answer {
        http::get(self.port, path).expect("the API answers")
    }

    fn summary(&self, tenant_id: &str, days: u32) -> Answer {
        self.get(&format!("/metrics/summary?tenant_id={}&days={days}", encoded(tenant_id)))
    }

    /// Sends a request line as it is, which no client would; gives the status.
    fn raw(&self, target: &[u8]) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = [b"GET ", target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("{} got no answer", String::from_utf8_lossy(target)))
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Equal, averages to 1e-9: ClickHouse adds in another order.
fn assert_rows(found: &Answer, expected: &[Value], tenant_id: &str) {
    assert_eq!(found.status, 200, "{tenant_id}: {}", found.body);
    let body: Value = serde_json::from_str(&found.body).unwrap();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["rows"]);
    let rows = body["rows"].as_array().unwrap();
    let counts = |rows: &[Value]| rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect::<Vec<_>>();
    assert_eq!(counts(rows), counts(expected), "{tenant_id}");
    for (found, expected) in rows.iter().zip(expected) {
        assert_eq!(found.as_array().map(Vec::len), Some(3));
        match (found[2].as_f64(), expected[2].as_f64()) {
            (Some(found), Some(expected)) => {
                assert!((found - expected).abs() < 1e-9, "{tenant_id}: {rows:?}");
            }
            (None, None) => assert!(found[2].is_null()),
            _ => panic!("{tenant_id}: {found} instead of {expected}"),
        }
    }
}

#[test]
fn the_summary_of_every_tenant_is_what_the_file_says() {
    let stage = Stage::new("summary");
    input::write(&stage.file, input::lines(input::options(20_000, seed())));
    stage.run_once();
    let text = std::fs::read(&stage.file).unwrap();
    let expected = expect(&text[..], now_ms(), false).unwrap();
    let api = Api::start(&stage);
    assert!(expected.tenants.len() >= 8);
    for (tenant_id, rows) in &expected.tenants {
        assert_rows(&api.summary(tenant_id, 3_650), rows, tenant_id);
    }
    assert_eq!(api.summary("nobody", 30).body, r#"{"rows":[]}"#);
}

#[test]
fn the_shape_is_exact_and_days_bound_what_counts() {
    let mut stage = Stage::new("shape");
    stage.config["transforms"][0]["with"]["sentiment"] = "keywords".into();
    let ago = |days: i64| now_ms() - days * 86_400_000 - 3_600_000;
    let event = |number: u32, days: i64, rest: &str| {
        format!(
            r#"{{"event_id":"00000000-0000-4000-8000-{number:012}","tenant_id":"acme","timestamp":{},{rest}}}"#,
            ago(days)
        )
    };
    let tomorrow = |rest: &str| event(9, -1, rest);
    let qos = r#""event_type":"qos_metric","metric":"mos","value":4"#;
    input::write(
        &stage.file,
        [
            event(1, 0, qos),
            event(2, 0, r#""event_type":"call","transcript":"bad""#),
            event(3, 5, r#""event_type":"call","transcript":"good, thank you""#),
            event(4, 0, r#""event_type":"agent_action","agent_id":"a","action":"refund""#),
            event(5, 40, r#""event_type":"call","transcript":"good""#),
            tomorrow(qos),
            // The same id of another tenant is another event.
            event(2, 0, r#""event_type":"call","transcript":"good""#).replace("acme", "other"),
        ],
    );
    stage.run_once();
    let api = Api::start(&stage);
    let rows = |days| api.summary("acme", days).body;
    assert_eq!(rows(1), r#"{"rows":[["call",1,-1.0],["agent_action",1,null],["qos_metric",2,null]]}"#);
    assert_eq!(rows(30), r#"{"rows":[["call",2,0.5],["agent_action",1,null],["qos_metric",2,null]]}"#);
    assert_eq!(api.get("/metrics/summary?tenant_id=acme").body, rows(30));
    let longest: Value = serde_json::from_str(&rows(3_650)).unwrap();
    assert_eq!(longest["rows"][0][1], 3);
    assert_eq!(api.summary("other", 1).body, r#"{"rows":[["call",1,1.0]]}"#);
}

#[test]
fn hostile_parameters_are_answered_without_an_error_of_ours() {
    let mut stage = Stage::new("hostile");
    stage.config["transforms"][0]["with"]["sentiment"] = "keywords".into();
    let evil = "' OR 1=1 --";
    input::write(
        &stage.file,
        [call("acme", 1), call(evil, 2), call("{tenant:String}", 3), call("a%b\\\\'", 4)],
    );
    stage.run_once();
    let api = Api::start(&stage);
    for tenant_id in [evil, "{tenant:String}", "a%b\\'"] {
        assert_eq!(api.summary(tenant_id, 30).body, r#"{"rows":[["call",1,2.0]]}"#, "{tenant_id}");
    }
    for tenant_id in [
        "'; DROP TABLE voc_events; --",
        "\\'",
        "?",
        "??",
        "{days:UInt32}",
        "%",
        "☃",
        "`",
        "\u{202e}",
        "\\N",
        "NULL",
    ] {
        assert_eq!(api.summary(tenant_id, 30).body, r#"{"rows":[]}"#, "{tenant_id}");
    }
    let long = format!("tenant_id={}", "x".repeat(20_000));
    for (query, status) in [
        ("", 400),
        ("tenant_id=", 400),
        ("tenant_id=%00", 400),
        ("tenant_id=a%0Ab", 400),
        ("tenant_id=%FF%FE", 400),
        ("tenant_id=acme&tenant_id=acme", 400),
        ("tenant_id=acme&days=", 400),
        ("tenant_id=acme&days=0", 400),
        ("tenant_id=acme&days=-1", 400),
        ("tenant_id=acme&days=1e9", 400),
        ("tenant_id=acme&days=99999999999999999999", 400),
        ("tenant_id=acme&days=30;DROP%20TABLE%20voc_events", 400),
        ("tenant_id[]=acme", 400),
        ("tenant_id=acme&x=1", 400),
        (&long, 400),
        ("tenant_id=acme&days=0030", 200),
    ] {
        assert_eq!(api.raw(format!("/metrics/summary?{query}").as_bytes()), status, "{query:.80}");
    }
    for target in
        [&b"/metrics/summary?tenant_id=\xff"[..], b"/metrics/summary?\x01", b"/../../etc/passwd", b"*", b"/%"]
    {
        let status = api.raw(target);
        assert!((400..500).contains(&status), "{} got {status}", String::from_utf8_lossy(target));
    }
    let error: Value = serde_json::from_str(&api.get("/metrics/summary?days=0&tenant_id=a").body).unwrap();
    assert_eq!(error["code"], "bad_parameter");
    assert_eq!(error["parameter"], "days");
    assert_eq!(stage.database.number("SELECT count() FROM voc_events"), 4);
}

#[test]
fn without_clickhouse_it_lives_is_not_ready_and_says_so_soon() {
    let mut clickhouse = ClickHouse::start();
    let mut stage = Stage::on(&clickhouse, "down");
    stage.config["transforms"][0]["with"]["sentiment"] = "keywords".into();
    input::write(&stage.file, [call("acme", 1)]);
    // Before the connector has made the tables, the API is not ready either.
    clickhouse.database("down");
    let api = Api::start(&stage);
    assert_eq!(api.get("/readyz").status, 503);
    stage.run_once();
    assert_eq!(api.get("/readyz").status, 200);

    clickhouse.kill();
    for path in ["/readyz", "/metrics/summary?tenant_id=acme"] {
        let started = Instant::now();
        let answer = api.get(path);
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(started.elapsed() < Duration::from_secs(5), "{path} took {:?}", started.elapsed());
        let error: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(error["code"], "unavailable");
    }
    assert_eq!(api.get("/healthz"), Answer { status: 200, body: json!({"status": "ok"}).to_string() });
    let metrics = api.get("/metrics").body;
    let counted = r#"voc_api_requests_total{method="GET",route="/metrics/summary",status="503"} 1"#;
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    clickhouse.start_again();
    assert_eq!(api.get("/readyz").status, 200);
    assert_eq!(api.summary("acme", 30).body, r#"{"rows":[["call",1,2.0]]}"#);
}
