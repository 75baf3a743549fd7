//! The rows that follow from a JSON answer.

use serde_json::{Value, json};

use super::Row;

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("{other}"),
    }
}

fn with(row: &Value, more: Value) -> Row {
    let mut all = self::row(row.clone());
    all.extend(self::row(more));
    all
}

/// Of a label, JSON has the number alone.
pub(super) fn summary(found: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["current", "previous"] {
        let period = &found[name];
        let head = json!({"period": name, "from": period["from"], "to": period["to"]});
        let sum = |sum: &Value, kind: Value| {
            let numbers = ["events", "scored", "sentiment", "negative_share"];
            let mut row = with(&head, json!({"event_type": kind, "label": null}));
            row.extend(numbers.map(|name| (name.to_owned(), sum[name].clone())));
            row
        };
        rows.push(sum(period, Value::Null));
        for (kind, found) in period["by_type"].as_object().unwrap() {
            rows.push(sum(found, kind.as_str().into()));
            let labels = period["labels"].as_object().unwrap().iter().filter(|_| kind == "call");
            rows.extend(labels.map(|(label, events)| {
                with(&head, json!({"event_type": "call", "label": label, "events": events}))
            }));
        }
    }
    rows
}

pub(super) fn timeseries(found: &Value) -> Vec<Row> {
    let mut rows = Vec::new();
    for series in found["series"].as_array().unwrap() {
        for (name, period) in [("previous", "previous"), ("points", "current")] {
            for point in series.get(name).and_then(Value::as_array).into_iter().flatten() {
                rows.push(with(point, json!({"group": series["group"], "period": period})));
            }
        }
    }
    rows
}

pub(super) fn distribution(found: &Value) -> Vec<Row> {
    let mut rows = vec![row(json!({"part": "scores", "events": found["scored"], "value": found["mean"]}))];
    let each = |name: &str| found[name].as_array().unwrap().iter();
    rows.extend(each("quantiles").map(|one| with(one, json!({"part": "quantile", "events": null}))));
    rows.push(row(json!({"part": "below", "from": null, "to": -1, "events": found["below"]})));
    rows.extend(each("histogram").map(|one| with(one, json!({"part": "bin"}))));
    rows.push(row(json!({"part": "above", "from": 1, "to": null, "events": found["above"]})));
    let labels = found["labels"].as_object().unwrap().iter();
    rows.extend(
        labels.map(|(label, events)| row(json!({"part": "label", "label": label, "events": events}))),
    );
    rows
}

/// Where both lists have every group.
pub(super) fn breakdown(found: &Value) -> Vec<Row> {
    let (top, bottom) = (found["top"].as_array().unwrap(), found["bottom"].as_array().unwrap());
    assert_eq!(found["groups"], top.len(), "a list that is not whole");
    let place = |group: &Value| bottom.iter().position(|one| one["group"] == *group).unwrap() + 1;
    let places = (1..).zip(top);
    places.map(|(top, one)| with(one, json!({"top": top, "bottom": place(&one["group"])}))).collect()
}

/// The rows of a list, what is nested in them under joined names.
pub(super) fn list(found: &Value) -> Vec<Row> {
    let rows = found.as_object().unwrap().values().find_map(Value::as_array).unwrap().iter();
    let flat = |one: &Value| -> Row {
        let fields = one.as_object().unwrap().iter().flat_map(|(name, value)| match value {
            Value::Object(inner) => {
                inner.iter().map(|(end, value)| (format!("{name}_{end}"), value.clone())).collect()
            }
            other => vec![(name.clone(), other.clone())],
        });
        fields.collect()
    };
    rows.map(flat).collect()
}
