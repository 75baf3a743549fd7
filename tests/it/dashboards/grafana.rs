//! A dashboard as Grafana reads it, and what the ClickHouse data source makes of its SQL.

use std::fs;
use std::path::Path;

use serde_json::Value;

pub(super) struct Dashboard {
    file: String,
    document: Value,
}

/// What a panel, or a variable, asks for.
pub(super) enum Target {
    Sql { panel: String, sql: String, is_series: bool },
    Metrics { panel: String, expression: String, legend: String },
}

impl Dashboard {
    /// Those that are provisioned.
    pub(super) fn all(folder: &Path) -> Vec<Self> {
        let files =
            fs::read_dir(folder.join("grafana/dashboards")).unwrap().map(|entry| entry.unwrap().path());
        let dashboards: Vec<Self> = files
            .map(|path| {
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                let document = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
                Self { file, document }
            })
            .collect();
        assert!(dashboards.len() >= 2);
        dashboards
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut targets = Vec::new();
        for variable in self.document["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                let panel = format!("{}, variable {}", self.file, variable["name"]);
                targets.push(Target::Sql { panel, sql: text(&variable["query"]), is_series: false });
            }
        }
        for panel in self.document["panels"].as_array().unwrap() {
            let title = format!("{}, {}", self.file, panel["title"]);
            for target in panel["targets"].as_array().into_iter().flatten() {
                let panel = title.clone();
                targets.push(match target["datasource"]["type"].as_str() {
                    Some("prometheus") => Target::Metrics {
                        panel,
                        expression: text(&target["expr"]),
                        legend: text(&target["legendFormat"]),
                    },
                    Some("grafana-clickhouse-datasource") => {
                        let is_series = target["format"] == 0;
                        assert_eq!(
                            target["queryType"],
                            if is_series { "timeseries" } else { "table" },
                            "{panel}"
                        );
                        Target::Sql { panel, sql: text(&target["rawSql"]), is_series }
                    }
                    other => panic!("{panel}: no data source of ours: {other:?}"),
                });
            }
        }
        targets
    }
}

/// What a reader has chosen, in seconds.
pub(super) struct TimeRange {
    pub(super) to: i64,
    pub(super) seconds: i64,
    pub(super) interval: i64,
}

impl TimeRange {
    /// Puts values in the place of the data source's macros and of the variable `tenant`.
    pub(super) fn expand(&self, sql: &str, tenants: &[String]) -> String {
        let (from, to) = (self.to - self.seconds, self.to);
        let filter =
            |column: &str| format!("{column} >= toDateTime({from}) AND {column} <= toDateTime({to})");
        let interval = |column: &str| {
            format!("toStartOfInterval(toDateTime({column}), INTERVAL {} second)", self.interval)
        };
        let quoted: Vec<String> =
            tenants.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        let sql = call(&call(sql, "$__timeFilter", filter), "$__timeInterval", interval)
            .replace("$__interval_s", &self.interval.to_string())
            .replace("$__fromTime", &format!("toDateTime({from})"))
            .replace("$__toTime", &format!("toDateTime({to})"))
            .replace("${tenant:sqlstring}", &quoted.join(","));
        assert!(!sql.contains('$'), "an unknown macro or variable in\n{sql}");
        sql
    }
}

/// Replaces `NAME(argument)` by what it stands for.
fn call(sql: &str, name: &str, meaning: impl Fn(&str) -> String) -> String {
    let opening = format!("{name}(");
    let mut pieces = sql.split(opening.as_str());
    let mut expanded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (argument, rest) =
            piece.split_once(')').unwrap_or_else(|| panic!("{name} is not closed in\n{sql}"));
        expanded.push_str(&meaning(argument));
        expanded.push_str(rest);
    }
    expanded
}
