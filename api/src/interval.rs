//! How sure a share or a mean is that comes from few events: intervals that hold the true value with 95 %.

use std::sync::LazyLock;

use statrs::distribution::{ContinuousCDF, StudentsT};

/// How often an interval holds the true value.
pub const CONFIDENCE: f64 = 0.95;

/// The normal distribution's 97.5 % quantile.
pub const NORMAL: f64 = 1.959_963_984_540_054;

/// Above this many degrees of freedom, the quantile of Student's t is that of the normal distribution and the two
/// [`MANY_TERMS`], to eight digits.
pub const FEW: u32 = 1_000;

/// What is divided by the degrees of freedom, and by their square: (z³ + z) / 4 and (5z⁵ + 16z³ + 3z) / 96
/// (Abramowitz and Stegun, 26.7.5), with z the normal quantile.
pub const MANY_TERMS: [f64; 2] = [2.372_271_230_298_56, 2.822_498_615_739_64];

/// Lower and upper end.
pub type Interval = (f64, f64);

/// Wilson's interval of a share, from 0 to 1: unlike the usual one, it is not of no width for none of three.
/// None without events.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
pub fn wilson(share: f64, events: u64) -> Option<Interval> {
    if events == 0 {
        return None;
    }
    let n = events as f64;
    let z2 = NORMAL * NORMAL;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = NORMAL / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// Student's interval of a mean, from the variance of the sample. None for fewer than two events, which say
/// nothing about how far the next one may lie.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
pub fn student(mean: f64, variance: f64, events: u64) -> Option<Interval> {
    if events < 2 || !variance.is_finite() {
        return None;
    }
    let half = quantile(events - 1)? * (variance.max(0.0) / events as f64).sqrt();
    Some((mean - half, mean + half))
}

/// The 97.5 % quantile of Student's t with so many degrees of freedom.
#[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
fn quantile(freedom: u64) -> Option<f64> {
    if freedom > u64::from(FEW) {
        let [first, second] = MANY_TERMS;
        return Some(NORMAL + first / freedom as f64 + second / (freedom as f64).powi(2));
    }
    let place = usize::try_from(freedom).ok()?.checked_sub(1)?;
    quantiles_of_few().get(place).copied()
}

/// The quantiles of 1 to [`FEW`] degrees of freedom.
#[must_use]
pub fn quantiles_of_few() -> &'static [f64] {
    static QUANTILES: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let quantile = |freedom: u32| {
            let distribution = StudentsT::new(0.0, 1.0, f64::from(freedom)).ok()?;
            Some(distribution.inverse_cdf(f64::midpoint(1.0, CONFIDENCE)))
        };
        (1..=FEW).map_while(quantile).collect()
    });
    &QUANTILES
}

#[cfg(test)]
mod tests {
    use super::{quantile, student, wilson};

    #[track_caller]
    fn near(found: f64, expected: f64, by: f64) {
        assert!((found - expected).abs() <= by, "{found} instead of {expected}");
    }

    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (freedom, expected) in
            [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (30, 2.0423), (100, 1.9840)]
        {
            near(quantile(freedom).unwrap(), expected, 5e-5);
        }
        near(quantile(1_000).unwrap(), 1.9623, 5e-5);
        // From one way to compute it to the other, and far on.
        near(quantile(1_000).unwrap(), 1.962_339_080_826_41, 1e-8);
        near(quantile(1_001).unwrap(), 1.962_336_705_280_88, 1e-8);
        near(quantile(10_000).unwrap(), 1.960_201_239_890_63, 1e-8);
        near(quantile(10_000_000).unwrap(), super::NORMAL, 1e-6);
        assert_eq!(quantile(0), None);
        // Never wider with more events.
        let all: Vec<f64> = (1..1_500).map(|freedom| quantile(freedom).unwrap()).collect();
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn a_mean_of_few_is_less_sure() {
        let (lower, upper) = student(0.5, 0.04, 4).unwrap();
        near(lower, 0.5 - 3.182_446 * 0.1, 1e-6);
        near(upper, 0.5 + 3.182_446 * 0.1, 1e-6);
        assert_eq!(student(0.5, f64::NAN, 1), None);
        assert_eq!(student(0.5, 0.0, 0), None);
        assert_eq!(student(0.5, 0.0, 3), Some((0.5, 0.5)));
    }

    #[test]
    fn a_share_stays_a_share() {
        // The values of Newcombe 1998, table I, method 3.
        for (successes, events, lower, upper) in [
            (81_u32, 263_u32, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(f64::from(successes) / f64::from(events), u64::from(events)).unwrap();
            near(found.0, lower, 5e-5);
            near(found.1, upper, 5e-5);
        }
        assert_eq!(wilson(f64::NAN, 0), None);
        assert!(wilson(1.0, 1).unwrap().1 <= 1.0);
    }
}
