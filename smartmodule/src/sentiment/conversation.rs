//! Who said what, and when: the turns of a transcript with their participant and the quarter of the call.

use crate::contract::Name;
use crate::document::{Document, Turn};
use crate::json::{Number, Value};

/// Somebody who takes part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Participant {
    /// Whose voice this project is about.
    Customer,
    /// Who serves, human or not.
    Agent,
    /// A third party, where the customer is named.
    Other,
}

/// What somebody said in one go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Utterance<'a> {
    /// Who.
    pub participant: Participant,
    /// In which quarter of the call, from 0 to 3.
    pub quarter: usize,
    /// What: as it stands between the quotes of a JSON string.
    pub text: &'a str,
}

const CUSTOMERS: [u128; 14] = names([
    "customer",
    "client",
    "cliente",
    "user",
    "usuario",
    "caller",
    "consumer",
    "consumidor",
    "guest",
    "patient",
    "paciente",
    "buyer",
    "visitor",
    "member",
]);
const AGENTS: [u128; 16] = names([
    "agent",
    "agente",
    "atendente",
    "assistant",
    "assistente",
    "bot",
    "operator",
    "operador",
    "operadora",
    "system",
    "ivr",
    "rep",
    "representative",
    "support",
    "suporte",
    "advisor",
]);

/// Names as numbers, which are compared at once: the first word of each, up to its first other character.
const fn names<const COUNT: usize>(names: [&str; COUNT]) -> [u128; COUNT] {
    let mut numbers = [0; COUNT];
    let mut at = 0;
    while at < COUNT {
        numbers[at] = number(names[at].as_bytes());
        at += 1;
    }
    numbers
}

/// The letters at the beginning, whatever their case, as one number; 0 where they are more than it holds.
const fn number(name: &[u8]) -> u128 {
    let (mut number, mut at) = (0, 0);
    while at < name.len() && name[at].is_ascii_alphabetic() {
        number = number << 8 | name[at].to_ascii_lowercase() as u128;
        at += 1;
    }
    if at > size_of::<u128>() { 0 } else { number }
}

/// The participant that a speaker's name stands for: its first word, whatever its case.
#[must_use]
pub fn participant(speaker: &str) -> Option<Participant> {
    let number = number(speaker.trim_ascii_start().as_bytes());
    if CUSTOMERS.contains(&number) {
        Some(Participant::Customer)
    } else if AGENTS.contains(&number) {
        Some(Participant::Agent)
    } else {
        None
    }
}

/// Calls `each` with every utterance of a transcript in order. Returns whether its speakers are known; where
/// they are not, everything counts as the customer's.
pub fn utterances<'a>(document: &Document<'a>, mut each: impl FnMut(Utterance<'a>)) -> bool {
    match document.fields.get(Name::Transcript) {
        Some(Value::Text(text)) => lines(text.raw(), each),
        _ => {
            let speakers = Speakers::of(document.turns.iter().filter_map(speaker));
            let clock = Clock::of(document);
            for (index, turn) in document.turns.iter().enumerate() {
                let Some(Value::Text(text)) = turn.get(Name::Text) else { continue };
                let participant = speakers.participant(speaker(turn).and_then(participant));
                each(Utterance { participant, quarter: clock.quarter(index, turn), text: text.raw() });
            }
            speakers.are_known()
        }
    }
}

fn speaker<'a>(turn: &Turn<'a>) -> Option<&'a str> {
    match turn.get(Name::Speaker) {
        Some(Value::Text(speaker)) => Some(speaker.raw()),
        _ => None,
    }
}

/// Which participants the speakers' names tell.
#[derive(Default)]
struct Speakers {
    has_customer: bool,
    has_agent: bool,
}

impl Speakers {
    fn of<'a>(speakers: impl Iterator<Item = &'a str>) -> Self {
        let mut found = Self::default();
        for speaker in speakers {
            match participant(speaker) {
                Some(Participant::Customer) => found.has_customer = true,
                Some(Participant::Agent) => found.has_agent = true,
                _ => {}
            }
            if found.has_customer && found.has_agent {
                break;
            }
        }
        found
    }

    fn are_known(&self) -> bool {
        self.has_customer || self.has_agent
    }

    /// A name that tells nothing is the customer's, unless another one is.
    fn participant(&self, told: Option<Participant>) -> Participant {
        match told {
            Some(told) => told,
            None if self.has_customer => Participant::Other,
            None => Participant::Customer,
        }
    }
}

/// Tells the quarter of a turn: by its offset, or by its place where an offset is missing.
enum Clock {
    Time { end_ms: u64 },
    Place { turns: usize },
}

impl Clock {
    fn of(document: &Document<'_>) -> Self {
        let mut end_ms = match document.fields.get(Name::DurationMs) {
            Some(Value::Number(duration)) => millis(duration),
            _ => 0,
        };
        for turn in &document.turns {
            match turn.get(Name::OffsetMs) {
                Some(Value::Number(offset)) => end_ms = end_ms.max(millis(offset)),
                _ => return Self::Place { turns: document.turns.len() },
            }
        }
        Self::Time { end_ms: end_ms.max(1) }
    }

    fn quarter(&self, index: usize, turn: &Turn<'_>) -> usize {
        let quarter = match (self, turn.get(Name::OffsetMs)) {
            (Self::Time { end_ms }, Some(Value::Number(offset))) => millis(offset).saturating_mul(4) / end_ms,
            (Self::Place { turns }, _) => (index * 4 / turns) as u64,
            _ => 0,
        };
        quarter.min(3) as usize
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` cuts to the range")]
fn millis(number: Number<'_>) -> u64 {
    number.to_digits().unwrap_or_else(|| number.as_str().parse().unwrap_or_else(|_| number.to_f64() as u64))
}

/// A transcript that is one string: its lines are turns if the first one begins with a known speaker and a
/// colon, else it is all one text.
fn lines<'a>(text: &'a str, mut each: impl FnMut(Utterance<'a>)) -> bool {
    let labelled = |line: &'a str| {
        let (label, said) = line.split_once(':')?;
        (label.len() <= 24).then(|| participant(label)).flatten().map(|participant| (participant, said))
    };
    if labelled(text).is_none() {
        each(Utterance { participant: Participant::Customer, quarter: 0, text });
        return false;
    }
    let count = text.matches("\\n").count() + 1;
    let mut participant = Participant::Customer;
    for (index, line) in text.split("\\n").enumerate() {
        let (speaker, text) = labelled(line).unwrap_or((participant, line));
        participant = speaker;
        each(Utterance { participant, quarter: index * 4 / count, text });
    }
    true
}
