//! The comparison finds what differs, and nothing else.

use serde_json::json;

use super::*;

fn expected() -> Expected {
    parse(&json!({
        "lines": 7, "accepted": 6, "events": 5, "rejected": { "not_json": 1 },
        "tenants": { "a": [["call", 3, -0.5]], "b": [["qos_metric", 2, null]] }
    }))
    .unwrap()
}

fn found() -> Found {
    Found { tenants: expected().tenants, rejected: expected().rejected, events: 5, ledger: (7, 7) }
}

#[track_caller]
fn check<R>(change: impl FnOnce(&mut Found) -> R, part: &str) {
    let mut found = found();
    change(&mut found);
    let differences = differences(&expected(), &found);
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(differences[0].contains(part), "{differences:?}");
}

#[test]
fn equal_is_equal_up_to_rounding() {
    assert_eq!(differences(&expected(), &found()), Vec::<String>::new());
    let mut rounded = found();
    rounded.tenants.insert("a".to_owned(), vec![json!(["call", 3, -0.500_000_000_000_1])]);
    assert_eq!(differences(&expected(), &rounded), Vec::<String>::new());
}

#[test]
fn every_kind_of_difference_is_named() {
    check(|found| found.ledger = (8, 7), "stored twice");
    check(|found| found.ledger = (6, 6), "origins in the ledger");
    check(|found| found.events = 4, "distinct events");
    check(|found| found.rejected.insert("too_deep".to_owned(), 1), "too_deep");
    check(|found| found.rejected.clear(), "not_json");
    check(|found| found.tenants.remove("b"), "\"b\"");
    check(|found| found.tenants.insert("c".to_owned(), vec![json!(["call", 1, null])]), "\"c\"");
    check(|found| found.tenants.insert("a".to_owned(), vec![json!(["call", 3, null])]), "\"a\"");
    check(|found| found.tenants.insert("a".to_owned(), vec![json!(["call", 4, -0.5])]), "\"a\"");
}
