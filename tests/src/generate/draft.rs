//! A document before it is written: its fields with their JSON, open to being spoilt.

use std::fmt::Write;

use super::random::Random;

#[derive(Default)]
pub(super) struct Draft {
    /// Name and JSON text of each field, in the order in which they are written.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Whether strings escape everything outside ASCII, as some producers do.
    pub(super) ascii: bool,
}

impl Draft {
    /// Appends a field with this JSON.
    pub(super) fn put(&mut self, name: &'static str, json: impl Into<String>) {
        self.fields.push((name, json.into()));
    }

    /// Appends a field with this string.
    pub(super) fn put_text(&mut self, name: &'static str, text: &str) {
        let json = self.quoted(text);
        self.put(name, json);
    }

    /// Gives a field another value where it stands, or appends it.
    pub(super) fn set(&mut self, name: &'static str, json: impl Into<String>) {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json.into(),
            None => self.put(name, json),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| *known != name);
    }

    pub(super) fn quoted(&self, text: &str) -> String {
        let mut json = String::with_capacity(text.len() + 2);
        quote(text, self.ascii, &mut json);
        json
    }

    /// Appends the document. Producers differ in the order of fields and in white space.
    pub(super) fn write(mut self, random: &mut Random, line: &mut Vec<u8>) {
        if random.percent(25) {
            let middle = random.index(self.fields.len());
            self.fields.rotate_left(middle);
        }
        let (comma, colon): (&[u8], &[u8]) = if random.percent(10) { (b", ", b": ") } else { (b",", b":") };
        line.push(b'{');
        for (position, (name, json)) in self.fields.iter().enumerate() {
            if position > 0 {
                line.extend_from_slice(comma);
            }
            line.push(b'"');
            line.extend_from_slice(name.as_bytes());
            line.push(b'"');
            line.extend_from_slice(colon);
            line.extend_from_slice(json.as_bytes());
        }
        line.push(b'}');
    }
}

/// Appends the text as a JSON string.
pub(super) fn quote(text: &str, ascii: bool, json: &mut String) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\0'..'\u{20}' => escape(u16::try_from(u32::from(character)).unwrap_or_default(), json),
            _ if ascii && !character.is_ascii() => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escape(*unit, json);
                }
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}

fn escape(unit: u16, json: &mut String) {
    let _ = write!(json, "\\u{unit:04x}");
}
