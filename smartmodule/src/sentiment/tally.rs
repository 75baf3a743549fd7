//! Adds up what somebody said, in a few numbers: of a text, of a quarter of a call, of a whole one.

use super::model::{Language, Model, Numbers};
use super::rules::{Ledger, Step};

/// Tokens that an annotation names.
pub const STRONGEST: usize = 3;

/// A token with what it gave to the logit of positive against negative, before the length's factor.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Strong<'a> {
    /// As it is spelled: what stands there between the quotes of the JSON string.
    pub text: &'a str,
    /// Its share.
    pub contribution: f32,
}

/// The strongest tokens of what somebody said, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Strongest<'a>(pub [Strong<'a>; STRONGEST]);

impl<'a> Strongest<'a> {
    #[inline(always)]
    fn keep(&mut self, strong: Strong<'a>) {
        let weight = strong.contribution.abs();
        let [first, second, third] = &mut self.0;
        if weight > first.contribution.abs() {
            (*first, *second, *third) = (strong, *first, *second);
        } else if weight > second.contribution.abs() {
            (*second, *third) = (strong, *second);
        } else if weight > third.contribution.abs() {
            *third = strong;
        }
    }
}

/// The sums of what was said. Two of them add up to that of both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Words and pictograms.
    pub words: u32,
    /// Of these, how many the lexicons have a value for.
    pub valued: u32,
    /// Of all words' contributions to the logit of positive against negative.
    pub polarity: f32,
    /// Of all words' contributions to the logit of neutral.
    pub neutrality: f32,
    /// Of the rules' points without their sign.
    pub strength: f32,
    /// Sentences that ask.
    pub questions: u32,
    /// Texts that were merely polite in their opening.
    pub polite: u32,
}

impl Tally {
    /// Adds what somebody said besides.
    pub fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.valued += other.valued;
        self.polarity += other.polarity;
        self.neutrality += other.neutrality;
        self.strength += other.strength;
        self.questions += other.questions;
        self.polite += other.polite;
    }

    /// The factor of every contribution: in a long text each word says less.
    #[must_use]
    pub fn damping(&self) -> f32 {
        1.0 / (1.0 + self.words as f32 / 16.0).sqrt()
    }
}

/// Adds up the words of one text into a [`Tally`].
pub struct Counter<'a, 'm> {
    text: &'a str,
    model: &'m Model<'m>,
    numbers: &'m Numbers,
    /// The sentence under way.
    sentence: Tally,
    strong: Strongest<'a>,
    /// Everything before it.
    total: &'m mut Tally,
    strongest: Option<&'m mut Strongest<'a>>,
}

impl<'a, 'm> Counter<'a, 'm> {
    /// Adds the words of this text to `total`, and its strongest tokens to `strongest`.
    #[must_use]
    pub fn new(
        text: &'a str,
        language: Language,
        model: &'m Model<'m>,
        total: &'m mut Tally,
        strongest: Option<&'m mut Strongest<'a>>,
    ) -> Self {
        let numbers = &model.numbers[language as usize];
        let (sentence, strong) = (Tally::default(), Strongest::default());
        Self { text, model, numbers, sentence, strong, total, strongest }
    }
}

impl Ledger for Counter<'_, '_> {
    #[inline(always)]
    fn add(&mut self, step: &Step<'_>) {
        let [polarity, neutrality] = share(step, self.model, self.numbers);
        let sentence = &mut self.sentence;
        sentence.words += u32::from(step.has_meaning);
        sentence.valued += u32::from(step.points != 0.0);
        sentence.polarity += polarity;
        sentence.neutrality += neutrality;
        sentence.strength += step.points.abs();
        let weakest = self.strong.0[STRONGEST - 1].contribution;
        if self.strongest.is_some() && polarity.abs() > weakest.abs() {
            let text = self.text.get(step.start..step.end).unwrap_or_default();
            self.strong.keep(Strong { text, contribution: polarity });
        }
    }

    fn fade(&mut self, factor: f32) {
        let sentence = &mut self.sentence;
        sentence.polarity *= factor;
        sentence.neutrality *= factor;
        sentence.strength *= factor;
        for strong in &mut self.strong.0 {
            strong.contribution *= factor;
        }
    }

    fn end(&mut self, factor: f32) {
        if factor != 1.0 {
            self.fade(factor);
        }
        self.total.add(&self.sentence);
        self.sentence = Tally::default();
        if let Some(strongest) = &mut self.strongest {
            for strong in &mut self.strong.0 {
                if strong.contribution != 0.0 {
                    strongest.keep(*strong);
                    strong.contribution = 0.0;
                }
            }
        }
    }

    fn question(&mut self) {
        self.total.questions += 1;
    }

    fn polite(&mut self) {
        self.total.polite += 1;
    }
}

/// What a word gives to the logits of positive against negative and of neutral.
#[inline(always)]
#[must_use]
pub fn share(step: &Step<'_>, model: &Model<'_>, numbers: &Numbers) -> [f32; 2] {
    let [pair_polarity, pair_neutrality] = match step.before {
        0 => [0; 2],
        before => model.table[super::features::pair(before, step.known.hash) as usize].map(u8::cast_signed),
    };
    let polarity = step.turn * step.known.polarity + step.taken_back + f32::from(pair_polarity);
    let neutrality = step.known.neutrality + f32::from(pair_neutrality);
    [polarity * model.scale + step.points * numbers.per_point, neutrality * model.scale]
}
