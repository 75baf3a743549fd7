//! From sums to an answer: probabilities, the score, the label.

use super::model::Numbers;
use super::tally::Tally;

/// What a text is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Negative.
    Negative,
    /// Neither.
    Neutral,
    /// Positive.
    Positive,
    /// There are words, and no class is likely enough.
    Unclear,
    /// There are no words.
    NoSignal,
}

impl Label {
    /// As it stands in an envelope.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Neutral => "neutral",
            Self::Positive => "positive",
            Self::Unclear => "unclear",
            Self::NoSignal => "no_signal",
        }
    }
}

/// How a text is rated that has words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// Of positive against negative, in natural logarithm: the sum of all contributions.
    pub logit: f32,
    /// Of negative, neutral, positive; together 1.
    pub probabilities: [f32; 3],
}

impl Rating {
    /// Rates what was said; `None` where no word was.
    #[must_use]
    pub fn of(tally: &Tally, numbers: &Numbers) -> Option<Self> {
        if tally.words == 0 {
            return None;
        }
        let [logit, neutral] = logits(tally, numbers);
        let (logit, neutral) = (logit * numbers.sharpness, neutral * numbers.sharpness);
        let (positive, neutral) = (exp(0.5 * logit), exp(neutral));
        let negative = 1.0 / positive;
        let sum = negative + neutral + positive;
        Some(Self { logit, probabilities: [negative / sum, neutral / sum, positive / sum] })
    }

    /// From -1 to 1: by how much positive is likelier than negative.
    #[must_use]
    pub fn score(&self) -> f32 {
        self.probabilities[2] - self.probabilities[0]
    }

    /// The likeliest class if it is likely enough.
    #[must_use]
    pub fn label(&self, numbers: &Numbers) -> Label {
        let [negative, neutral, positive] = self.probabilities;
        if negative.max(neutral).max(positive) < numbers.clear {
            Label::Unclear
        } else if neutral >= negative.max(positive) {
            Label::Neutral
        } else if negative > positive {
            Label::Negative
        } else {
            Label::Positive
        }
    }
}

/// The factor of a token's contribution to [`Rating::logit`].
#[must_use]
pub fn factor(tally: &Tally, numbers: &Numbers) -> f32 {
    tally.damping() * numbers.sharpness
}

/// The logits of positive against negative and of neutral, before they are sharpened.
#[must_use]
pub fn logits(tally: &Tally, numbers: &Numbers) -> [f32; 2] {
    let damping = tally.damping();
    let neutral = [
        numbers.neutral,
        tally.neutrality * damping,
        numbers.neutral_per_point * tally.strength.min(12.0) * damping,
        if tally.questions > 0 { numbers.neutral_question } else { 0.0 },
        if tally.polite > 0 { numbers.neutral_polite } else { 0.0 },
        if tally.valued == 0 { numbers.neutral_unknown } else { 0.0 },
    ];
    [numbers.bias + tally.polarity * damping, neutral.iter().sum()]
}

/// The exponential function to six digits, from operations that give the same bits on every machine: the
/// libraries' own do not, and an envelope must not depend on where it was made.
#[must_use]
pub fn exp(power: f32) -> f32 {
    let doublings = power.clamp(-40.0, 40.0) * std::f32::consts::LOG2_E;
    let whole = doublings.round_ties_even();
    let rest = (doublings - whole) * std::f32::consts::LN_2;
    // Taylor's series; the rest is at most 0.35.
    let series =
        1.0 + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0 + rest * (1.0 / 120.0)))));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 127-58 to 127+58")]
    let exponent = (whole as i32 + 127) as u32;
    series * f32::from_bits(exponent << 23)
}
