//! What the training sees of a row: the very features that the SmartModule computes, with their factors.

use voc_smartmodule::sentiment::explain::trace;
use voc_smartmodule::sentiment::features::{GRAM, grams, pair, word};
use voc_smartmodule::sentiment::lexicon::find;
use voc_smartmodule::sentiment::memo::Memo;
use voc_smartmodule::sentiment::model::{Language, Model};
use voc_smartmodule::sentiment::sense::Kind;

use crate::rows::Set;

/// Numbers beside the table: of the rules' points, then of neutral.
pub(crate) const DENSE: usize = 7;

/// A bucket with the factors of its two weights.
#[derive(Clone, Copy)]
pub(crate) struct Feature {
    pub(crate) bucket: u32,
    pub(crate) polarity: f32,
    pub(crate) neutrality: f32,
}

/// A row as features.
pub(crate) struct Example {
    pub(crate) class: usize,
    pub(crate) language: Language,
    /// What it counts; one of weight 0 is reported on, and teaches nothing.
    pub(crate) weight: f32,
    pub(crate) is_held_out: bool,
    pub(crate) features: Vec<Feature>,
    /// What the numbers of [`DENSE`] are multiplied with: points and bias, which are of positive against
    /// negative; one, strength, questions, politeness, unknown, which are of neutral.
    pub(crate) dense: [f32; DENSE],
}

/// The examples of a set. A row without a word is none.
pub(crate) fn of(set: &Set, model: &Model<'_>) -> Vec<Example> {
    let mut memo = Memo::new(model.table);
    let examples = set.rows.iter().map(|row| {
        let (traces, tally) = trace(&row.text, set.language, model, &mut memo);
        let damping = tally.damping();
        let mut features = Vec::new();
        let mut points = 0.0;
        for step in &traces {
            let neutrality = step.scale * damping;
            let polarity = neutrality * step.turn;
            points += step.points * neutrality;
            let bucket = u32::from(word(step.hash));
            features.push(Feature { bucket, polarity, neutrality });
            grams(&step.key, |bucket| {
                let (polarity, neutrality) = (polarity * GRAM, neutrality * GRAM);
                features.push(Feature { bucket: bucket.into(), polarity, neutrality });
            });
            if step.before != 0 {
                let bucket = u32::from(pair(step.before, step.hash));
                features.push(Feature { bucket, polarity: neutrality, neutrality });
            }
        }
        let flag = |is: bool| if is { 1.0 } else { 0.0 };
        let dense = [
            points,
            1.0,
            1.0,
            tally.strength.min(12.0) * damping,
            flag(tally.questions > 0),
            flag(tally.polite > 0),
            flag(tally.valued == 0),
        ];
        // In comments thanks are meant; a customer's are said. Only rows that mind the difference teach it.
        let is_polite = traces.iter().any(|step| {
            find(step.hash).is_some_and(|entry| entry.sense(set.language).kind() == Kind::Polite)
        });
        let weight = if is_polite && set.weight <= 1.0 { 0.0 } else { set.weight };
        let (class, is_held_out) = (row.class, row.is_held_out);
        let example = Example { class, language: set.language, weight, is_held_out, features, dense };
        (tally.words > 0).then_some(example)
    });
    examples.flatten().collect()
}
