//! The intervals of [`crate::interval`], computed by ClickHouse: the same formulas over the same quantiles.

use crate::interval::{FEW, MANY_TERMS, NORMAL, quantiles_of_few};
use crate::query::client::Query;

/// An interval's two ends, as expressions.
pub(super) struct Interval {
    pub(super) lower: String,
    pub(super) upper: String,
}

/// Of a share that is finite or NULL.
pub(super) fn wilson(share: &str, events: &str) -> Interval {
    let z2 = NORMAL * NORMAL;
    let centre = format!("({share} + {z2} / (2 * {events})) / (1 + {z2} / {events})");
    let half = format!(
        "{NORMAL} / (1 + {z2} / {events})
            * sqrt({share} * (1 - {share}) / {events} + {z2} / (4 * {events} * {events}))"
    );
    // greatest and least leave out what is NULL.
    Interval {
        lower: format!("if(isNull({share}), NULL, greatest({centre} - {half}, 0.))"),
        upper: format!("if(isNull({share}), NULL, least({centre} + {half}, 1.))"),
    }
}

/// Of a mean that is finite or NULL; [`bound`] binds the quantiles.
pub(super) fn student(mean: &str, variance: &str, events: &str) -> Interval {
    let freedom = format!("(toInt64({events}) - 1)");
    let [first, second] = MANY_TERMS;
    let quantile = format!(
        "if({freedom} > {FEW}, {NORMAL} + {first} / {freedom} + {second} / pow({freedom}, 2),
            {{student:Array(Float64)}}[{freedom}])"
    );
    let half = format!("{quantile} * sqrt(greatest(assumeNotNull({variance}), 0.) / {events})");
    let is_known = format!("{events} >= 2 AND isFinite(ifNull({variance}, nan))");
    Interval {
        lower: format!("if({is_known}, {mean} - {half}, NULL)"),
        upper: format!("if({is_known}, {mean} + {half}, NULL)"),
    }
}

/// Binds what [`student`] names.
pub(super) fn bound(query: Query) -> Query {
    query.param("student", quantiles_of_few())
}
