//! Fits, on rows that were not trained on, how sure the model may be, and below which probability a text is
//! `unclear`; and puts all of it into the form that the SmartModule reads.

use voc_smartmodule::sentiment::features::BUCKETS;
use voc_smartmodule::sentiment::model::{Language, Model, Numbers};

use crate::examples::Example;
use crate::fit::{Weights, probabilities};
use crate::report::{Judged, Report};

/// The share that shall be unclear, by the rows' weights: between 15 and 25 %.
const UNCLEAR: f32 = 0.2;

/// Weights with their calibration.
pub(crate) struct Calibrated {
    pub(crate) weights: Weights,
    /// Of English, then of Portuguese: the factor of all logits, and the least probability that is clear.
    pub(crate) of_language: [(f32, f32); 2],
}

/// Calibrates to these examples.
pub(crate) fn calibrate(weights: &Weights, examples: &[&Example]) -> Calibrated {
    let of_language = [Language::English, Language::Portuguese].map(|language| {
        let rows: Vec<(usize, [f32; 2], f32)> = examples
            .iter()
            .filter(|example| example.language == language)
            .map(|example| (example.class, weights.logits(example), example.weight))
            .collect();
        let sharpness = sharpness(&rows);
        let mut best: Vec<(f32, f32)> = rows
            .iter()
            .map(|(_, logits, weight)| {
                let probabilities = probabilities(logits.map(|logit| logit * sharpness));
                (probabilities.into_iter().fold(0.0, f32::max), *weight)
            })
            .collect();
        best.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A row counts here what it counts in the training: a large set of one kind says no more than a small one.
        let mut left = UNCLEAR * best.iter().map(|(_, weight)| weight).sum::<f32>();
        let clear = best.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        let clear = clear.map_or(0.45, |(probability, _)| *probability);
        (sharpness, clear)
    });
    Calibrated { weights: weights.clone(), of_language }
}

/// The factor with the least cross-entropy, of a hundred.
fn sharpness(rows: &[(usize, [f32; 2], f32)]) -> f32 {
    let loss = |factor: f32| -> f32 {
        let of_row = |(class, logits, weight): &(usize, [f32; 2], f32)| {
            -weight * probabilities(logits.map(|logit| logit * factor))[*class].max(1e-6).ln()
        };
        rows.iter().map(of_row).sum()
    };
    let factors = (20_u8..=120).map(|hundredths| f32::from(hundredths) * 0.01);
    factors.min_by(|a, b| loss(*a).total_cmp(&loss(*b))).unwrap_or(1.0)
}

impl Calibrated {
    /// How good it is on these examples.
    pub(crate) fn report(&self, examples: &[&Example]) -> Report {
        let judged: Vec<Judged> = examples
            .iter()
            .map(|example| {
                let (sharpness, clear) = self.of_language[example.language as usize];
                let logits = self.weights.logits(example).map(|logit| logit * sharpness);
                let probabilities = probabilities(logits);
                let is_unclear = probabilities.into_iter().fold(0.0, f32::max) < clear;
                (example.class, probabilities, is_unclear)
            })
            .collect();
        Report::of(&judged)
    }

    /// The numbers beside the table.
    pub(crate) fn numbers(&self) -> [Numbers; 2] {
        [0, 1].map(|language| {
            let [per_point, bias, neutral, neutral_per_point, neutral_question, neutral_polite, unknown] =
                self.weights.dense[language];
            let (sharpness, clear) = self.of_language[language];
            Numbers {
                per_point,
                bias,
                neutral,
                neutral_per_point,
                neutral_question,
                neutral_polite,
                sharpness,
                clear,
                neutral_unknown: unknown,
            }
        })
    }

    /// The file that the SmartModule is built with.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let largest =
            self.weights.table.iter().flatten().fold(0.0_f32, |most, weight| most.max(weight.abs()));
        // Few weights are that large: they are cut, and all others keep more digits.
        let scale = (largest / 127.0).clamp(1e-6, 0.012);
        let mut table = Box::new([[0_u8; 2]; BUCKETS]);
        for (bucket, weights) in table.iter_mut().zip(&self.weights.table) {
            #[allow(clippy::cast_possible_truncation, reason = "`as` cuts to the range")]
            let byte = |weight: f32| ((weight / scale).round() as i8).cast_unsigned();
            *bucket = weights.map(byte);
        }
        Model { scale, numbers: self.numbers(), table: &table }.to_bytes()
    }
}
