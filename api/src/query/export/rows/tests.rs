use super::*;
use crate::query::rollups::tests::plan;
use crate::query::scope::tests::scope;

/// Whether every brace opens a parameter that is bound, and nothing that was asked for is in the text.
#[track_caller]
fn assert_bound(table: &Table, own: &[&str]) {
    for format in [Format::Csv, Format::Parquet] {
        let sql = table.sql(format);
        for parameter in sql.split('{').skip(1).map(|rest| rest.split(':').next().unwrap_or_default()) {
            let is_shared =
                ["tenant", "from", "to", "from_hour", "to_hour", "filter_agent"].contains(&parameter);
            assert!(is_shared || own.contains(&parameter), "{parameter}: {sql}");
        }
        assert!(own.iter().all(|parameter| sql.contains(&format!("{{{parameter}:"))), "{own:?}: {sql}");
        for value in ["OR 1 = 1", "evil"] {
            assert!(!sql.contains(value), "{sql}");
        }
        // The client would take one for a place to put a value.
        assert!(!sql.contains('?'), "{sql}");
    }
}

#[test]
fn every_value_is_bound() {
    let scope = &scope("agent=evil");
    let (agent, tool) = (Dimension::Agent, Dimension::Tool);
    let before = Some((0, 1));
    assert_bound(
        &summary_table(&plan(scope, None, before, Vec::new())),
        &["before_from", "before_to", "before_from_hour", "before_to_hour"],
    );
    assert_bound(
        &timeseries_table(&plan(scope, Some(tool), before, Vec::new()), Metric::Latency, Some(tool)),
        &["starts", "current", "limit", "before_from", "before_to"],
    );
    let all = &plan(scope, None, None, vec![0]);
    assert_bound(&timeseries_table(all, Metric::Count, None), &["starts", "current", "limit", "hours"]);
    assert_bound(&distribution_table(all), &["bins", "hours"]);
    let by_agent = &plan(scope, Some(agent), None, Vec::new());
    let mean = breakdown_table(by_agent, Metric::Sentiment, agent);
    assert_bound(&mean, &["least", "most", "ends", "student"]);
    let count = breakdown_table(by_agent, Metric::Count, agent);
    assert_bound(&count, &["least", "most", "ends"]);
    assert_bound(&agents_table(by_agent), &["limit"]);
    assert_bound(&tools_table(&plan(scope, Some(tool), None, Vec::new())), &["limit"]);
    let by_metric = plan(scope, Some(Dimension::QosMetric), None, Vec::new());
    assert_bound(&qos_table(&by_metric), &["limit", "student"]);
    assert_bound(&events_table(scope, true, true), &["search", "after_time", "after_id", "limit"]);
    let filter = Filter { code: Some("evil".to_owned()), ..Filter::default() };
    assert_bound(&dead_letters_table(&filter), &["code", "limit"]);
}

#[test]
fn only_in_csv_and_only_what_anybody_may_have_written_is_marked() {
    let table = agents_table(&plan(&scope(""), Some(Dimension::Agent), None, Vec::new()));
    assert!(table.sql(Format::Csv).starts_with("SELECT if(substring(agent, 1, 1) IN ('=', "));
    assert!(table.sql(Format::Csv).contains("agent) AS `agent`, events AS `events`,"));
    assert!(table.sql(Format::Ndjson).starts_with("SELECT agent AS `agent`, events AS `events`,"));
}
