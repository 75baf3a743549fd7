//! The conditions that every analytic statement begins with, and their values, bound beside it.

use super::client::Query;
use crate::params::choice::Dimension;
use crate::params::scope::Scope;

/// From a time up to, and not with, another; both in microseconds since 1970.
pub(super) type Period = (i64, i64);

/// That a column of times lies within the range of the request, or within the period before it, if there is one.
pub(super) fn within(column: &str, before: Option<Period>) -> String {
    let time = |name: &str| format!("fromUnixTimestamp64Micro({{{name}:Int64}})");
    let (from, to) = (time("from"), time("to"));
    if before.is_none() {
        return format!("{column} >= {from} AND {column} < {to}");
    }
    let (before_from, before_to) = (time("before_from"), time("before_to"));
    format!(
        "{column} >= {before_from} AND {column} < {to} AND ({column} >= {from} OR {column} < {before_to})"
    )
}

/// That a column of hours, by where they begin, lies within what the range of the request and the period before it touch.
/// [`bind_hours`] binds the ends. A period that the range goes on from is one with it: each condition has its price.
pub(super) fn within_hours(column: &str, scope: &Scope, before: Option<Period>) -> String {
    let (from, to) = ("{from_hour:DateTime('UTC')}", "{to_hour:DateTime('UTC')}");
    match before {
        Some((_, end)) if end != scope.range.from => {
            let (before_from, before_to) =
                ("{before_from_hour:DateTime('UTC')}", "{before_to_hour:DateTime('UTC')}");
            format!(
                "{column} >= {before_from} AND {column} < {to} AND ({column} >= {from} OR {column} < {before_to})"
            )
        }
        Some(_) => format!("{column} >= {{before_from_hour:DateTime('UTC')}} AND {column} < {to}"),
        None => format!("{column} >= {from} AND {column} < {to}"),
    }
}

/// Binds what [`within_hours`] names: the beginnings of the first hour that is touched, and of the first that is not.
pub(super) fn bind_hours(query: Query, scope: &Scope, before: Option<Period>) -> Query {
    let (from, to) = hours((scope.range.from, scope.range.to));
    let query = query.param("from_hour", from).param("to_hour", to);
    match before.map(hours) {
        Some((from, to)) => query.param("before_from_hour", from).param("before_to_hour", to),
        None => query,
    }
}

/// The hours that a period touches, in seconds since 1970: where the first begins, and where the last ends.
fn hours((from, to): Period) -> Period {
    const HOUR: i64 = 3_600;
    const MICROSECONDS: i64 = HOUR * 1_000_000;
    let (first, last) = (from.div_euclid(MICROSECONDS), (to - 1).div_euclid(MICROSECONDS));
    // Before 1970 there are no rollups.
    ((first * HOUR).max(0), ((last + 1) * HOUR).max(0))
}

/// The events with the conditions of a scope, and those of a period before it, if there is one.
pub(super) fn facts(scope: &Scope, before: Option<Period>) -> String {
    let mut sql = format!("FROM voc_facts WHERE tenant_id = {{tenant:String}} AND {}", within("ts", before));
    for (one, _) in scope.filters.iter() {
        let column = if one == Dimension::Type { "event_type" } else { one.as_str() };
        sql.push_str(&format!(" AND {column} = {{filter_{}:String}}", one.as_str()));
    }
    sql
}

/// Binds the values of a scope, and of the period before it.
pub(super) fn bind(query: Query, scope: &Scope, before: Option<Period>) -> Query {
    let query = query
        .param("tenant", scope.tenant.as_str())
        .param("from", scope.range.from)
        .param("to", scope.range.to);
    let query = match before {
        Some((from, to)) => query.param("before_from", from).param("before_to", to),
        None => query,
    };
    scope
        .filters
        .iter()
        .fold(query, |query, (one, value)| query.param(&format!("filter_{}", one.as_str()), value))
}

#[cfg(test)]
pub(super) mod tests {
    use super::{facts, hours, within_hours};
    use crate::params::choice::Dimension;
    use crate::params::filters::Filters;
    use crate::params::range::Range;
    use crate::params::scope::Scope;
    use crate::params::{Params, TenantId};

    /// The scope of a request with these parameters, of a hostile tenant.
    pub(in crate::query) fn scope(query: &str) -> Scope {
        let params = Params::parse(Some(query), &Scope::PARAMETERS.concat()).unwrap();
        Scope {
            tenant: TenantId::of_path("' OR 1 = 1 --".to_owned()).unwrap(),
            range: Range::optional(&params, 1_793_491_200_000_000).unwrap(),
            filters: Filters::optional(&params).unwrap(),
        }
    }

    /// Whether every brace of a statement opens a parameter: what a request says never does.
    #[track_caller]
    pub(in crate::query) fn assert_bound(sql: &str, parameters: &[&str]) {
        let mut found: Vec<&str> =
            sql.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
        found.sort_unstable();
        found.dedup();
        let mut parameters = parameters.to_vec();
        parameters.sort_unstable();
        assert_eq!(found, parameters, "{sql}");
        for value in ["OR 1 = 1", "evil"] {
            assert!(!sql.contains(value), "{sql}");
        }
    }

    #[test]
    fn every_filter_has_a_parameter_and_no_value_is_in_the_text() {
        let all = Dimension::ALL.map(|(name, _)| match name {
            "type" => "type=call".to_owned(),
            "label" => "label=negative".to_owned(),
            name => format!("{name}=evil'"),
        });
        let sql = facts(&scope(&all.join("&")), None);
        let mut parameters = vec!["tenant:String".to_owned(), "from:Int64".to_owned(), "to:Int64".to_owned()];
        parameters.extend(Dimension::ALL.map(|(name, _)| format!("filter_{name}:String")));
        assert_bound(&sql, &parameters.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!sql.contains("negative'"));
    }

    #[test]
    fn the_hours_are_those_that_a_period_touches() {
        const HOUR: i64 = 3_600_000_000;
        for (period, expected) in [
            ((HOUR, 2 * HOUR), (3_600, 7_200)),
            ((HOUR - 1, 2 * HOUR + 1), (0, 10_800)),
            ((HOUR + 1, HOUR + 2), (3_600, 7_200)),
            ((-5 * HOUR, -HOUR), (0, 0)),
        ] {
            assert_eq!(hours(period), expected, "{period:?}");
        }
    }

    #[test]
    fn a_period_that_goes_on_is_one_range() {
        let scope = scope("from=2026-10-01T00:00:00Z&to=2026-10-02T00:00:00Z");
        let from = scope.range.from;
        let one = within_hours("hour", &scope, Some((from - 1, from)));
        assert_eq!(one, "hour >= {before_from_hour:DateTime('UTC')} AND hour < {to_hour:DateTime('UTC')}");
        assert!(within_hours("hour", &scope, Some((0, from - 1))).contains(" OR "));
    }

    #[test]
    fn without_filters_there_are_tenant_and_range() {
        assert_bound(&facts(&scope(""), None), &["tenant:String", "from:Int64", "to:Int64"]);
        let both = facts(&scope(""), Some((0, 1)));
        assert_bound(
            &both,
            &["tenant:String", "before_from:Int64", "to:Int64", "from:Int64", "before_to:Int64"],
        );
    }
}
