use std::time::Duration;

use super::{Metrics, Outcome, QueryCost, Refusal, Request};

fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.render().unwrap()).unwrap()
}

fn request<'a>(route: Option<&'a str>, method: &'a str, status: u16) -> Request<'a> {
    Request { route, method, status, took: Duration::from_millis(8) }
}

#[test]
fn every_metric_moves_and_is_rendered_with_its_help() {
    let metrics = Metrics::new().unwrap();
    metrics.answered(&request(Some("/v1/audit"), "GET", 200));
    metrics.answered(&request(None, "PROPFIND", 404));
    metrics.refused(Refusal::Busy);
    metrics.queried("audit", Outcome::Ok, Duration::from_millis(30));
    metrics.queried("audit", Outcome::Abandoned, Duration::from_secs(12));
    metrics.read("audit", QueryCost { rows: 50_000, bytes: 7 });
    let begun = metrics.begin();
    let rendered = text(&metrics);
    for line in [
        r#"voc_api_requests_total{method="GET",route="/v1/audit",status="200"} 1"#,
        r#"voc_api_requests_total{method="other",route="unmatched",status="404"} 1"#,
        r#"voc_api_request_seconds_bucket{class="2xx",method="GET",route="/v1/audit",le="0.0075"} 0"#,
        r#"voc_api_request_seconds_bucket{class="2xx",method="GET",route="/v1/audit",le="0.01"} 1"#,
        "voc_api_in_flight_requests 1",
        r#"voc_api_refused_requests_total{reason="busy"} 1"#,
        r#"voc_api_refused_requests_total{reason="tenant"} 0"#,
        r#"voc_api_queries_total{outcome="abandoned",resource="audit"} 1"#,
        r#"voc_api_query_seconds_count{resource="audit"} 2"#,
        r#"voc_api_query_read_rows_sum{resource="audit"} 50000"#,
        r#"voc_api_query_read_bytes_total{resource="audit"} 7"#,
        "# HELP voc_api_queries_total Queries sent to ClickHouse, by resource and outcome: ok, failed, or abandoned \
         (no answer in time, or the caller left)",
    ] {
        assert!(rendered.lines().any(|found| found == line), "no `{line}` in\n{rendered}");
    }
    drop(begun);
    assert!(text(&metrics).contains("voc_api_in_flight_requests 0"), "{rendered}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_is_watched_too() {
    let rendered = text(&Metrics::new().unwrap());
    let memory = rendered.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<f64>().unwrap() > 0.0, "{rendered}");
}

#[test]
fn whatever_callers_send_the_labels_stay_few() {
    let metrics = Metrics::new().unwrap();
    let methods: Vec<String> = (0..1_000).map(|number| format!("M{number}")).collect();
    for method in &methods {
        metrics.answered(&request(None, method, 404));
    }
    assert_eq!(text(&metrics).matches("voc_api_requests_total{").count(), 1);
}
