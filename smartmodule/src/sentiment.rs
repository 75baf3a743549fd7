//! Sentiment: what a customer's words say of how they feel.
//!
//! A text goes through the files in this order:
//!
//! ```text
//! conversation ─▶ language ─▶ tokens (letters, fold, word) ─▶ memo (lexicon, sense, features, model)
//!      ─▶ rules ─▶ tally ─▶ calibration ─▶ annotation         explain: the same, word by word
//! ```
//!
//! Where a word is read and counted, functions are inlined always: Fluvio's engine counts instructions, and saves and
//! loads the count at every call.
//!
//! `keywords` are the original service's rules, which a param chooses instead. `ANNOTATION.md` says how the
//! engine was made and what was measured.

pub mod annotation;
pub mod calibration;
pub mod conversation;
pub mod explain;
pub mod features;
pub mod fold;
pub mod keywords;
pub mod language;
pub mod letters;
pub mod lexicon;
pub mod memo;
pub mod model;
pub mod rules;
pub mod sense;
pub mod tally;
pub mod tokens;
pub mod word;

use std::cell::RefCell;

use annotation::Annotation;
use conversation::{Participant, utterances};
use language::{known, primary_subtag, vote};
use memo::Memo;
use model::BUILT_IN;
use tally::{Counter, Strongest, Tally};

use crate::contract::Name;
use crate::document::Document;
use crate::json::{Text, Value};
use crate::params::Params;
use crate::validate::Event;

/// Version of the annotation that lexicon and model make. Raised when the same event would get another one.
pub const ANNOTATION_VERSION: u32 = 3;

thread_local! {
    /// It only saves time: with an empty one every annotation is the same.
    static MEMO: RefCell<Memo<'static>> = RefCell::new(Memo::new(BUILT_IN.table));
}

/// Appends `annotations.sentiment` of an event, as JSON.
pub fn write(document: &Document<'_>, event: &Event<'_>, params: &Params, out: &mut Vec<u8>) {
    MEMO.with_borrow_mut(|memo| write_with(memo, document, event, params, out));
}

fn write_with(
    memo: &mut Memo<'static>,
    document: &Document<'_>,
    event: &Event<'_>,
    params: &Params,
    out: &mut Vec<u8>,
) {
    let mut annotation = Annotation {
        customer: [Tally::default(); 4],
        strongest: Strongest::default(),
        agent: [Tally::default(); 4],
        has_speakers: false,
        language: "",
        is_of_language: true,
        numbers: &BUILT_IN.numbers[0],
    };
    if event.event_type.has_transcript() {
        let told = match document.fields.get(Name::Language) {
            Some(Value::Text(tag)) => primary_subtag(tag.raw()),
            _ => None,
        };
        let taken = told
            .and_then(known)
            .or_else(|| params.tenant_language(event.tenant_id).filter(|_| told.is_none()))
            .unwrap_or_else(|| vote(document.texts(event.event_type).map(Text::raw), memo));
        annotation.is_of_language = told.is_none_or(|told| known(told).is_some());
        annotation.language =
            if annotation.is_of_language { taken.as_str() } else { told.unwrap_or_default() };
        annotation.numbers = &BUILT_IN.numbers[taken as usize];
        annotation.has_speakers = utterances(document, |utterance| {
            let (course, strongest) = match utterance.participant {
                Participant::Customer => (&mut annotation.customer, Some(&mut annotation.strongest)),
                Participant::Agent => (&mut annotation.agent, None),
                Participant::Other => return,
            };
            let tally = &mut course[utterance.quarter];
            let mut counter = Counter::new(utterance.text, taken, &BUILT_IN, tally, strongest);
            rules::read(utterance.text, taken, memo, &mut counter);
        });
    }
    annotation.write(out);
}
