//! Exports: in every format the numbers of the JSON answer, and never a body that only looks complete.

mod breaking;
mod download;
mod flat;
mod kept;
mod large;
#[cfg(feature = "python")]
mod pandas;

use serde_json::{Map, Value, json};

use super::loaded::{Loaded, micros, near_by, time};
use download::{Download, download};

type Row = Map<String, Value>;
type Flat = fn(&Value) -> Vec<Row>;

/// What is asked, and how its rows follow from the JSON answer.
const QUESTIONS: [(&str, Flat); 15] = [
    ("summary?", flat::summary),
    ("summary?type=call&", flat::summary),
    ("timeseries?granularity=day&compare=previous&timezone=America/Sao_Paulo&", flat::timeseries),
    ("timeseries?granularity=hour&metric=sentiment&type=call&", flat::timeseries),
    ("timeseries?granularity=week&group_by=agent&metric=negative_share&limit=4&", flat::timeseries),
    ("distribution?bins=7&", flat::distribution),
    ("distribution?type=tool_invocation&", flat::distribution),
    ("breakdown?by=channel&metric=sentiment&limit=100&", flat::breakdown),
    ("breakdown?by=channel&metric=negative_share&limit=100&", flat::breakdown),
    ("breakdown?by=tool&metric=count&limit=100&", flat::breakdown),
    ("breakdown?by=tool&metric=tool_success&min_events=3&limit=100&", flat::breakdown),
    ("agents?limit=1000&", flat::list),
    ("agents?limit=2&", flat::list),
    ("tools?limit=1000&", flat::list),
    ("qos?limit=1000&", flat::list),
];

const COLUMNS: [(&str, &str); 9] = [
    ("summary", "period,from,to,event_type,label,events,scored,sentiment,negative_share"),
    ("timeseries", "group,period,start,events,of,value"),
    ("distribution", "part,from,to,level,label,events,value"),
    ("breakdown", "group,events,of,value,lower,upper,top,bottom"),
    (
        "events",
        "event_id,timestamp,event_type,processed_at,agent,channel,direction,action,tool,qos_metric,sentiment,label,\
         unclear,language,annotation_version,explanation,text,payload",
    ),
    (
        "agents",
        "agent,events,calls,actions,tool_invocations,scored,sentiment,negative_share,call_duration_ms,\
         judged_invocations,tool_success",
    ),
    (
        "tools",
        "tool,invocations,agents,judged,success,success_lower,success_upper,timed,latency_ms_mean,latency_ms_p50,\
         latency_ms_p95,latency_ms_p99",
    ),
    ("qos", "metric,unit,measurements,mean,mean_lower,mean_upper,min,p5,p50,p95,max"),
    (
        "dead-letters",
        "origin_stream,origin_partition,origin_offset,code,field,message,state,processed_at,replayed_at,source_topic,\
         source_partition,source_offset,bytes",
    ),
];

fn columns(question: &str) -> Vec<&'static str> {
    let resource = question.split('?').next().unwrap();
    let (_, columns) = COLUMNS.iter().find(|(name, _)| *name == resource).unwrap();
    columns.split(',').collect()
}

/// Everything that JSON says is in the rows, in its order; both may say more of a row.
#[track_caller]
fn assert_rows(found: &[Row], expected: &[Row], question: &str) {
    assert_eq!(found.len(), expected.len(), "{question}");
    for (found, expected) in found.iter().zip(expected) {
        let mut names: Vec<&str> = found.keys().map(String::as_str).collect();
        let mut known = columns(question);
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known, "{question}");
        for (name, expected) in expected {
            assert_value(&found[name], expected, &format!("{question}: {name} of {found:?}"));
        }
    }
}

#[track_caller]
fn assert_value(found: &Value, expected: &Value, what: &str) {
    match expected {
        Value::Number(number) => near_by(found, number.as_f64(), 1e-9, what),
        Value::String(text) => {
            let moment = |text: &str| chrono::DateTime::parse_from_rfc3339(text).ok();
            let found = found.as_str().unwrap_or_else(|| panic!("{what}: {found} instead of {text}"));
            match moment(text) {
                Some(time) => assert_eq!(moment(found), Some(time), "{what}"),
                None => assert_eq!(found, text, "{what}"),
            }
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

/// Reads what may be read without a library of the format.
fn rows(download: &Download, format: &str, question: &str) -> Vec<Row> {
    match format {
        "ndjson" => {
            let text = std::str::from_utf8(&download.bytes).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'));
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
        "csv" => {
            let mut reader = csv::Reader::from_reader(download.bytes.as_slice());
            assert_eq!(reader.headers().unwrap(), columns(question), "{question}");
            let names = columns(question);
            let row = |record: csv::StringRecord| -> Row {
                let cells = names.iter().zip(record.iter());
                cells.map(|(name, cell)| ((*name).to_owned(), cell_value(name, cell))).collect()
            };
            reader.records().map(|record| row(record.unwrap())).collect()
        }
        other => panic!("{other}"),
    }
}

/// Columns of CSV in which anybody may have written.
const FREE: [&str; 15] = [
    "language",
    "group",
    "agent",
    "tool",
    "metric",
    "unit",
    "channel",
    "direction",
    "action",
    "qos_metric",
    "text",
    "origin_stream",
    "field",
    "message",
    "source_topic",
];

fn cell_value(name: &str, cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    if FREE.contains(&name) {
        return cell.strip_prefix('\'').unwrap_or(cell).into();
    }
    match cell {
        "true" | "false" => (cell == "true").into(),
        _ => cell.parse::<f64>().map_or_else(|_| cell.into(), Value::from),
    }
}

#[test]
fn every_resource_has_the_numbers_of_its_json_in_every_format() {
    let loaded = Loaded::get();
    for (number, (question, flat)) in QUESTIONS.iter().enumerate() {
        let tenant = &loaded.tenants[number % loaded.tenants.len()];
        let question = format!("{question}{}", loaded.range());
        let expected = flat(&loaded.api.get(tenant, &question));
        assert!(!expected.is_empty(), "{question}");
        for format in ["csv", "ndjson"] {
            let found = download(loaded.api.port, tenant, &format!("{question}&format={format}"), "");
            assert_rows(&rows(&found, format, &question), &expected, &question);
        }
        let parquet = download(loaded.api.port, tenant, &format!("{question}&format=parquet"), "");
        assert!(parquet.bytes.starts_with(b"PAR1") && parquet.bytes.ends_with(b"PAR1"), "{question}");
        let arrow = download(loaded.api.port, tenant, &format!("{question}&format=arrow"), "");
        // The mark of a stream, and its end.
        assert!(
            arrow.bytes.starts_with(&[0xff; 4])
                && arrow.bytes.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
        );
    }
}

#[test]
fn without_a_limit_nothing_is_left_out() {
    let loaded = Loaded::get();
    let tenant = &loaded.tenants[0];
    for (some, total) in [("agents?", "total"), ("tools?", "total"), ("breakdown?by=agent&", "groups")] {
        let range = loaded.range();
        let json = loaded.api.get(tenant, &format!("{some}limit=1&{range}"));
        let found = download(loaded.api.port, tenant, &format!("{some}format=ndjson&{range}"), "");
        let found = rows(&found, "ndjson", some);
        assert_eq!(json[total], found.len(), "{some}");
        let few = download(loaded.api.port, tenant, &format!("{some}limit=1&format=ndjson&{range}"), "");
        let few = rows(&few, "ndjson", some);
        let name = columns(some)[0];
        assert!(
            few.len() < found.len() && few.len() <= 2 && few[0][name] == found[0][name],
            "{some}: {few:?}"
        );
    }
}

#[test]
fn the_events_are_all_of_them_with_their_texts_whatever_a_page_would_hold() {
    let loaded = Loaded::get();
    for (tenant, question, is_meant) in [
        (&loaded.tenants[0], "events?", (|_: &str, _: &str| true) as fn(&str, &str) -> bool),
        (&loaded.tenants[1], "events?type=call&", |kind, _| kind == "call"),
        (&loaded.tenants[2], "events?search=OBRIGAD&", |_, text| text.to_lowercase().contains("obrigad")),
    ] {
        let mut events = loaded.of(tenant, loaded.from, loaded.to);
        events.retain(|event| is_meant(&event.kind, &event.text()));
        events.sort_by_key(|event| event.micros);
        assert!(!events.is_empty(), "{question}");
        let question = format!("{question}{}", loaded.range());
        for format in ["csv", "ndjson"] {
            let found = download(loaded.api.port, tenant, &format!("{question}&format={format}"), "");
            let found = rows(&found, format, &question);
            assert_eq!(found.len(), events.len(), "{question}");
            for row in &found {
                let same = |event: &&&super::oracle::Event| {
                    row["event_id"] == event.id.to_string() && micros(&row["timestamp"]) == event.micros
                };
                let event = events.iter().find(same).unwrap();
                let mut expected = json!({
                    "timestamp": chrono::DateTime::from_timestamp_micros(event.micros).unwrap().to_rfc3339(),
                    "event_type": event.kind, "sentiment": event.score,
                });
                for name in
                    ["agent", "channel", "direction", "action", "tool", "qos_metric", "label", "language"]
                {
                    expected[name] = event.dimension(name).into();
                }
                expected["text"] = Some(event.text()).filter(|text| !text.is_empty()).into();
                let Value::Object(expected) = expected else { unreachable!() };
                assert_rows(std::slice::from_ref(row), &[expected], &question);
                let payload: Value = serde_json::from_str(row["payload"].as_str().unwrap()).unwrap();
                assert_eq!(payload, event.document);
            }
            let times: Vec<&str> = found.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
            assert!(times.is_sorted(), "{question}: not the oldest first");
        }
    }
}

#[test]
fn dead_letters_are_those_of_the_list() {
    let loaded = Loaded::get();
    let mut letters = 0;
    for tenant in &loaded.tenants {
        let expected = flat::list(&loaded.api.get(tenant, "dead-letters?limit=1000"));
        letters += expected.len();
        for format in ["csv", "ndjson"] {
            let mut expected = expected.clone();
            if format == "csv" {
                // CSV has nothing for an empty text.
                expected
                    .iter_mut()
                    .flat_map(|row| row.values_mut())
                    .filter(|value| **value == "")
                    .for_each(|value| *value = Value::Null);
            }
            let found = download(loaded.api.port, tenant, &format!("dead-letters?format={format}"), "");
            assert_rows(&rows(&found, format, "dead-letters?"), &expected, "dead-letters?");
        }
    }
    assert!(letters > 0);
}

#[test]
fn the_header_accept_asks_for_a_format_and_the_head_says_what_it_is() {
    let loaded = Loaded::get();
    let (from, to) = ("from=2026-10-01", "to=2026-11-01");
    for (accept, content_type, extension) in [
        ("text/csv", "text/csv; charset=utf-8; header=present", "csv"),
        ("application/x-ndjson", "application/x-ndjson", "ndjson"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet", "parquet"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream", "arrows"),
    ] {
        let found = download(loaded.api.port, "acme", &format!("tools?{from}&{to}"), accept);
        assert_eq!((found.status, found.content_type.as_str()), (200, content_type));
        let name = format!("attachment; filename=\"tools_2026-10-01_2026-11-01.{extension}\"");
        assert_eq!(found.disposition, name);
    }
    for (query, accept) in [("", "*/*"), ("?format=json", "text/csv"), ("", "text/html, */*;q=0.8")] {
        let found = download(loaded.api.port, "acme", &format!("tools{query}"), accept);
        assert_eq!((found.status, found.content_type.as_str()), (200, "application/json"), "{accept}");
        assert_eq!(found.disposition, "");
    }
}

#[test]
fn what_a_spreadsheet_would_run_begins_with_a_quote_in_csv_alone() {
    let loaded = Loaded::get();
    let agents = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'quoted'", "plain =1", "é", "a,\"b\"\nc"];
    for (number, agent) in agents.iter().enumerate() {
        let payload = json!({"agent_id": agent, "transcript": agent}).to_string().replace('\\', "\\\\");
        loaded.stage.database.run(&format!(
            "INSERT INTO voc_events (event_id, tenant_id, ts, event_type, payload, origin_stream, origin_offset)
            VALUES (generateUUIDv4(), 'formulas', '2026-06-01 00:00:0{number}', 'call', '{}', 'formulas#1', {number})",
            payload.replace('\'', "\\'")
        ));
    }
    let range = format!("from={}&to={}", time(1_780_272_000_000_000), time(1_780_358_400_000_000));
    for (question, column) in [("events?", "agent"), ("events?", "text"), ("agents?", "agent")] {
        let ask =
            |format| download(loaded.api.port, "formulas", &format!("{question}format={format}&{range}"), "");
        let mut reader = csv::Reader::from_reader(ask("csv").bytes.leak() as &[u8]);
        let place = columns(question).iter().position(|name| *name == column).unwrap();
        let mut marked: Vec<String> =
            reader.records().map(|record| record.unwrap().get(place).unwrap().to_owned()).collect();
        let mut expected: Vec<String> = agents
            .iter()
            .map(|text| match text.starts_with(['=', '+', '-', '@', '\t', '\'']) {
                true => format!("'{text}"),
                false => (*text).to_owned(),
            })
            .collect();
        let rows = rows(&ask("ndjson"), "ndjson", question);
        let mut plain: Vec<&str> = rows.iter().map(|row| row[column].as_str().unwrap()).collect();
        let mut all = agents.to_vec();
        marked.sort_unstable();
        expected.sort_unstable();
        plain.sort_unstable();
        all.sort_unstable();
        assert_eq!(marked, expected, "{question}");
        assert_eq!(plain, all, "{question}");
    }
}

#[test]
fn what_goes_wrong_before_the_first_byte_is_a_problem() {
    let loaded = Loaded::get();
    for (question, parameter) in [
        ("events?format=xlsx", "format"),
        ("events?format=csv&format=csv", "format"),
        ("events?format=csv&limit=1001", "limit"),
        ("timeseries?format=csv&metric=mood", "metric"),
        ("breakdown?format=parquet", "by"),
        ("summary?format=csv&limit=1", "limit"),
        ("events/00000000-0000-4000-8000-000000000000?format=csv", "format"),
    ] {
        let found = download(loaded.api.port, "acme", question, "");
        assert_eq!(found.status, 400, "{question}");
        assert_eq!(found.content_type, "application/problem+json");
        let problem: Value = serde_json::from_slice(&found.bytes).unwrap();
        assert_eq!(problem["parameter"], parameter, "{question}: {problem}");
    }
}

#[test]
fn hostile_values_give_no_row_of_another_tenant() {
    let loaded = Loaded::get();
    let values = ["' OR 1=1 --", "\\", "{tenant:String}", "?", "\\N", "`", "'; DROP TABLE voc_events; --"];
    let tenant = "' OR 1=1 --";
    for resource in
        ["summary", "timeseries", "distribution", "events", "agents", "tools", "qos", "dead-letters"]
    {
        for value in values.map(super::loaded::encoded) {
            for name in ["agent", "tool", "search", "group_by", "code", "cursor", "timezone"] {
                let question = format!("{resource}?format=ndjson&{name}={value}");
                let found = download(loaded.api.port, tenant, &question, "");
                assert!([200, 400].contains(&found.status), "{question}: {}", found.status);
                if found.status == 200 {
                    let rows = rows(&found, "ndjson", &format!("{resource}?"));
                    let is_lists_row = !["summary", "timeseries", "distribution"].contains(&resource);
                    let has_some = |row: &Row| is_lists_row || row["events"].as_u64().unwrap_or(0) > 0;
                    assert!(!rows.iter().any(has_some), "{question}: {rows:?}");
                }
            }
        }
    }
}
