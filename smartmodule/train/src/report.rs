//! How good probabilities are, in the figures that the literature uses.

/// Figures of one set.
pub(crate) struct Report {
    rows: usize,
    /// Share of rows whose likeliest class is the label.
    accuracy: f64,
    /// Mean over the classes that occur of the harmonic mean of precision and recall.
    macro_f1: f64,
    /// Of the score between positive and negative rows.
    auc: f64,
    /// Share of positive and negative rows whose score has the label's sign.
    sign: f64,
    /// The same, the mean of both classes.
    balanced: f64,
    /// Expected calibration error, ten bins of the likeliest class's probability.
    error: f64,
    unclear: f64,
    /// Share of neutral rows that are called positive.
    false_positive: f64,
}

/// Titles of the columns.
pub(crate) const HEAD: &str = "set                            rows  accuracy  macro-F1    AUC   sign  balanced    ECE  unclear  neutral+";

/// A row's class, its probabilities, and whether it is unclear.
pub(crate) type Judged = (usize, [f32; 3], bool);

impl Report {
    pub(crate) fn of(rows: &[Judged]) -> Self {
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        let best = |p: &[f32; 3]| (0..3).max_by(|a, b| p[*a].total_cmp(&p[*b])).unwrap_or_default();
        let count = |is: &dyn Fn(&Judged) -> bool| rows.iter().filter(|row| is(row)).count();
        let f1 = |class: usize| {
            let hits = count(&|row| row.0 == class && best(&row.1) == class);
            let all = count(&|row| row.0 == class) + count(&|row| best(&row.1) == class);
            (count(&|row| row.0 == class) > 0).then(|| share(2 * hits, all))
        };
        let f1: Vec<f64> = (0..3).filter_map(f1).collect();
        let score = |p: &[f32; 3]| p[2] - p[0];
        let right = |class: usize, sign: f32| {
            share(count(&|row| row.0 == class && score(&row.1) * sign > 0.0), count(&|row| row.0 == class))
        };
        let signed = count(&|row| (row.0 == 2 && score(&row.1) > 0.0) || (row.0 == 0 && score(&row.1) < 0.0));
        Self {
            rows: rows.len(),
            accuracy: share(count(&|row| best(&row.1) == row.0), rows.len()),
            macro_f1: f1.iter().sum::<f64>() / f1.len().max(1) as f64,
            auc: auc(rows.iter().filter(|row| row.0 != 1).map(|row| (row.0 == 2, score(&row.1)))),
            sign: share(signed, count(&|row| row.0 != 1)),
            balanced: f64::midpoint(right(2, 1.0), right(0, -1.0)),
            error: calibration_error(rows.iter().map(|row| (row.1[best(&row.1)], best(&row.1) == row.0))),
            unclear: share(count(&|row| row.2), rows.len()),
            false_positive: share(
                count(&|row| row.0 == 1 && !row.2 && best(&row.1) == 2),
                count(&|row| row.0 == 1),
            ),
        }
    }

    pub(crate) fn line(&self, name: &str) -> String {
        format!(
            "{name:28} {:6}  {:8.3}  {:8.3}  {:5.3}  {:5.3}  {:8.3}  {:5.3}  {:7.3}  {:8.3}",
            self.rows,
            self.accuracy,
            self.macro_f1,
            self.auc,
            self.sign,
            self.balanced,
            self.error,
            self.unclear,
            self.false_positive,
        )
    }
}

/// The chance that a positive row has a higher score than a negative one; ties count half.
fn auc(rows: impl Iterator<Item = (bool, f32)>) -> f64 {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut below, mut won) = (0.0, 0.0);
    for tied in rows.chunk_by(|a, b| a.1 == b.1) {
        let positive = tied.iter().filter(|row| row.0).count() as f64;
        let negative = tied.len() as f64 - positive;
        won += positive * (below + negative / 2.0);
        below += negative;
    }
    let positive = rows.len() as f64 - below;
    won / (positive * below).max(1.0)
}

fn calibration_error(rows: impl Iterator<Item = (f32, bool)>) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    let mut count = 0.0;
    for (probability, is_right) in rows {
        let place = (0..9).find(|bin| f64::from(probability) < f64::from(bin + 1) / 10.0).unwrap_or(9);
        let bin = &mut bins[usize::try_from(place).unwrap_or_default()];
        bin.0 += f64::from(probability);
        bin.1 += if is_right { 1.0 } else { 0.0 };
        count += 1.0;
    }
    bins.iter().map(|(sum, right): &(f64, f64)| (sum - right).abs()).sum::<f64>() / f64::max(count, 1.0)
}
