//! The forms of a lexicon's word: the endings that its inflection stands for.
//!
//! Compiled into the build script. Words come folded, so an `ã` is an `a` here. A form that nobody uses costs
//! eight bytes and does no harm.

/// All forms of `word`, itself first; `None` where no inflection has this name.
pub fn forms(word: &str, inflection: &str) -> Option<Vec<String>> {
    let mut forms = vec![word.to_owned()];
    match inflection {
        "" => {}
        "noun" => forms.push(plural(word)),
        "verb" => forms.extend(english_verb(word, word)),
        // The last consonant is doubled: stop, stopped.
        "verb2" => forms.extend(english_verb(word, &doubled(word))),
        "adjective" => forms.extend(compared(word).into_iter().chain([adverb(word)])),
        "adverb" => forms.push(adverb(word)),
        "ar" => forms.extend(portuguese_verb(
            word,
            "o as a amos am ei ou aste aram ava avam avamos ara aras arao aremos aria ariam asse assem \
             asses ando ado ada ados adas arem armos ador adora adores",
            "e es em emos",
        )),
        "er" => forms.extend(portuguese_verb(
            word,
            "o es e emos em i eu este eram ia iam iamos era eras erao eremos eria eriam esse essem esses \
             endo ido ida idos idas erem ermos",
            "a as am amos",
        )),
        "ir" => forms.extend(portuguese_verb(
            word,
            "o es e imos em i iu iste iram ia iam iamos ira iras irao iremos iria iriam isse issem isses \
             indo ido ida idos idas irem irmos",
            "a as am amos",
        )),
        "o" => {
            let stem = word.strip_suffix('o')?;
            forms.extend(endings(stem, "a os as amente inho inha inhos inhas"));
            forms.extend(superlative(stem));
        }
        "e" => {
            let stem = word.strip_suffix('e').unwrap_or(word);
            forms.extend(endings(word, "s mente"));
            forms.extend(superlative(stem));
        }
        "l" => {
            let stem = word.strip_suffix('l')?;
            let stem = stem.strip_suffix('i').map_or(stem.to_owned(), |stem| format!("{stem}e"));
            forms.extend([format!("{stem}is"), format!("{word}mente")]);
            if let Some(stem) = word.strip_suffix("vel") {
                forms.extend(superlative(&format!("{stem}bil")));
            }
        }
        "ao" => forms.extend(endings(word.strip_suffix("ao")?, "oes ona onas aozinho")),
        "or" => forms.extend(endings(word, "a es as")),
        "nome" => forms.push(match word.chars().last() {
            Some('m') => format!("{}ns", &word[..word.len() - 1]),
            Some('r' | 'z') => format!("{word}es"),
            _ => format!("{word}s"),
        }),
        _ => return None,
    }
    Some(forms)
}

fn endings(stem: &str, endings: &str) -> Vec<String> {
    endings.split_whitespace().map(|ending| format!("{stem}{ending}")).collect()
}

fn superlative(stem: &str) -> Vec<String> {
    // largo, larguíssimo; rico, riquíssimo.
    let stem = match stem.as_bytes().last() {
        Some(b'g') => format!("{stem}u"),
        Some(b'c') => format!("{}qu", &stem[..stem.len() - 1]),
        _ => stem.to_owned(),
    };
    endings(&stem, "issimo issima issimos issimas")
}

/// `soft` are the endings before which c, g and ç of an -ar verb are written otherwise.
fn portuguese_verb(infinitive: &str, hard: &str, soft: &str) -> Vec<String> {
    let stem = &infinitive[..infinitive.len() - 2];
    let softened = match (infinitive.ends_with("ar"), stem.as_bytes().last()) {
        (true, Some(b'c')) => format!("{}qu", &stem[..stem.len() - 1]),
        (true, Some(b'g')) => format!("{stem}u"),
        (false, Some(b'g')) => format!("{}j", &stem[..stem.len() - 1]),
        _ => stem.to_owned(),
    };
    let mut forms = endings(stem, hard);
    forms.extend(endings(&softened, soft));
    // ç is folded to c: recomeçar has both.
    if softened.ends_with("qu") {
        forms.extend(endings(stem, soft));
    }
    forms
}

fn is_vowel(byte: u8) -> bool {
    b"aeiou".contains(&byte)
}

fn ends_in_consonant_and_y(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() > 1 && bytes.ends_with(b"y") && !is_vowel(bytes[bytes.len() - 2])
}

fn plural(word: &str) -> String {
    if ends_in_consonant_and_y(word) {
        format!("{}ies", &word[..word.len() - 1])
    } else if ["s", "x", "z", "ch", "sh"].iter().any(|ending| word.ends_with(ending)) {
        format!("{word}es")
    } else {
        format!("{word}s")
    }
}

fn doubled(word: &str) -> String {
    let last = &word[word.len() - 1..];
    format!("{word}{last}")
}

fn english_verb(word: &str, stem: &str) -> Vec<String> {
    let (past, present) = if let Some(stem) = word.strip_suffix('e') {
        (format!("{word}d"), format!("{stem}ing"))
    } else if ends_in_consonant_and_y(word) {
        (format!("{}ied", &word[..word.len() - 1]), format!("{word}ing"))
    } else {
        (format!("{stem}ed"), format!("{stem}ing"))
    };
    vec![plural(word), past, present]
}

fn compared(word: &str) -> [String; 2] {
    if let Some(stem) = word.strip_suffix('e') {
        [format!("{stem}er"), format!("{stem}est")]
    } else if ends_in_consonant_and_y(word) {
        let stem = &word[..word.len() - 1];
        [format!("{stem}ier"), format!("{stem}iest")]
    } else {
        [format!("{word}er"), format!("{word}est")]
    }
}

fn adverb(word: &str) -> String {
    if ends_in_consonant_and_y(word) {
        format!("{}ily", &word[..word.len() - 1])
    } else if let Some(stem) = word.strip_suffix("le") {
        format!("{stem}ly")
    } else if word.ends_with("ic") {
        format!("{word}ally")
    } else if word.ends_with("ll") {
        format!("{word}y")
    } else {
        format!("{word}ly")
    }
}
