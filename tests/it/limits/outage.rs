//! ClickHouse stopped under the API, and back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::eventually;
use voc_tests::harness::exchange::{Exchange, exchange};
use voc_tests::harness::input::{self, call};
use voc_tests::harness::stage::Stage;

use super::Api;

const QUICKLY: Duration = Duration::from_secs(2);
/// What answers the same with and without a ClickHouse.
const INDEPENDENT: [&str; 4] = ["/healthz", "/metrics", "/openapi.json", "/docs"];

/// Events are not taken here.
const OFF: (&str, &str) = ("POST", "/v1/tenants/{tenant}/events");

/// What the places of a path are filled with.
const PLACES: [(&str, &str); 5] = [
    ("{tenant}", "acme"),
    ("{id}", "00000000-0000-4000-8000-000000000001"),
    ("{stream}", "events.ndjson%231"),
    ("{partition}", "0"),
    ("{offset}", "0"),
];
/// What a path cannot be asked without.
const NEEDED: [(&str, &str); 2] = [("/metrics/summary", "tenant_id=acme"), ("/breakdown", "by=channel")];

/// Every path of the router: the texts in its source that begin with a slash.
fn paths() -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src/router.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let paths: Vec<String> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with('/'))
        .map(str::to_owned)
        .collect();
    assert!(paths.len() >= 20, "router.rs does not spell its paths any more: {paths:?}");
    paths
}

/// Every path with its methods, which the API itself names.
fn endpoints(port: u16) -> Vec<(String, String)> {
    let methods = |path: &str| {
        let refused = exchange(port, &format!("TRACE {}", question(path)), "");
        assert_eq!(refused.status, 405, "{path}: {refused:?}");
        refused.head["allow"].clone()
    };
    let of_path = |path: String| {
        let allowed = methods(&path);
        let methods: Vec<String> = allowed.split(',').map(|method| method.trim().to_owned()).collect();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    // A live stream goes on, with messages that say so (`resources::live`).
    paths().into_iter().filter(|path| !path.ends_with("/live")).flat_map(of_path).collect()
}

fn question(path: &str) -> String {
    let filled = PLACES.iter().fold(path.to_owned(), |path, (place, value)| path.replace(place, value));
    match NEEDED.iter().find(|(end, _)| path.ends_with(end)) {
        Some((_, needed)) => format!("{filled}?{needed}"),
        None => filled,
    }
}

fn ask(port: u16, method: &str, path: &str) -> Exchange {
    let body = if method == "POST" { r#"{"all":true}"# } else { "" };
    exchange(port, &format!("{method} {}", question(path)), body)
}

#[test]
fn without_clickhouse_every_endpoint_says_so_quickly_and_recovers_by_itself() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "stopped");
    input::write(&stage.file, (1..20).map(|number| call("acme", number)));
    stage.run_once();
    let api = Api::start(&stage);
    let endpoints = endpoints(api.port);
    let statuses = || -> BTreeMap<&(String, String), u16> {
        let status = |endpoint: &(String, String)| ask(api.port, &endpoint.0, &endpoint.1).status;
        endpoints.iter().map(|endpoint| (endpoint, status(endpoint))).collect()
    };
    let before = statuses();
    let well = before.iter().filter(|(_, status)| [200, 202].contains(*status)).count();
    assert!(before.values().all(|status| *status < 500) && well * 2 > before.len(), "{before:?}");

    for round in 0..2 {
        clickhouse.kill();
        let mut longest = Duration::ZERO;
        for (method, path) in &endpoints {
            let answer = ask(api.port, method, path);
            longest = longest.max(answer.took);
            assert!(answer.took < QUICKLY, "{method} {path}: {answer:?}");
            if (method.as_str(), path.as_str()) == OFF {
                assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
                continue;
            }
            if INDEPENDENT.contains(&path.as_str()) {
                assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
                continue;
            }
            assert_eq!((answer.status, answer.retry_after()), (503, Some(1)), "{method} {path}: {answer:?}");
            if method != "HEAD" {
                assert_eq!(answer.code().as_deref(), Some("unavailable"), "{method} {path}: {answer:?}");
            }
        }
        println!("round {round}: {} endpoints, each within {longest:?}", endpoints.len());
        clickhouse.start_again();
        eventually("all is as before", || (statuses() == before).then_some(()));
    }
}
