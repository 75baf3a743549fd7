//! What is said in a call, as turns or as one string.

use super::Source;
use crate::generate::draft::{Draft, quote};
use crate::generate::random::Random;

/// Puts a transcript of turns with their offsets.
pub(super) fn write_turns(source: &Source<'_>, draft: &mut Draft, random: &mut Random) {
    let with_offsets = random.percent(80);
    let mut offset_ms = 300 + random.below(900);
    let mut json = String::with_capacity(512);
    json.push('[');
    for (position, (speaker, phrase)) in conversation(source, random).into_iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        json.push_str("{\"speaker\":\"");
        json.push_str(speaker);
        json.push_str("\",\"text\":");
        quote(&fill(source, phrase, random), draft.ascii, &mut json);
        if with_offsets {
            json.push_str(",\"offset_ms\":");
            json.push_str(&offset_ms.to_string());
            offset_ms += 800 + random.below(9000);
        }
        json.push('}');
    }
    json.push(']');
    draft.put("transcript", json);
}

/// Puts a transcript that is one string.
pub(super) fn write_text(source: &Source<'_>, draft: &mut Draft, random: &mut Random) {
    let mut text = String::with_capacity(256);
    for (speaker, phrase) in conversation(source, random) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(speaker);
        text.push_str(": ");
        text.push_str(&fill(source, phrase, random));
    }
    draft.put_text("transcript", &text);
}

fn conversation<'a>(source: &Source<'a>, random: &mut Random) -> Vec<(&'static str, &'a str)> {
    let (phrases, language) = (source.phrases, source.language);
    let vertical = phrases.verticals[&source.tenant.vertical].of(language);
    let mood = match random.below(10) {
        0..=3 => &phrases.reactions.positive,
        4..=7 => &phrases.reactions.negative,
        _ => &phrases.reactions.neutral,
    };
    let mut turns = Vec::with_capacity(5);
    if random.percent(60) {
        turns.push(("agent", random.pick(phrases.greetings.of(language)).as_str()));
    }
    let topic = random.index(vertical.issues.len());
    turns.push(("customer", vertical.issues[topic].as_str()));
    turns.push(("agent", vertical.answers[topic].as_str()));
    turns.push(("customer", random.pick(mood.of(language)).as_str()));
    if random.percent(30) {
        turns.push(("agent", random.pick(phrases.closings.of(language)).as_str()));
    }
    turns
}

fn fill(source: &Source<'_>, phrase: &str, random: &mut Random) -> String {
    if !phrase.contains('{') {
        return phrase.to_owned();
    }
    let name = random.pick(source.phrases.names.of(source.language));
    phrase.replace("{name}", name).replace("{n}", &(100 + random.below(9900)).to_string())
}
