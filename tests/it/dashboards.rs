//! The dashboards and alert rules on what they are about: every panel's SQL gives rows of real tables, every metric
//! and label is one of a real scrape.

mod grafana;
mod scrape;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use voc_connector_core::metrics::Metrics;
use voc_connector_core::stream::{Gap, GapReason, StreamPartition};
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::connector::{Connector, command};
use voc_tests::harness::exchange::exchange;
use voc_tests::harness::input::{self, now_ms, seed};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::{eventually, http};

use grafana::{Dashboard, Target};
use scrape::Scrape;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability")
}

/// What the dashboards are about, running.
struct Watched {
    stage: Stage,
    connector: Connector,
    _api: Process,
    api: u16,
}

impl Watched {
    /// A month of events and dead letters, an id with two times, audits, a replay, and requests of the API.
    fn start(name: &str) -> Self {
        let mut stage = Stage::new(name);
        stage.config["audit"] = json!({ "interval": "1s" });
        let mut lines = input::lines(input::options(4_000, seed()));
        lines.extend([1, 2].map(|days| twice(days).into_bytes()));
        let records = lines.len() as u64;
        input::write(&stage.file, lines);
        let connector = stage.connector(&[]);
        stage.until_stored(records);
        let mut api =
            Process::start("api", &mut command("voc-api", stage.folder(), &stage.config), stage.folder());
        let address = api.said("listening address=");
        let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
        let tenant =
            stage.database.run("SELECT tenant_id FROM voc_dead_letters WHERE tenant_id != '' LIMIT 1");
        let path = format!("/v1/tenants/{}/", tenant.replace(' ', "%20"));
        assert_eq!(exchange(port, &format!("POST {path}dead-letters/replay"), "{}").status, 202);
        for question in ["summary", "events", "agents", "nowhere"] {
            exchange(port, &format!("GET {path}{question}"), "");
        }
        eventually("the letters were tried again and an audit was made", || {
            let done = "SELECT count() FROM voc_replay_jobs FINAL WHERE state = 'done'";
            let audits = "SELECT uniqExact(audit_id) FROM voc_audits";
            (stage.database.number(done) > 0 && stage.database.number(audits) > 1).then_some(())
        });
        // A file has no gaps.
        stage.database.run("INSERT INTO voc_gaps (origin_stream, origin_partition, first_offset, last_offset, reason) VALUES ('events#1', 0, 7, 9, 'evicted')");
        Self { stage, connector, _api: api, api: port }
    }

    fn scrape(&mut self) -> Scrape {
        let ports = [self.connector.port(), self.api];
        let texts = ports.map(|port| http::get(port, "/metrics").expect("metrics").body);
        Scrape::of([texts.concat(), what_needs_a_fault()].iter().map(String::as_str))
    }
}

/// The same id some days apart.
fn twice(days: i64) -> String {
    let millis = now_ms() - days * 86_400_000;
    format!(
        r#"{{"event_id":"00000000-0000-4000-8000-000000000001","tenant_id":"acme","timestamp":{millis},"event_type":"qos_metric","metric":"mos","value":4}}"#
    )
}

/// The connector's own metrics that have no series before a fault, or without a Kafka, moved by its own functions.
fn what_needs_a_fault() -> String {
    let metrics = Metrics::new().unwrap();
    let partition = StreamPartition { stream: "topic".to_owned(), partition: 0 };
    metrics.gap("topic", 0, &Gap { first_offset: 1, last_offset: 2, reason: GapReason::Evicted });
    metrics.reopened(&partition, "gap");
    metrics.insert_retried("network");
    metrics.mirror_retried(&partition);
    metrics.mirror_set_aside(&partition);
    let mirror = metrics.of_mirror();
    mirror.checkpoint("topic", 0, 1);
    mirror.source_end("topic", 0, 2);
    metrics.render()
}

#[test]
fn every_panel_that_asks_clickhouse_gets_rows() {
    let watched = Watched::start("dashboards");
    let database = &watched.stage.database;
    let tenants = database.lines("SELECT DISTINCT tenant_id FROM voc_events ORDER BY tenant_id");
    assert!(tenants.len() > 8, "{tenants:?}");
    let time = grafana::TimeRange { to: now_ms() / 1_000 + 60, seconds: 31 * 86_400, interval: 86_400 };
    let mut asked = 0;
    for dashboard in Dashboard::all(&folder()) {
        for target in dashboard.targets() {
            let Target::Sql { panel, sql, is_series } = target else { continue };
            let sql = time.expand(&sql, &tenants);
            let found = database.ask(&format!("{sql} FORMAT JSONCompact"));
            let found: Value = match found {
                Ok(text) => serde_json::from_str(&text).unwrap(),
                Err(error) => panic!("{panel}: {error}\n{sql}"),
            };
            assert!(found["rows"].as_u64() > Some(0), "{panel} has no rows:\n{sql}");
            let columns: Vec<(&str, &str)> = found["meta"]
                .as_array()
                .unwrap()
                .iter()
                .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
                .collect();
            if is_series {
                let (name, kind) = columns[0];
                assert!(name == "time" && kind.starts_with("DateTime"), "{panel}: {columns:?}");
                let is_number =
                    |kind: &str| ["UInt", "Int", "Float"].iter().any(|number| kind.contains(number));
                assert!(columns[1..].iter().any(|(_, kind)| is_number(kind)), "{panel}: {columns:?}");
            }
            // What is all NULL is a column of a field that no event has.
            for (index, (name, _)) in columns.iter().enumerate() {
                let rows = found["data"].as_array().unwrap();
                assert!(
                    rows.iter().any(|row| !row[index].is_null()),
                    "{panel}: {name} is always NULL\n{sql}"
                );
            }
            asked += 1;
        }
    }
    assert!(asked >= 20, "only {asked} panels ask ClickHouse");
}

#[test]
fn every_metric_and_label_is_one_of_a_real_scrape() {
    let mut watched = Watched::start("dashboards_scraped");
    let scrape = watched.scrape();
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for dashboard in Dashboard::all(&folder()) {
        for target in dashboard.targets() {
            let Target::Metrics { panel, expression, legend } = target else { continue };
            scrape.assert_has(&expression, &panel);
            scrape.assert_labels(&expression, &legend, &panel);
            for metric in scrape::metrics(&expression) {
                *asked.entry(metric.name).or_default() += 1;
            }
        }
    }
    assert!(asked.len() >= 30, "the panels name only {asked:?}");
    let rules = std::fs::read_to_string(folder().join("alerts.yml")).unwrap();
    let evaluated: String = rules
        .lines()
        .filter(|line| {
            !["#", "summary:", "description:"].iter().any(|start| line.trim_start().starts_with(start))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    scrape.assert_has(&evaluated, "alerts.yml");
    scrape.assert_labels(&evaluated, "", "alerts.yml");
}

#[test]
fn the_row_policies_are_statements_that_clickhouse_reads() {
    let port = ClickHouse::shared().port();
    let path = folder().join("../clickhouse/server/row_policies.sql");
    let text = std::fs::read_to_string(path).unwrap();
    let code: String =
        text.lines().filter(|line| !line.starts_with("--")).map(|line| format!("{line}\n")).collect();
    let statements: Vec<&str> =
        code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).collect();
    assert!(statements.len() >= 5, "{statements:?}");
    for statement in statements {
        let quoted = statement.replace('\\', "\\\\").replace('\'', "\\'");
        let parsed = http::post(port, "/", &format!("SELECT formatQuery('{quoted}')")).unwrap();
        assert_eq!(parsed.status, 200, "{statement}\n{}", parsed.body);
    }
}
