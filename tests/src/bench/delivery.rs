//! What the layers of the delivery cost: the same run with all of them and with none, in pairs, because a noisy
//! machine shows little else.

use super::pipeline;
use super::report::{self, Round};
use crate::harness::clickhouse::ClickHouse;

/// What makes the connector leave all layers out.
const WITHOUT: [&str; 12] = [
    "--without",
    "fence",
    "--without",
    "ledger",
    "--without",
    "views",
    "--without",
    "token",
    "--without",
    "contiguity",
    "--without",
    "generation",
];

/// The pairs, in the order in which they ran.
#[derive(Debug, Default)]
pub struct Pairs {
    /// With all layers.
    pub with: Vec<Round>,
    /// With none.
    pub without: Vec<Round>,
}

/// Streams so many events with all layers and with none, in turn; which comes first changes with every pair.
///
/// # Panics
/// Where a part does not run, or not everything is stored.
#[must_use]
pub fn run(clickhouse: &ClickHouse, events: usize, pairs: usize) -> Pairs {
    let mut all = Pairs::default();
    // The first run of all finds cold caches.
    let _ = pipeline::run(clickhouse, "delivery_warm", events, 10);
    for pair in 0..pairs {
        for is_without in [pair % 2 == 1, pair % 2 == 0] {
            let arguments: &[&str] = if is_without { &WITHOUT } else { &[] };
            let database = format!("delivery_{pair}_{is_without}");
            let round = pipeline::run_with(clickhouse, &database, events, 10, arguments).round;
            if is_without { &mut all.without } else { &mut all.with }.push(round);
        }
    }
    all
}

impl Pairs {
    /// Prints the rates, and the median of the pairs' ratios with its interval.
    pub fn print(&self) {
        report::print("file to ClickHouse, no layers", &self.without, None);
        report::print("file to ClickHouse, all layers", &self.with, Some(("no layers", &self.without)));
        let ratios: Vec<f64> =
            self.with.iter().zip(&self.without).map(|(with, without)| with.rate() / without.rate()).collect();
        let (low, high) = interval(&ratios);
        println!(
            "median of {} pairs {:.3}, 95 % interval of the median {low:.3} to {high:.3}",
            ratios.len(),
            report::median(ratios.iter().copied()),
        );
    }
}

/// The interval that holds the median with at least 95 %, by the order of the figures alone: the number of
/// figures below the median is binomial. All figures where they are fewer than six.
fn interval(figures: &[f64]) -> (f64, f64) {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let count = figures.len();
    let (Some(first), Some(last)) = (figures.first(), figures.last()) else { return (0.0, 0.0) };
    let exponent = i32::try_from(count).unwrap_or(i32::MAX);
    let mut outside = 0.0;
    let mut ways = 1.0;
    let mut bounds = (*first, *last);
    for rank in 0..count / 2 {
        // Both ends: the median lies below the figure of this rank, or above its counterpart.
        outside += 2.0 * ways * 0.5_f64.powi(exponent);
        if outside > 0.05 {
            break;
        }
        bounds = (figures[rank], figures[count - 1 - rank]);
        #[allow(clippy::cast_precision_loss, reason = "a benchmark has few pairs")]
        let next = (count - rank) as f64 / (rank + 1) as f64;
        ways *= next;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // For the median: of 10 figures the 2nd to the 9th (97.9 %), of 20 the 6th to the 15th (95.9 %).
        let figures = |count: u32| (1..=count).map(f64::from).collect::<Vec<_>>();
        assert_eq!(interval(&figures(10)), (2.0, 9.0));
        assert_eq!(interval(&figures(20)), (6.0, 15.0));
        assert_eq!(interval(&figures(5)), (1.0, 5.0));
        assert_eq!(interval(&[]), (0.0, 0.0));
    }
}
