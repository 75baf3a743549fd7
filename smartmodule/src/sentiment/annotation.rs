//! The annotation of an event, and its JSON. Written by hand: it is most of what the module writes.

use super::calibration::{self, Label, Rating};
use super::model::Numbers;
use super::tally::{Strongest, Tally};
use crate::append::append;

/// What the model is called in an annotation: the project and the annotation's version.
pub const MODEL: &str = "voc-3";

/// What an annotation of an event without words says.
const NO_SIGNAL: &[u8] = br#"{"score":null,"label":"no_signal","probabilities":null,"language":null,"model":"voc-3","tokens":[],"conversation":null}"#;

/// What one participant said, by quarters of the call.
pub type Course = [Tally; 4];

/// All of it.
#[must_use]
pub fn overall(course: &Course) -> Tally {
    let mut total = Tally::default();
    for quarter in course.iter().filter(|quarter| quarter.words > 0) {
        total.add(quarter);
    }
    total
}

/// What an annotation is written from.
pub struct Annotation<'a, 'n> {
    /// What the customer said.
    pub customer: Course,
    /// The strongest tokens of it.
    pub strongest: Strongest<'a>,
    /// What the agent said.
    pub agent: Course,
    /// Whether it is known who said what.
    pub has_speakers: bool,
    /// The language as the annotation names it.
    pub language: &'a str,
    /// Whether lexicon and model are of that language. If not, a text with words is `unclear`.
    pub is_of_language: bool,
    /// Of the language that was taken.
    pub numbers: &'n Numbers,
}

impl Annotation<'_, '_> {
    /// Appends the JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let customer = overall(&self.customer);
        let Some(rating) = Rating::of(&customer, self.numbers) else {
            if self.has_speakers && self.agent.iter().any(|quarter| quarter.words > 0) {
                out.extend_from_slice(&NO_SIGNAL[..NO_SIGNAL.len() - b"null}".len()]);
                self.write_conversation(None, out);
                out.push(b'}');
            } else {
                out.extend_from_slice(NO_SIGNAL);
            }
            return;
        };
        out.extend_from_slice(br#"{"score":"#);
        write_fixed(rating.score(), out);
        out.extend_from_slice(br#","label":""#);
        let label = if self.is_of_language { rating.label(self.numbers) } else { Label::Unclear };
        append(label.as_str().as_bytes(), out);
        out.extend_from_slice(br#"","probabilities":["#);
        for (index, probability) in rating.probabilities.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_fixed(probability, out);
        }
        out.extend_from_slice(br#"],"language":""#);
        for byte in self.language.bytes() {
            out.push(byte.to_ascii_lowercase());
        }
        out.extend_from_slice(br#"","model":""#);
        out.extend_from_slice(MODEL.as_bytes());
        out.extend_from_slice(br#"","tokens":["#);
        let factor = calibration::factor(&customer, self.numbers);
        for (index, strong) in self.strongest.0.iter().filter(|strong| !strong.text.is_empty()).enumerate() {
            out.extend_from_slice(if index > 0 { br#",{"text":""# } else { br#"{"text":""# });
            append(strong.text.as_bytes(), out);
            out.extend_from_slice(br#"","contribution":"#);
            write_fixed(strong.contribution * factor, out);
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"conversation":"#);
        if self.has_speakers {
            self.write_conversation(Some(rating.score()), out);
        } else {
            out.extend_from_slice(b"null");
        }
        out.push(b'}');
    }

    fn write_conversation(&self, customer: Option<f32>, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"customer":"#);
        self.write_course(&self.customer, customer, out);
        out.extend_from_slice(br#","agent":"#);
        let agent = Rating::of(&overall(&self.agent), self.numbers).map(|rating| rating.score());
        self.write_course(&self.agent, agent, out);
        out.push(b'}');
    }

    fn write_course(&self, course: &Course, overall: Option<f32>, out: &mut Vec<u8>) {
        let Some(overall) = overall else { return out.extend_from_slice(b"null") };
        out.extend_from_slice(br#"{"overall":"#);
        write_fixed(overall, out);
        out.extend_from_slice(br#","quarters":["#);
        // Who spoke in one quarter only has said everything in it.
        let is_all =
            |quarter: &Tally| course.iter().all(|other| std::ptr::eq(quarter, other) || other.words == 0);
        let mut ends: Option<(f32, f32, u32)> = None;
        for (index, quarter) in course.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let score = match quarter.words {
                0 => None,
                _ if is_all(quarter) => Some(overall),
                _ => Rating::of(quarter, self.numbers).map(|rating| rating.score()),
            };
            match score {
                None => out.extend_from_slice(b"null"),
                Some(score) => {
                    write_fixed(score, out);
                    ends =
                        Some(ends.map_or((score, score, 1), |(first, _, count)| (first, score, count + 1)));
                }
            }
        }
        out.extend_from_slice(br#"],"trend":"#);
        match ends {
            Some((first, last, 2..)) => write_fixed(last - first, out),
            _ => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
}

/// Appends a number with four decimals. One that is not zero never reads 0, so that its sign stays.
fn write_fixed(number: f32, out: &mut Vec<u8>) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "far within the range")]
    let mut ten_thousandths = (number.abs() * 10_000.0 + 0.5) as u32;
    if ten_thousandths == 0 && number != 0.0 {
        ten_thousandths = 1;
    }
    // Nothing here comes near a hundred.
    let ten_thousandths = ten_thousandths.min(999_999);
    let (whole, fraction) = (ten_thousandths / 10_000, ten_thousandths % 10_000);
    let digit = |number: u32| u64::from(number % 10) + 0x30;
    let digits = digit(whole)
        | u64::from(b'.') << 8
        | digit(fraction / 1000) << 16
        | digit(fraction / 100) << 24
        | digit(fraction / 10) << 32
        | digit(fraction) << 40;
    if number < 0.0 {
        out.push(b'-');
    }
    if whole >= 10 {
        out.push(digit(whole / 10).to_le_bytes()[0]);
    }
    let end = out.len() + 6;
    // All eight at once, which is one store.
    out.extend_from_slice(&digits.to_le_bytes());
    out.truncate(end);
}
