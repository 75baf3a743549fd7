//! A ClickHouse that the connector has filled with late and repeated events, the API over it, and what it must say.

use std::path::Path;
use std::sync::OnceLock;

use chrono::DateTime;
use serde_json::Value;
use voc_tests::harness::connector::{command, operate};
use voc_tests::harness::http;
use voc_tests::harness::input::{self, now_ms, seed};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

use super::oracle::{self, Event};

pub(super) const DAY: i64 = 86_400_000_000;

pub(super) struct Api {
    pub(super) process: Process,
    pub(super) port: u16,
}

impl Api {
    pub(super) fn start(stage: &Stage) -> Self {
        Self::start_with(stage.folder(), &stage.config)
    }

    pub(super) fn start_with(folder: &Path, config: &Value) -> Self {
        let mut process = Process::start("api", &mut command("voc-api", folder, config), folder);
        let address = process.said("listening address=");
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, port }
    }

    /// Asks about a tenant; gives status and body.
    pub(super) fn ask(&self, tenant: &str, rest: &str) -> (u16, Value) {
        let path = format!("/v1/tenants/{}/{rest}", encoded(tenant));
        let answer = http::get(self.port, &path).expect("the API answers");
        let body = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{path}: {error}\n{}", answer.body));
        (answer.status, body)
    }

    /// Asks what has an answer.
    #[track_caller]
    pub(super) fn get(&self, tenant: &str, rest: &str) -> Value {
        let (status, body) = self.ask(tenant, rest);
        assert_eq!(status, 200, "{rest}: {body}");
        body
    }
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What the tests that only read share.
pub(super) struct Loaded {
    pub(super) stage: Stage,
    pub(super) api: Api,
    pub(super) events: Vec<Event>,
    pub(super) tenants: Vec<String>,
    /// A range in the middle of the events, in whole seconds but no whole hours.
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Loaded {
    pub(super) fn get() -> &'static Self {
        static LOADED: OnceLock<Loaded> = OnceLock::new();
        LOADED.get_or_init(Self::load)
    }

    /// A month of events; then, read later: older ones, some of the first once more, and some of them changed.
    fn load() -> Self {
        let stage = Stage::new("resources");
        let seed = seed();
        let mut lines = input::lines(input::options(9_000, seed));
        input::write(&stage.file, &lines);
        stage.run_once();
        // From here on hours change that have rollups: the numbers come from both.
        let (code, said) = operate(&stage, &["rollups", "--settle", "0s"]);
        assert_eq!(code, Some(0), "{said}");
        let mut late = input::options(2_000, seed ^ 1);
        late.until_ms -= 10 * 86_400_000;
        let mut later = input::lines(late);
        later.extend(lines.iter().step_by(10).cloned());
        later.extend(lines.iter().skip(5).step_by(10).map(|line| changed(line)));
        input::append(&stage.file, &later);
        stage.run_once();
        lines.extend(later);
        let events = oracle::events(&lines, now_ms());
        let mut tenants: Vec<String> = events.iter().map(|event| event.tenant.clone()).collect();
        tenants.sort();
        tenants.dedup();
        assert!(tenants.len() >= 8, "{tenants:?}");
        let now = now_ms() / 1_000 * 1_000_000;
        let api = Api::start(&stage);
        Self { stage, api, events, tenants, from: now - 13 * DAY - 754_000_000, to: now - 2 * DAY }
    }

    /// A tenant's events of a range.
    pub(super) fn of(&self, tenant: &str, from: i64, to: i64) -> Vec<&Event> {
        let is_meant = |event: &&Event| event.tenant == tenant && (from..to).contains(&event.micros);
        self.events.iter().filter(is_meant).collect()
    }

    /// The parameters of our range.
    pub(super) fn range(&self) -> String {
        format!("from={}&to={}", time(self.from), time(self.to))
    }
}

/// The same event with something else in it, whatever it was.
fn changed(line: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(line) else { return line.to_vec() };
    text.replace("\"phone\"", "\"fax\"").replace("obrigad", "nunca mais, obrigad").into_bytes()
}

/// Microseconds since 1970 as a parameter.
pub(super) fn time(micros: i64) -> String {
    encoded(&DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339())
}

/// RFC 3339 as microseconds since 1970.
pub(super) fn micros(text: &Value) -> i64 {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_micros()
}

/// Equal to 9 digits, or both nothing: ClickHouse adds in another order.
#[track_caller]
pub(super) fn near(found: &Value, expected: Option<f64>, what: &str) {
    near_by(found, expected, 1e-9, what);
}

#[track_caller]
pub(super) fn near_by(found: &Value, expected: Option<f64>, by: f64, what: &str) {
    match (found.as_f64(), expected) {
        (Some(found), Some(expected)) => {
            let difference = (found - expected).abs();
            assert!(difference <= by * expected.abs().max(1.0), "{what}: {found} instead of {expected}");
        }
        (None, None) => assert!(found.is_null(), "{what}: {found}"),
        _ => panic!("{what}: {found} instead of {expected:?}"),
    }
}
