//! Makes one table of the lexicons in `lexicon/`: every form of every word, folded and hashed as the
//! SmartModule does it, so that nothing is parsed where it runs.

#[path = "src/sentiment/fold.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the SmartModule, which uses all of it")]
mod fold;
#[path = "src/sentiment/inflect.rs"]
#[allow(unreachable_pub, reason = "shared with the SmartModule's tests")]
mod inflect;
#[path = "src/sentiment/sense.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the SmartModule, which uses all of it")]
mod sense;
#[path = "src/sentiment/word.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the SmartModule, which uses all of it")]
mod word;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use fold::{Folded, fold};
use sense::{BEGINS, CONTINUES, KINDS, Kind, MARKS, Sense};
use word::{Key, chain};

/// The lexicons, and for which of the two senses each counts.
const LEXICONS: [(&str, &[usize]); 3] =
    [("english.tsv", &[0]), ("portuguese.tsv", &[1]), ("pictures.tsv", &[0, 1])];

/// Senses by the words' hash.
type Senses = BTreeMap<u64, [Sense; 2]>;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("lexicon");
    println!("cargo::rerun-if-changed=lexicon");
    println!("cargo::rerun-if-changed=build.rs");
    for file in ["fold", "inflect", "sense", "word"] {
        println!("cargo::rerun-if-changed=src/sentiment/{file}.rs");
    }
    let mut senses = Senses::new();
    for (name, places) in LEXICONS {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for place in places {
            add(&text, *place, &mut senses).map_err(|error| format!("{}:{error}", path.display()))?;
        }
    }
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("lexicon.bin"), table(&senses)?)?;
    Ok(())
}

/// Adds a lexicon: lines of word or phrase, kind, weight, and perhaps an inflection. The words as they stand
/// come first, so that one of them is never what another one's endings make of it.
fn add(text: &str, place: usize, senses: &mut Senses) -> Result<(), String> {
    let mut inflected = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_default();
        let (spelling, kind, weight, inflection) = (column(), column(), column(), column());
        let position = KINDS.iter().position(|(name, _)| *name == kind);
        let position = position.ok_or_else(|| format!("{number}: no kind is called {kind}"))?;
        let weight = weight.parse().map_err(|_| format!("{number}: {weight} is no weight"))?;
        let sense = Sense { weight, bits: u8::try_from(position + 1).unwrap_or_default() };
        let keys = keys(spelling);
        if let [single] = keys.as_slice() {
            if senses.entry(single.hash()).or_default()[place].bits & !MARKS != 0 {
                return Err(format!("{number}: {spelling} stands there twice"));
            }
            put(senses, single.hash(), place, sense);
            let letters = single.padded();
            let folded = std::str::from_utf8(&letters).unwrap_or_default().trim_end_matches('\0');
            let forms = inflect::forms(folded, inflection)
                .ok_or_else(|| format!("{number}: no inflection is called {inflection}"))?;
            inflected.extend(forms.into_iter().skip(1).map(|form| (Key::new(form.as_bytes()).hash(), sense)));
        } else {
            phrase(&keys, place, sense, senses).map_err(|error| format!("{number}: {spelling} {error}"))?;
        }
    }
    for (hash, sense) in inflected {
        if senses.entry(hash).or_default()[place].bits & !MARKS == 0 {
            put(senses, hash, place, sense);
        }
    }
    Ok(())
}

/// Sets a sense and leaves the mark that a phrase begins so.
fn put(senses: &mut Senses, hash: u64, place: usize, sense: Sense) {
    let old = &mut senses.entry(hash).or_default()[place];
    *old = Sense { bits: sense.bits | old.bits & MARKS, ..sense };
}

/// A phrase: each of its beginnings leads to the next.
fn phrase(keys: &[Key], place: usize, sense: Sense, senses: &mut Senses) -> Result<(), &'static str> {
    let Some((first, rest)) = keys.split_first() else { return Err("has no letters") };
    let mut hash = first.hash();
    for (index, key) in rest.iter().enumerate() {
        let before = &mut senses.entry(hash).or_default()[place];
        before.bits |= BEGINS;
        if index > 0 && before.bits & !MARKS == 0 {
            before.bits |= Kind::Prefix as u8;
        }
        senses.entry(key.hash()).or_default()[place].bits |= CONTINUES;
        hash = chain(hash, key.hash());
    }
    put(senses, hash, place, sense);
    Ok(())
}

/// The words of a spelling. What has no letters, such as a pictogram, is one as it stands.
fn keys(spelling: &str) -> Vec<Key> {
    let words = spelling.split_whitespace().map(|word| {
        let mut letters = Vec::new();
        for character in word.chars() {
            match fold(character) {
                Folded::One(letter) => letters.push(letter),
                Folded::Two(first, second) => letters.extend([first, second]),
                _ => {}
            }
        }
        let is_picture = word.chars().any(|character| fold(character) == Folded::Picture);
        let is_emoticon = word.starts_with([':', ';', '<']);
        if is_picture {
            let picture = word.chars().find(|character| fold(*character) == Folded::Picture);
            Key::new(picture.map(String::from).unwrap_or_default().as_bytes())
        } else if is_emoticon {
            Key::new(word.as_bytes())
        } else {
            Key::new(&letters)
        }
    });
    words.collect()
}

/// The table that `lexicon.rs` describes: at most two of three slots are used.
fn table(senses: &Senses) -> Result<Vec<u8>, String> {
    let count = (senses.len() * 3 / 2).next_power_of_two();
    let mut slots = vec![[0_u8; 8]; count];
    for (hash, [english, portuguese]) in senses {
        let mut at = usize::try_from(*hash & (count as u64 - 1)).map_err(|error| error.to_string())?;
        let fingerprint = u32::try_from(hash >> 32).map_err(|error| error.to_string())?.to_le_bytes();
        while slots[at][5] != 0 || slots[at][7] != 0 {
            if slots[at][..4] == fingerprint {
                return Err("two words have the same fingerprint: change the hash".to_owned());
            }
            at = (at + 1) % count;
        }
        slots[at][..4].copy_from_slice(&fingerprint);
        slots[at][4..].copy_from_slice(&[
            english.weight.cast_unsigned(),
            english.bits,
            portuguese.weight.cast_unsigned(),
            portuguese.bits,
        ]);
    }
    Ok(slots.concat())
}
