//! Fits the numbers and the table: multinomial logistic regression by AdaGrad, one row at a time.
//!
//! First the rules' numbers alone, then the table beside them, so that it learns what the rules leave over.
//! Everything is in a fixed order: the same rows give the same bytes.

use voc_smartmodule::sentiment::calibration::exp;
use voc_smartmodule::sentiment::features::BUCKETS;

use crate::examples::{DENSE, Example};

/// Rounds over all rows.
const ROUNDS: usize = 8;
const RATE: f32 = 0.04;
/// Pulls a bucket's weights to zero each time that it is touched.
const DECAY: f32 = 1e-2;

/// What is fitted.
#[derive(Clone)]
pub(crate) struct Weights {
    /// Of English, then of Portuguese; in the order of [`Example::dense`].
    pub(crate) dense: [[f32; DENSE]; 2],
    pub(crate) table: Vec<[f32; 2]>,
}

impl Weights {
    pub(crate) fn new() -> Self {
        Self { dense: [[0.6, 0.0, 0.0, -0.3, 0.3, 0.8, 0.3]; 2], table: vec![[0.0; 2]; BUCKETS] }
    }

    /// The logits of positive against negative and of neutral.
    pub(crate) fn logits(&self, example: &Example) -> [f32; 2] {
        let dense = &self.dense[example.language as usize];
        let product = |range: std::ops::Range<usize>| {
            range.map(|index| dense[index] * example.dense[index]).sum::<f32>()
        };
        let mut logits = [product(0..2), product(2..DENSE)];
        for feature in &example.features {
            let [polarity, neutrality] = self.table[feature.bucket as usize];
            logits[0] += polarity * feature.polarity;
            logits[1] += neutrality * feature.neutrality;
        }
        logits
    }
}

/// Probabilities of negative, neutral, positive.
pub(crate) fn probabilities([logit, neutral]: [f32; 2]) -> [f32; 3] {
    let parts = [-0.5 * logit, neutral, 0.5 * logit].map(exp);
    parts.map(|part| part / parts.iter().sum::<f32>())
}

/// Weights that make each class of a language count the same, within limits, times the set's own.
fn balance(examples: &[&Example]) -> Vec<f32> {
    let mut counts = [[0.0_f32; 3]; 2];
    for example in examples {
        counts[example.language as usize][example.class] += example.weight;
    }
    let weight = |example: &&Example| {
        let counts = counts[example.language as usize];
        let fair = counts.iter().sum::<f32>() / (3.0 * counts[example.class]);
        example.weight * fair.clamp(0.5, 3.0)
    };
    examples.iter().map(weight).collect()
}

/// Which weights a pass may change.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Dense,
    Table,
}

/// Fits to these examples.
pub(crate) fn fit(examples: &[&Example]) -> Weights {
    let mut weights = Weights::new();
    let balance = balance(examples);
    pass(&mut weights, examples, &balance, Part::Dense, 4);
    pass(&mut weights, examples, &balance, Part::Table, ROUNDS);
    // Neutral's numbers once more, beside the table.
    pass(&mut weights, examples, &balance, Part::Dense, 2);
    weights
}

fn pass(weights: &mut Weights, examples: &[&Example], balance: &[f32], part: Part, rounds: usize) {
    let mut dense_squares = [[1e-2_f32; DENSE]; 2];
    let mut squares = vec![[1e-2_f32; 2]; BUCKETS];
    let order = shuffled(examples.len());
    for _ in 0..rounds {
        for &index in &order {
            let example = examples[index];
            let mut errors = probabilities(weights.logits(example)).map(|p| p * balance[index]);
            errors[example.class] -= balance[index];
            let slopes = [0.5 * (errors[2] - errors[0]), errors[1]];
            let language = example.language as usize;
            if part == Part::Dense {
                for (place, factor) in example.dense.iter().enumerate() {
                    // Two stay as they are: the bias is zero, for a text's sign comes from its words; and what
                    // politeness says of a customer cannot be learned from comments, where it is meant.
                    if place == 1 || place == 5 {
                        continue;
                    }
                    let slope = slopes[usize::from(place >= 2)] * factor;
                    let square = &mut dense_squares[language][place];
                    *square += slope * slope;
                    weights.dense[language][place] -= RATE * slope / square.sqrt();
                }
            } else {
                for feature in &example.features {
                    let bucket = feature.bucket as usize;
                    for (place, factor) in [feature.polarity, feature.neutrality].into_iter().enumerate() {
                        let weight = &mut weights.table[bucket][place];
                        let slope = slopes[place] * factor + DECAY * *weight;
                        let square = &mut squares[bucket][place];
                        *square += slope * slope;
                        *weight -= RATE * slope / square.sqrt();
                    }
                }
            }
        }
    }
}

/// Every index once, in an order that looks random and is always the same.
fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for index in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from((state >> 33) % (index as u64 + 1)).unwrap_or_default();
        order.swap(index, other);
    }
    order
}
