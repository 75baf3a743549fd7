//! The conditions that every analytic statement begins with, and their values, bound beside it.

use clickhouse::query::Query;

use super::expression::dimension;
use crate::params::choice::Dimension;
use crate::params::scope::Scope;

/// The range of the request.
const WITHIN: &str =
    "ts >= fromUnixTimestamp64Micro({from:Int64}) AND ts < fromUnixTimestamp64Micro({to:Int64})";

/// The range of the request, and one before it, which [`bind_before`] binds.
const WITHIN_BOTH: &str = "ts >= fromUnixTimestamp64Micro({before_from:Int64})
    AND ts < fromUnixTimestamp64Micro({to:Int64})
    AND (ts >= fromUnixTimestamp64Micro({from:Int64}) OR ts < fromUnixTimestamp64Micro({before_to:Int64}))";

/// The table with the conditions of a scope; with `and_before`, also the events of a range before it.
pub(super) fn source(scope: &Scope, and_before: bool) -> String {
    let range = if and_before { WITHIN_BOTH } else { WITHIN };
    let mut sql = format!("FROM voc_events FINAL WHERE tenant_id = {{tenant:String}} AND {range}");
    for (one, _) in scope.filters.iter() {
        let expression = if one == Dimension::Type { "event_type" } else { dimension(one) };
        sql.push_str(&format!(" AND {expression} = {{filter_{}:String}}", one.as_str()));
    }
    sql
}

/// Binds the values of a scope.
pub(super) fn bind(query: Query, scope: &Scope) -> Query {
    let query = query
        .param("tenant", scope.tenant.as_str())
        .param("from", scope.range.from)
        .param("to", scope.range.to);
    scope
        .filters
        .iter()
        .fold(query, |query, (one, value)| query.param(&format!("filter_{}", one.as_str()), value))
}

/// Binds the range before.
pub(super) fn bind_before(query: Query, from: i64, to: i64) -> Query {
    query.param("before_from", from).param("before_to", to)
}

#[cfg(test)]
pub(super) mod tests {
    use super::source;
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
        let found: Vec<&str> =
            sql.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
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
        let sql = source(&scope(&all.join("&")), false);
        let mut parameters = vec!["tenant:String".to_owned(), "from:Int64".to_owned(), "to:Int64".to_owned()];
        parameters.extend(Dimension::ALL.map(|(name, _)| format!("filter_{name}:String")));
        assert_bound(&sql, &parameters.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!sql.contains("negative'"));
    }

    #[test]
    fn without_filters_there_are_tenant_and_range() {
        assert_bound(&source(&scope(""), false), &["tenant:String", "from:Int64", "to:Int64"]);
        let both = source(&scope(""), true);
        let parameters = ["tenant:String", "before_from:Int64", "to:Int64", "from:Int64", "before_to:Int64"];
        assert_bound(&both, &parameters);
    }
}
