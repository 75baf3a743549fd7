//! What a file of events must yield, from the file alone: the oracle of the demo and of the tests.
//!
//! It uses the contract natively and nothing of the pipeline: no engine, no batches, no ClickHouse.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;
use voc_smartmodule::contract::EventType;
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::transform::annotate;

/// What makes two records the same event.
type Identity = (String, Uuid, String);

/// What the file must yield.
#[derive(Debug, Default, Serialize)]
pub struct Expected {
    /// Lines, a last one without newline included unless it was left out.
    pub lines: u64,
    /// Records that are events, counted as often as they were sent.
    pub accepted: u64,
    /// Dead letters by code.
    pub rejected: BTreeMap<String, u64>,
    /// Distinct events.
    pub events: u64,
    /// What the API's summary says of each tenant: type, count, average sentiment.
    pub tenants: BTreeMap<String, Vec<Value>>,
}

/// Counts and sums of one tenant and type.
#[derive(Default)]
struct Sum {
    count: u64,
    scored: u64,
    total: f64,
}

/// Reads a file that was read at this time (milliseconds since 1970). With `complete_lines`, a last line
/// without newline does not count: a followed file leaves it waiting.
///
/// # Errors
/// What reading returns.
pub fn expect(mut file: impl BufRead, read_at_ms: i64, complete_lines: bool) -> std::io::Result<Expected> {
    let params = Params::default();
    let mut expected = Expected::default();
    // Of several records of one event, the one that came last stays.
    let mut events: HashMap<Identity, (EventType, Option<f64>)> = HashMap::new();
    let (mut line, mut envelope) = (Vec::new(), Vec::new());
    while file.read_until(b'\n', &mut line)? > 0 {
        let is_complete = line.last() == Some(&b'\n');
        if is_complete {
            line.pop();
        } else if complete_lines {
            break;
        }
        expected.lines += 1;
        envelope.clear();
        annotate(&line, read_at_ms, &params, &mut envelope);
        match Envelope::read(&envelope).map_err(std::io::Error::other)? {
            Envelope::Accepted(accepted) => {
                expected.accepted += 1;
                let event = accepted.event;
                let event_type = EventType::from_name(event.event_type)
                    .ok_or_else(|| std::io::Error::other("an accepted event has no known type"))?;
                let identity = (event.tenant_id.into_owned(), event.event_id, event.timestamp.to_owned());
                events.insert(identity, (event_type, accepted.sentiment));
            }
            Envelope::Rejected(rejected) => {
                *expected.rejected.entry(rejected.code.to_owned()).or_default() += 1;
            }
        }
        line.clear();
    }
    expected.events = events.len() as u64;
    expected.tenants = summaries(events);
    Ok(expected)
}

fn summaries(events: HashMap<Identity, (EventType, Option<f64>)>) -> BTreeMap<String, Vec<Value>> {
    let mut sums: BTreeMap<String, [Sum; 4]> = BTreeMap::new();
    for ((tenant_id, ..), (event_type, sentiment)) in events {
        let sum = &mut sums.entry(tenant_id).or_default()[event_type as usize];
        sum.count += 1;
        if let Some(score) = sentiment {
            sum.scored += 1;
            sum.total += score;
        }
    }
    let row = |(event_type, sum): (EventType, &Sum)| {
        #[allow(clippy::cast_precision_loss, reason = "a file has far fewer events than 2^52")]
        let average = (sum.scored > 0).then(|| sum.total / sum.scored as f64);
        (sum.count > 0).then(|| json!([event_type.as_str(), sum.count, average]))
    };
    sums.into_iter()
        .map(|(tenant_id, sums)| (tenant_id, EventType::ALL.into_iter().zip(&sums).filter_map(row).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ_AT: i64 = 1_793_491_200_000;

    fn event(id: u8, tenant: &str, transcript: &str) -> String {
        format!(
            r#"{{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1ab{id:02}","tenant_id":"{tenant}","timestamp":{READ_AT},"event_type":"call","transcript":"{transcript}"}}"#
        )
    }

    #[test]
    fn an_event_counts_once_per_tenant_and_the_last_stays() {
        let lines = [
            event(1, "a", "good"),
            event(1, "b", "bad"),
            event(1, "a", "bad"),
            event(2, "a", ""),
            String::new(),
        ];
        let expected = expect(lines.join("\n").as_bytes(), READ_AT, false).unwrap();
        // Joined, the last line is empty and has no newline: there is none.
        assert_eq!((expected.lines, expected.accepted, expected.events), (4, 4, 3));
        // A text without words has no score, and is not part of the mean.
        let bad = &expected.tenants["b"][0][2];
        assert!(bad.as_f64().is_some_and(|score| score < 0.0), "{bad}");
        assert_eq!(expected.tenants["b"], [json!(["call", 1, bad])]);
        assert_eq!(expected.tenants["a"], [json!(["call", 2, bad])]);
    }

    #[test]
    fn an_unfinished_line_counts_where_reading_ends_there() {
        let text = "x\n\ny";
        assert_eq!(expect(text.as_bytes(), READ_AT, false).unwrap().rejected["not_json"], 3);
        assert_eq!(expect(text.as_bytes(), READ_AT, true).unwrap().rejected["not_json"], 2);
    }
}
