//! Which hours are read from where, and that every value is bound.

use super::{Plan, Question, Rest};
use crate::params::choice::Dimension;
use crate::params::scope::Scope;
use crate::query::scope::Period;
use crate::query::scope::tests::{assert_bound, scope};

const HOUR: u32 = 3_600;

/// A plan that reads these hours from the events.
pub(in crate::query) fn plan(
    scope: &Scope,
    by: Option<Dimension>,
    before: Option<Period>,
    hours: Vec<u32>,
) -> Plan<'_> {
    Plan { question: Question { scope, by, before, edges: &[] }, rest: Rest::Hours(hours) }
}

#[test]
fn an_hour_that_an_end_or_an_edge_lies_within_is_cut() {
    let scope = scope("from=2026-10-01T00:00:00Z&to=2026-10-02T00:30:00Z");
    let day = u32::try_from(scope.range.from / 1_000_000).unwrap();
    let edges = [day, day + HOUR, day + 2 * HOUR + 1];
    let before = Some((scope.range.from - 1, scope.range.from));
    let question = Question { scope: &scope, by: None, before, edges: &edges };
    assert_eq!(question.cut(), [day - HOUR, day + 2 * HOUR, day + 24 * HOUR]);
}

#[test]
fn one_dimension_beside_the_type_has_rollups() {
    for (query, by, expected) in [
        ("", None, Some(Dimension::Type)),
        ("type=call", Some(Dimension::Type), Some(Dimension::Type)),
        ("type=call&agent=a", None, Some(Dimension::Agent)),
        ("agent=a", Some(Dimension::Agent), Some(Dimension::Agent)),
        ("agent=a", Some(Dimension::Channel), None),
        ("agent=a&tool=b", None, None),
    ] {
        let scope = scope(query);
        assert_eq!(Question { scope: &scope, by, before: None, edges: &[] }.set(), expected, "{query}");
    }
}

#[test]
fn every_value_is_bound() {
    let scope = scope("channel=evil&type=call");
    let filters = ["filter_channel:String", "filter_type:String", "from:Int64", "tenant:String", "to:Int64"];
    let whole = plan(&scope, None, None, Vec::new()).relation("events");
    assert_bound(&whole, &filters);
    assert!(!whole.contains("voc_facts"), "{whole}");
    let hours = "hours:Array(DateTime('UTC'))";
    let mixed = plan(&scope, Some(Dimension::Channel), Some((0, 1)), vec![0]).relation("events");
    assert_bound(&mixed, &[&filters[..], &["before_from:Int64", "before_to:Int64", hours]].concat());
    assert!(mixed.contains("isNotNull(channel)"), "{mixed}");
    let question = || Question { scope: &scope, by: None, before: None, edges: &[] };
    let many = Plan { question: question(), rest: Rest::Many(Vec::new()) }.relation("events");
    assert_bound(&many, &[&filters[..], &[hours]].concat());
    let everything = Plan { question: question(), rest: Rest::Everything }.relation("events");
    assert_bound(&everything, &filters);
    assert!(!everything.contains("voc_rollups"), "{everything}");
}
