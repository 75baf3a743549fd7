//! Bad and hostile parameters, and events at the edges.

use serde_json::{Value, json};
use voc_tests::harness::input::{self, now_ms};
use voc_tests::harness::stage::Stage;

use super::loaded::{Api, Loaded, encoded, time};

const RESOURCES: [&str; 8] =
    ["summary", "timeseries", "distribution", "breakdown", "events", "agents", "tools", "qos"];

#[test]
fn a_bad_parameter_is_a_400_that_names_it_and_what_is_allowed() {
    let loaded = Loaded::get();
    for (question, parameter, allowed) in [
        ("timeseries?metric=mood", "metric", "negative_share"),
        ("timeseries?granularity=minute", "granularity", "hour, day, week, month"),
        ("timeseries?group_by=mood", "group_by", "type, channel"),
        ("timeseries?compare=next", "compare", "previous"),
        ("timeseries?limit=101", "limit", "from 1 to 100"),
        ("timeseries?timezone=Mars/Base", "timezone", "IANA"),
        ("summary?from=soon", "from", "2026-11-01"),
        ("summary?to=2101-01-01", "to", "from 2000 to 2099"),
        ("summary?limit=5", "limit", "known are"),
        ("summary?type=sale", "type", "agent_action"),
        ("summary?type=call&type=call", "type", "twice"),
        ("distribution?bins=0", "bins", "from 1 to 200"),
        ("distribution?label=sad", "label", "no_signal"),
        ("breakdown", "by", "missing"),
        ("breakdown?by=mood", "by", "channel"),
        ("breakdown?by=agent&min_events=0", "min_events", "from 1 to 1000000"),
        ("events?limit=1001", "limit", "from 1 to 1000"),
        ("events?cursor=bm8", "cursor", "next"),
        ("events?search=", "search", "1 to 200 characters"),
        ("events/42", "event_id", "UUID"),
        ("agents?agent=", "agent", "1 to 128 characters"),
        ("tools?tool=%0A", "tool", "1 to 128 characters"),
        ("qos?metric=mos", "metric", "known are"),
    ] {
        let (status, body) = loaded.api.ask("acme", question);
        assert_eq!((status, &body["code"]), (400, &json!("bad_parameter")), "{question}: {body}");
        assert_names(&body, parameter, allowed, question);
    }
    for resource in RESOURCES {
        let (status, body) = loaded.api.ask("\n", &format!("{resource}?by=agent"));
        assert_eq!((status, &body["parameter"]), (400, &json!("tenant_id")), "{resource}");
    }
}

#[test]
fn parameters_that_cannot_hold_together_are_a_422_that_names_the_one_to_change() {
    let loaded = Loaded::get();
    for (question, parameter, allowed) in [
        ("timeseries?granularity=hour&from=2026-01-01&to=2026-06-01", "granularity", "at most 1000 buckets"),
        ("timeseries?metric=qos_value", "metric", "qos_metric"),
        ("breakdown?by=agent&metric=qos_value", "metric", "qos_metric"),
        ("summary?from=2026-10-02&to=2026-10-01", "from", "before to"),
        ("summary?from=2001-01-01&to=2026-10-01", "from", "3660 days"),
    ] {
        let (status, body) = loaded.api.ask("acme", question);
        assert_eq!((status, &body["code"]), (422, &json!("bad_combination")), "{question}: {body}");
        assert_names(&body, parameter, allowed, question);
    }
}

#[track_caller]
fn assert_names(problem: &Value, parameter: &str, allowed: &str, question: &str) {
    assert_eq!(problem["parameter"], parameter, "{question}: {problem}");
    let message = problem["detail"].as_str().unwrap();
    assert!(message.contains(parameter) && message.contains(allowed), "{question}: {message}");
}

#[test]
fn hostile_values_get_an_answer_and_never_a_row_of_another_tenant() {
    let loaded = Loaded::get();
    let long = "x".repeat(128);
    let wide = "\u{1f642}".repeat(128);
    let values = [
        "' OR 1=1 --",
        "'; DROP TABLE voc_events; --",
        "\\'",
        "\\",
        "\\N",
        "NULL",
        "?",
        "??",
        "{tenant:String}",
        "{from:Int64}",
        "%",
        "_",
        "a%b\\\\'",
        "☃",
        "\u{202e}",
        "`",
        "0",
        "-1",
        "1e9",
        "99999999999999999999",
        "0x7",
        "true",
        "[1,2]",
        "../../etc/passwd",
        "2026-11-01",
        "call",
        "hour",
        "",
        &long,
        &wide,
    ];
    let own = [
        "by",
        "metric",
        "granularity",
        "group_by",
        "compare",
        "limit",
        "bins",
        "min_events",
        "search",
        "cursor",
    ];
    let shared = [
        "from",
        "to",
        "timezone",
        "type",
        "channel",
        "direction",
        "agent",
        "language",
        "label",
        "action",
        "tool",
        "qos_metric",
    ];
    let mut answered = [0, 0];
    for resource in RESOURCES {
        for parameter in own.iter().chain(&shared) {
            let needed = if resource == "breakdown" && *parameter != "by" { "by=agent&" } else { "" };
            for value in values {
                let question = format!("{resource}?{needed}{parameter}={}", encoded(value));
                let (status, body) = loaded.api.ask("' OR 1=1 --", &question);
                match status {
                    200 => {
                        answered[0] += 1;
                        assert_empty(&body, &question);
                    }
                    400 => {
                        answered[1] += 1;
                        assert_eq!(body["code"], "bad_parameter", "{question}");
                    }
                    other => panic!("{question}: {other} {body}"),
                }
            }
        }
    }
    assert!(answered.iter().all(|count| *count > 500), "{answered:?}");
    // Every filter at its longest, with the most buckets, still fits into one question.
    let filters: Vec<String> = shared[4..]
        .iter()
        .filter(|name| **name != "label")
        .map(|name| format!("{name}={}", encoded(&wide)))
        .collect();
    let (from, to) = (loaded.to - 1_000 * 3_600_000_000, loaded.to);
    let question = format!(
        "timeseries?granularity=hour&compare=previous&from={}&to={}&{}",
        time(from / 3_600_000_000 * 3_600_000_000),
        time(to / 3_600_000_000 * 3_600_000_000),
        filters.join("&")
    );
    let found = loaded.api.get(&loaded.tenants[0], &question);
    assert_eq!(found["series"][0]["previous"].as_array().unwrap().len(), 1_000);
    assert!(loaded.stage.database.number("SELECT count() FROM voc_events") > 5_000);
}

/// No number of events in it is above zero, no list has a row of them.
#[track_caller]
fn assert_empty(body: &Value, question: &str) {
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                let counts = ["events", "scored", "of", "total", "groups", "below", "above"];
                let is_single = name == "groups" && *value == 1;
                if counts.contains(&name.as_str()) && value.is_number() && !is_single {
                    assert_eq!(*value, 0, "{question}: {name}");
                }
                assert_empty(value, question);
            }
        }
        Value::Array(rows) => rows.iter().for_each(|row| assert_empty(row, question)),
        _ => {}
    }
}

fn event(number: u32, micros: i64, rest: &str) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339();
    format!(
        r#"{{"event_id":"00000000-0000-4000-8000-{number:012}","tenant_id":"acme","timestamp":"{time}",{rest}}}"#
    )
}

#[test]
fn a_range_begins_with_its_first_moment_and_ends_before_its_last() {
    let stage = Stage::new("edges");
    let to = now_ms() * 1_000 - 60_000_000;
    let from = to - 3_600_000_000;
    let qos = r#""event_type":"qos_metric","metric":"mos","value":4"#;
    input::write(
        &stage.file,
        [event(1, from - 1, qos), event(2, from, qos), event(3, to - 1, qos), event(4, to, qos)],
    );
    stage.run_once();
    let api = Api::start(&stage);
    let range = format!("from={}&to={}", time(from), time(to));
    let found = api.get("acme", &format!("summary?{range}"));
    assert_eq!(
        (found["current"]["events"].as_u64(), found["previous"]["events"].as_u64()),
        (Some(2), Some(1))
    );
    for (resource, place) in
        [("qos", "/metrics/0/measurements"), ("timeseries?granularity=month", "/series/0/points/0/events")]
    {
        let sign = if resource.contains('?') { '&' } else { '?' };
        let found = api.get("acme", &format!("{resource}{sign}{range}"));
        assert!(found.pointer(place).is_some_and(Value::is_number), "{found}");
    }
    let events = api.get("acme", &format!("events?{range}"));
    let ids: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|one| one["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000002"]);
    // A single measurement has a mean, and no interval.
    let before = api.get("acme", &format!("qos?from={}&to={}", time(from - 1), time(from)));
    assert_eq!(before["metrics"][0]["mean"], 4.0);
    assert!(before["metrics"][0]["mean_lower"].is_null());
}

#[test]
fn fields_count_in_their_own_type_and_beside_numbers_of_any_size() {
    let stage = Stage::new("fields");
    let at = now_ms() * 1_000 - 60_000_000;
    input::write(
        &stage.file,
        [
            event(1, at, r#""event_type":"call","channel":"chat","x":123456789012345678901234567890"#),
            event(2, at, r#""event_type":"call","channel":"chat","metadata":{"channel":"phone"}"#),
            event(3, at, r#""event_type":"call","metadata":{"channel":"phone"},"latency_ms":7"#),
            event(
                4,
                at,
                r#""event_type":"qos_metric","metric":"mos","value":4,"channel":["fax"],"latency_ms":"x""#,
            ),
            event(5, at, r#""event_type":"tool_invocation","tool":"search","latency_ms":1e3,"success":null"#),
            event(
                6,
                at,
                r#""event_type":"tool_invocation","tool":"search","arguments":{"latency_ms":9,"tool":"x"}"#,
            ),
            event(
                7,
                at,
                r#""event_type":"agent_action","agent_id":"\u00e1 \"b\"\\","action":"refund","tool":"x""#,
            ),
        ],
    );
    stage.run_once();
    let api = Api::start(&stage);
    let channels = api.get("acme", "breakdown?by=channel");
    assert_eq!(
        (&channels["groups"], &channels["top"][0]["group"], &channels["top"][0]["events"]),
        (&json!(1), &json!("chat"), &json!(2))
    );
    let tools = api.get("acme", "tools");
    assert_eq!(tools["total"], 1);
    let search = &tools["tools"][0];
    assert_eq!(
        (&search["invocations"], &search["judged"], &search["success"]),
        (&json!(2), &json!(0), &Value::Null)
    );
    assert_eq!((&search["timed"], &search["latency_ms"]["mean"]), (&json!(1), &json!(1000.0)));
    let agents = api.get("acme", &format!("agents?agent={}", encoded("á \"b\"\\")));
    assert_eq!((&agents["total"], &agents["agents"][0]["actions"]), (&json!(1), &json!(1)));
}

#[test]
fn the_scores_of_the_keyword_rules_are_counted_beyond_the_bins() {
    let mut stage = Stage::new("keyword_scores");
    stage.config["transforms"][0]["with"]["sentiment"] = "keywords".into();
    let at = now_ms() * 1_000 - 60_000_000;
    let call =
        |number, text: &str| event(number, at, &format!(r#""event_type":"call","transcript":"{text}""#));
    input::write(&stage.file, [call(1, "bad"), call(2, "good, thank you"), call(3, "good"), call(4, "so")]);
    stage.run_once();
    let api = Api::start(&stage);
    let found = api.get("acme", "distribution?bins=2");
    let bins: Vec<_> =
        found["histogram"].as_array().unwrap().iter().map(|bin| bin["events"].as_u64()).collect();
    assert_eq!((bins, &found["below"], &found["above"]), (vec![Some(1), Some(2)], &json!(0), &json!(1)));
    assert_eq!(found["labels"], json!({}));
    let summary = api.get("acme", "summary");
    assert_eq!(summary["current"]["negative_share"], 0.25);
    let original = api.get("acme", "timeseries?metric=negative_share&granularity=month");
    let points = original["series"][0]["points"].as_array().unwrap();
    assert_eq!(points.iter().filter_map(|point| point["value"].as_f64()).collect::<Vec<_>>(), [0.25]);
}
