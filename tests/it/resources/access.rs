//! Credentials: thousands of requests with good, foreign, forged, expired and stripped ones, over rows of many tenants.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use voc_tests::harness::connector::command;
use voc_tests::harness::http::{self, Answer};
use voc_tests::harness::input::seed;
use voc_tests::harness::process::Process;

use super::loaded::{Loaded, encoded};

const SECRET: &[u8] = b"a secret of more than 32 bytes, for tests";
/// How many requests are made unless `VOC_REQUESTS` says otherwise.
const REQUESTS: usize = 3_000;

/// What is asked, behind `/v1/tenants/T/`; the last ones change something.
const QUESTIONS: [&str; 15] = [
    "summary",
    "timeseries?granularity=day&group_by=agent",
    "distribution",
    "breakdown?by=channel",
    "events?limit=50",
    "events?limit=50&search=%27%20OR%201%3D1",
    "events?limit=50&format=ndjson",
    "events/00000000-0000-4000-8000-000000000000",
    "agents",
    "tools?tool=%00",
    "qos?limit=-1",
    "dead-letters?limit=1000",
    "dead-letters/counts",
    "dead-letters/replay",
    "dead-letters/purge",
];
const CHANGES: usize = 2;

fn token(secret: &[u8], algorithm: Algorithm, tenant: &str, role: &str, expires_in: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed();
    let claims = json!({"sub": "ana", "tenant": tenant, "roles": [role], "exp": now + expires_in});
    encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// A credential, and whether it lets its bearer look at the tenant, and change something.
fn credential(kind: usize, tenant: &str, other: &str) -> (String, bool, bool) {
    let good = |role| token(SECRET, Algorithm::HS256, tenant, role, 600);
    let viewer = good("analytics.view");
    let (head, signature) = viewer.rsplit_once('.').unwrap();
    let (bearer, looks, changes) = match kind {
        0 | 1 => (viewer.clone(), true, false),
        2 => (good("analytics.manage"), true, true),
        3 => (token(SECRET, Algorithm::HS256, other, "analytics.manage", 600), false, false),
        4 => (
            token(
                b"another secret of more than 32 bytes...",
                Algorithm::HS256,
                tenant,
                "analytics.view",
                600,
            ),
            false,
            false,
        ),
        5 => (token(SECRET, Algorithm::HS256, tenant, "analytics.view", -600), false, false),
        6 => (token(SECRET, Algorithm::HS384, tenant, "analytics.view", 600), false, false),
        7 => (format!("{head}."), false, false),
        8 => (format!("eyJhbGciOiJub25lIn0.{}.", head.split_once('.').unwrap().1), false, false),
        9 => (format!("{head}.{}", signature.chars().rev().collect::<String>()), false, false),
        10 => (good("analytics.operate"), false, false),
        11 => ("an-api-key-that-nobody-has-made-0123456789".to_owned(), false, false),
        _ => (String::new(), false, false),
    };
    let scheme = if kind == 12 { "Basic" } else { "Bearer" };
    (format!("{scheme} {bearer}"), looks, changes)
}

#[test]
fn no_credential_opens_another_tenants_rows_and_no_request_fails_within() {
    let loaded = Loaded::get();
    let secret = loaded.stage.folder().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let mut config = loaded.stage.config.clone();
    config["api"] = json!({
        "port": 0,
        "access": { "mode": "credentials", "jwt": { "key_file": secret, "algorithm": "HS256" } },
        "limits": { "tenant_per_second": 0, "address_per_second": 0 },
    });
    let folder = tempfile::tempdir().unwrap();
    let mut api = Process::start("api", &mut command("voc-api", folder.path(), &config), folder.path());
    let port: u16 = api.said("listening address=").rsplit(':').next().unwrap().parse().unwrap();

    let mut random = seed();
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let requests = std::env::var("VOC_REQUESTS")
        .map_or(REQUESTS, |text| text.parse().expect("VOC_REQUESTS is a number"));
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    let mut events = 0;
    for _ in 0..requests {
        let tenant = &loaded.tenants[next(loaded.tenants.len())];
        let other = loaded.tenants.iter().cycle().skip_while(|name| *name != tenant).nth(1).unwrap();
        let (kind, question) = (next(14), next(QUESTIONS.len()));
        let changes_something = question >= QUESTIONS.len() - CHANGES;
        let path = format!("/v1/tenants/{}/{}", encoded(tenant), QUESTIONS[question]);
        let (authorization, may_look, may_change) = credential(kind, tenant, other);
        let Answer { status, body } =
            http::ask(port, &path, &authorization, changes_something).expect("an answer");
        let said = format!("{path} with kind {kind}: {status} {body}");
        assert!(status < 500, "{said}");
        if if changes_something { may_change } else { may_look } {
            assert!(status != 401 && status != 403, "{said}");
        } else {
            assert!(status == 401 || status == 403, "{said}");
            let problem: Value = serde_json::from_str(&body).expect("a problem");
            assert!(problem["status"] == status && problem["code"].is_string(), "{said}");
        }
        let is_export = QUESTIONS[question] == "events?limit=50&format=ndjson";
        if status == 200 && (is_export || QUESTIONS[question] == "events?limit=50") {
            let listed: Vec<Value> = match is_export {
                true => body.lines().map(|line| serde_json::from_str(line).expect("a row")).collect(),
                false => {
                    let mut body: Value = serde_json::from_str(&body).expect("events");
                    serde_json::from_value(body["events"].take()).expect("a list")
                }
            };
            for event in &listed {
                let id = event["event_id"].as_str().expect("an id");
                let is_own =
                    loaded.events.iter().any(|event| event.tenant == *tenant && event.id.to_string() == id);
                assert!(is_own, "{id} is not of {tenant}: {path}");
                events += 1;
            }
        }
        *seen.entry(status).or_default() += 1;
    }
    println!("{requests} requests, by status: {seen:?}; {events} events, each of the tenant that asked");
    assert!([200, 202, 400, 401, 403, 404].iter().all(|status| seen.contains_key(status)), "{seen:?}");
    // What is of no one tenant is for operators alone.
    for path in ["/v1/audit", "/metrics"] {
        let viewer = credential(0, &loaded.tenants[0], "").0;
        assert_eq!(http::ask(port, path, &viewer, false).expect("an answer").status, 403, "{path}");
        let operator = credential(10, &loaded.tenants[0], "").0;
        let status = http::ask(port, path, &operator, false).expect("an answer").status;
        assert!(![401, 403].contains(&status), "{path}: {status}");
    }
}
