//! What one look says: the window, and what is new in it since the look before.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::params::range::show;
use crate::query::live::Arrived;

/// What has arrived lately.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Window {
    /// When it was looked.
    at: String,
    /// Events that have arrived after this count.
    from: String,
    events: u64,
    by_type: BTreeMap<String, u64>,
    /// How many have a score.
    scored: u64,
    /// The mean of those scores.
    sentiment: Option<f64>,
    /// The share of negative ones among those.
    negative_share: Option<f64>,
    /// What came since the look before; none in the first.
    new: Option<New>,
}

/// What came since a look.
#[derive(Debug, PartialEq, Serialize)]
struct New {
    /// When that was.
    since: String,
    events: u64,
    by_type: BTreeMap<String, u64>,
}

/// What a look has to know of the one before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// When that was, in milliseconds since 1970.
    pub(super) at: i64,
    /// Where its window began.
    pub(super) from: i64,
    /// What was in it, by type.
    by_type: BTreeMap<String, u64>,
}

/// Puts together what was found at a time in the window from another; in milliseconds since 1970.
///
/// An event is new if it is there since the look before, whenever it was read: the connector writes it some seconds
/// later. So what is counted now of the window of then is compared with what was counted then.
pub(super) fn window(found: &[Arrived], at: i64, from: i64, seen: Option<&Seen>) -> (Window, Seen) {
    let by_type = |count: fn(&Arrived) -> u64| -> BTreeMap<String, u64> {
        let counts = found.iter().map(|kind| (kind.event_kind.clone(), count(kind)));
        counts.filter(|(_, count)| *count > 0).collect()
    };
    let new = seen.map(|seen| {
        // Fewer than then, where some were erased.
        let more = by_type(|kind| kind.since_earlier).into_iter().map(|(kind, count)| {
            let before = seen.by_type.get(&kind).copied().unwrap_or_default();
            (kind, count.saturating_sub(before))
        });
        let by_type: BTreeMap<String, u64> = more.filter(|(_, count)| *count > 0).collect();
        New { since: utc(seen.at), events: by_type.values().sum(), by_type }
    });
    let current = by_type(|kind| kind.events);
    let scored = found.iter().map(|kind| kind.scored).sum();
    let total: f64 = found.iter().filter_map(|kind| kind.total).sum();
    #[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
    let share = |part: f64| (scored > 0).then(|| part / scored as f64);
    #[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
    let negative = found.iter().map(|kind| kind.negative).sum::<u64>() as f64;
    let window = Window {
        at: utc(at),
        from: utc(from),
        events: current.values().sum(),
        by_type: current.clone(),
        scored,
        sentiment: share(total),
        negative_share: share(negative),
        new,
    };
    (window, Seen { at, from, by_type: current })
}

fn utc(millis: i64) -> String {
    show(millis.saturating_mul(1_000), &TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Arrived, Seen, window};

    fn arrived(kind: &str, events: u64, scored: u64, total: f64, since_earlier: u64) -> Arrived {
        let total = (scored > 0).then_some(total);
        Arrived { event_kind: kind.to_owned(), events, scored, total, negative: scored / 2, since_earlier }
    }

    fn look(found: &[Arrived], at: i64, seen: Option<&Seen>) -> (Value, Seen) {
        let (window, seen) = window(found, at, at - 300_000, seen);
        (serde_json::to_value(window).unwrap(), seen)
    }

    #[test]
    fn a_look_sums_up_its_window_and_the_next_one_says_what_is_new() {
        let (first, seen) =
            look(&[arrived("call", 4, 4, -2.0, 4), arrived("qos_metric", 2, 0, 0.0, 2)], 0, None);
        assert_eq!(
            first,
            json!({"at": "1970-01-01T00:00:00+00:00", "from": "1969-12-31T23:55:00+00:00", "events": 6,
                "by_type": {"call": 4, "qos_metric": 2}, "scored": 4, "sentiment": -0.5, "negative_share": 0.5,
                "new": null})
        );
        // One call has left the window, two have come; of the metrics nothing is left but one that is new.
        let found = [arrived("call", 5, 5, 5.0, 6), arrived("qos_metric", 1, 0, 0.0, 3)];
        let (second, seen) = look(&found, 2_500, Some(&seen));
        assert_eq!(second["new"]["since"], "1970-01-01T00:00:00+00:00");
        assert_eq!(second["new"]["by_type"], json!({"call": 2, "qos_metric": 1}));
        assert_eq!((&second["new"]["events"], &second["events"]), (&json!(3), &json!(6)));
        assert_eq!(second["at"], "1970-01-01T00:00:02.500000+00:00");
        // And what was erased is not less than nothing.
        let (third, _) = look(&[arrived("call", 0, 0, 0.0, 1)], 5_000, Some(&seen));
        assert_eq!((&third["new"]["events"], &third["new"]["by_type"]), (&json!(0), &json!({})));
        assert_eq!((&third["events"], &third["by_type"]), (&json!(0), &json!({})));
        assert!(third["sentiment"].is_null() && third["negative_share"].is_null());
    }
}
