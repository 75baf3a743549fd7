//! The alert rules and dashboards name only metrics that a program defines and tables that there are, and each rule has
//! a test. tests/it/dashboards.rs asks what runs.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{files, metric_literals, read, root, rust_lines, words};

const RULES: &str = "deploy/observability/alerts.yml";
const CASES: &str = "deploy/observability/alerts.test.yml";
const DASHBOARDS: &str = "deploy/observability/grafana/dashboards/";

/// What Prometheus adds to a histogram's name.
const OF_A_HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

/// The words of a file that could be a metric's name.
fn named(path: &str) -> BTreeSet<String> {
    let text = read(path);
    // Tables of ClickHouse stand in descriptions; metrics in what is evaluated.
    let evaluated = text
        .lines()
        .map(str::trim_start)
        .filter(|line| !["#", "summary:", "description:"].iter().any(|start| line.starts_with(start)));
    let words = evaluated.flat_map(words).map(|(word, _)| word).filter(|word| word.starts_with("voc_"));
    words.map(str::to_owned).collect()
}

/// Every metric is one that a `metrics.rs` defines.
#[track_caller]
fn assert_defined(place: &str, names: impl IntoIterator<Item = String>) {
    let lines = rust_lines();
    let definitions = lines.iter().filter(|(path, _, _)| path.ends_with("/src/metrics.rs"));
    let defined: BTreeSet<&str> = definitions.flat_map(|(_, _, line)| metric_literals(line)).collect();
    for name in names {
        let plain = OF_A_HISTOGRAM.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        assert!(defined.contains(plain), "{place}: no metrics.rs defines {name}");
    }
}

/// The dashboards with their paths.
fn dashboards() -> Vec<(String, Value)> {
    let paths = files().into_iter().filter(|path| path.starts_with(DASHBOARDS));
    let parse = |path: String| match serde_json::from_str(&read(&path)) {
        Ok(dashboard) => (path, dashboard),
        Err(error) => panic!("{path}: {error}"),
    };
    paths.map(parse).collect()
}

/// What the panels of a dashboard ask for under this key.
fn asked(dashboard: &Value, key: &str) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.filter_map(|target| Some(target[key].as_str()?.to_owned())).collect()
}

/// The words of a text that begin with `voc_`.
fn ours(text: &str) -> BTreeSet<String> {
    words(text).map(|(word, _)| word).filter(|word| word.starts_with("voc_")).map(str::to_owned).collect()
}

#[test]
fn the_alert_rules_name_only_metrics_that_exist() {
    let named = named(RULES);
    assert!(named.len() >= 10, "{RULES} names only {named:?}");
    assert_defined(RULES, named);
}

#[test]
fn the_dashboards_name_only_metrics_and_tables_that_exist() {
    let sql =
        files().into_iter().filter(|path| path.starts_with("deploy/clickhouse/") && path.ends_with(".sql"));
    let sql: String = sql.map(|path| read(&path)).collect();
    let made: BTreeSet<&str> = ["CREATE TABLE IF NOT EXISTS ", "CREATE VIEW IF NOT EXISTS "]
        .iter()
        .flat_map(|create| sql.split(create).skip(1))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    let (mut metrics, mut tables) = (BTreeSet::new(), BTreeSet::new());
    for (path, dashboard) in dashboards() {
        for expression in asked(&dashboard, "expr") {
            metrics.extend(ours(&expression));
        }
        for statement in asked(&dashboard, "rawSql") {
            for table in ours(&statement) {
                assert!(made.contains(table.as_str()), "{path}: no file makes {table}");
                tables.insert(table);
            }
        }
    }
    assert!(metrics.len() >= 25 && tables.len() >= 7, "the dashboards name only {metrics:?} and {tables:?}");
    assert_defined(DASHBOARDS, metrics);
}

#[test]
fn a_dashboard_asks_the_data_sources_that_its_reader_chooses() {
    let dashboards = dashboards();
    assert!(dashboards.len() >= 2, "{DASHBOARDS} has only {}", dashboards.len());
    for (path, dashboard) in dashboards {
        let variables = dashboard["templating"]["list"].as_array().expect("variables");
        let sources: BTreeSet<&str> = variables
            .iter()
            .filter(|variable| variable["type"] == "datasource")
            .filter_map(|variable| variable["name"].as_str())
            .collect();
        let mut numbers = BTreeSet::new();
        for panel in dashboard["panels"].as_array().expect("panels") {
            let title = &panel["title"];
            assert!(numbers.insert(panel["id"].as_u64()), "{path}: {title} has the number of another panel");
            for asked in panel["targets"].as_array().into_iter().flatten().chain([panel]) {
                if panel["type"] == "row" {
                    continue;
                }
                let source = asked["datasource"]["uid"].as_str().unwrap_or_default();
                let variable = source.strip_prefix("${").and_then(|source| source.strip_suffix('}'));
                assert!(
                    variable.is_some_and(|name| sources.contains(name)),
                    "{path}: {title} asks `{source}`"
                );
            }
        }
    }
}

#[test]
fn promtool_reads_what_the_dashboards_ask_where_it_is_installed() {
    let expressions = dashboards().into_iter().flat_map(|(_, dashboard)| asked(&dashboard, "expr"));
    let rules = expressions.enumerate().map(|(number, expression)| {
        let expression = expression.replace("$__rate_interval", "5m");
        format!("  - {{ record: \"dashboard:panel{number}\", expr: {} }}\n", Value::String(expression))
    });
    let rules = format!("groups:\n- name: dashboards\n  rules:\n{}", rules.collect::<String>());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dashboards.yml"), rules).unwrap();
    promtool(&["check", "rules", "dashboards.yml"], folder.path());
}

#[test]
fn every_alert_has_a_case_that_fires_it() {
    let (rules, cases) = (read(RULES), read(CASES));
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty(), "{RULES} has no alert");
    for alert in alerts {
        let asked = format!("alertname=\"{alert}\"");
        let fires = cases
            .lines()
            .zip(cases.lines().skip(2))
            .any(|(line, expected)| line.contains(&asked) && expected.trim() == "exp_samples:");
        assert!(fires, "{CASES}: no case expects {alert} to fire");
    }
}

#[test]
fn promtool_finds_the_rules_right_where_it_is_installed() {
    let folder = root().join("deploy/observability");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        promtool(&arguments, &folder);
    }
}

/// Runs it, if it is there.
#[track_caller]
fn promtool(arguments: &[&str], folder: &Path) {
    let output = match Command::new("promtool").args(arguments).current_dir(folder).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: promtool {} (to enable it: apt-get install prometheus)", arguments.join(" "));
            return;
        }
        output => output.expect("promtool runs"),
    };
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}
