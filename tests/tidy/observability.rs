//! The alert rules name only metrics that a program defines, and each rule has a test.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::process::Command;

use super::{metric_literals, read, root, rust_lines, words};

const RULES: &str = "deploy/observability/alerts.yml";
const CASES: &str = "deploy/observability/alerts.test.yml";

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

#[test]
fn the_alert_rules_name_only_metrics_that_exist() {
    let lines = rust_lines();
    let definitions = lines.iter().filter(|(path, _, _)| path.ends_with("/src/metrics.rs"));
    let defined: BTreeSet<&str> = definitions.flat_map(|(_, _, line)| metric_literals(line)).collect();
    let named = named(RULES);
    assert!(named.len() >= 10, "{RULES} names only {named:?}");
    for name in named {
        let plain = OF_A_HISTOGRAM.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        assert!(defined.contains(plain), "{RULES}: no metrics.rs defines {name}");
    }
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
        let output = match Command::new("promtool").args(arguments).current_dir(&folder).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!(
                    "skipped: promtool {} (to enable it: apt-get install prometheus)",
                    arguments.join(" ")
                );
                continue;
            }
            output => output.unwrap(),
        };
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}
