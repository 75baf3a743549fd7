//! Which hours are read from where, and that every value is bound.

use super::{Plan, Question, Rest};
use crate::params::choice::Dimension;
use crate::params::scope::Scope;
use crate::query::scope::Period;
use crate::query::scope::tests::{assert_bound, scope};

const HOUR: u32 = 3_600;

/// What binds the hours of a range.
const ENDS: [&str; 2] = ["from_hour:DateTime('UTC')", "to_hour:DateTime('UTC')"];

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
fn rollups_answer_alone_where_every_hour_is_whole() {
    let of = |query: &str, by| {
        let scope = scope(query);
        Question { scope: &scope, by, before: None, edges: &[] }.rollups()
    };
    let whole = "from=2026-10-01T00:00:00Z&to=2026-10-02T00:00:00Z";
    assert_eq!(of("from=2026-10-01T00:00:00Z&to=2026-10-02T00:30:00Z", None), None);
    assert_eq!(of(&format!("{whole}&agent=a"), Some(Dimension::Tool)), None);
    let sql = of(&format!("{whole}&type=call&agent=evil"), None).unwrap();
    let filters = ["tenant:String", "filter_type:String", "filter_agent:String"];
    assert_bound(&sql, &[&filters[..], &ENDS].concat());
    // The marks have neither type nor key.
    assert!(
        sql.contains(
            "(event_type = '' OR event_type = {filter_type:String} AND key = {filter_agent:String})"
        )
    );
}

#[test]
fn every_value_is_bound() {
    let scope = scope("channel=evil&type=call");
    let filters = ["filter_channel:String", "filter_type:String", "tenant:String"];
    let times = ["from:Int64", "to:Int64"];
    let hours = "hours:Array(DateTime('UTC'))";
    let assert_reads = |sql: &str, more: &[&[&str]]| {
        assert_bound(sql, &[&filters[..], &more.concat()].concat());
    };
    let whole = plan(&scope, None, None, Vec::new()).relation("events");
    assert_reads(&whole, &[&ENDS]);
    assert!(!whole.contains("voc_facts"), "{whole}");
    let before = ["before_from:Int64", "before_to:Int64"];
    let before_hours = ["before_from_hour:DateTime('UTC')", "before_to_hour:DateTime('UTC')"];
    let mixed = plan(&scope, Some(Dimension::Channel), Some((0, 1)), vec![0]).relation("events");
    assert_reads(&mixed, &[&ENDS, &times, &before, &before_hours, &[hours]]);
    assert!(mixed.contains("isNotNull(channel)"), "{mixed}");
    let question = || Question { scope: &scope, by: None, before: None, edges: &[] };
    let many = Plan { question: question(), rest: Rest::Many(Vec::new()) }.relation("events");
    assert_reads(&many, &[&ENDS, &times, &[hours]]);
    let everything = Plan { question: question(), rest: Rest::Everything }.relation("events");
    assert_reads(&everything, &[&times]);
    assert!(!everything.contains("voc_rollups"), "{everything}");
}
