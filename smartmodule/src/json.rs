//! A scanner for JSON as RFC 8259 writes it: one pass, no tree, no copy.
//!
//! A library would do for most of this. It is our own because the contract asks for what none gives
//! together: which of "not JSON" and "too deep" the bytes reach first, at which byte; a depth limit that
//! is a param; numbers of any size and `\ud800` alone judged by the grammar, not by what a parser can
//! hold. The tests hold it against `serde_json` on random documents.

use std::borrow::Cow;

/// Where and why scanning stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The byte at this index breaks the grammar; the index is the length where the text ends too early.
    Syntax(usize),
    /// The bracket at this index opens a value deeper than the limit.
    TooDeep(usize),
}

type Result<T> = std::result::Result<T, Error>;

/// A value as it was passed over. What was inside an array or an object has been checked and dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number, as written.
    Number(Number<'a>),
    /// A string, as written.
    Text(Text<'a>),
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A number as it stands in the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    /// The text, which Rust parses as it stands.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The number as it is written, if it is written in up to 15 digits and nothing else: as most are.
    #[inline]
    #[must_use]
    pub fn to_digits(self) -> Option<u64> {
        let digits = self.0.as_bytes();
        let add =
            |number: u64, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0'));
        if digits.len() <= 15 { digits.iter().try_fold(0, add) } else { None }
    }

    /// The nearest double, infinite where there is none.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        match self.to_digits() {
            // Below 2^53, so that it is exact.
            Some(number) => number as f64,
            None => self.0.parse().unwrap_or(f64::NAN),
        }
    }

    /// The number if it is whole (`1`, `1.0`, `1e3`), cut to the range of `i64`.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "`as` cuts to the range, which is what is promised")]
    pub fn to_whole(self) -> Option<i64> {
        if let Ok(whole) = self.0.parse() {
            return Some(whole);
        }
        let number = self.to_f64();
        (number.is_infinite() || number.fract() == 0.0).then_some(number as i64)
    }
}

/// A string between its quotes, escapes unresolved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The string as written, without its quotes. Between quotes it is valid JSON again.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// The string it stands for. An escaped surrogate without its partner becomes U+FFFD.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw).0) } else { Cow::Borrowed(self.raw) }
    }

    /// The string it stands for, if it is one: an escaped surrogate without its partner is no character.
    #[must_use]
    pub fn decode_strict(self) -> Option<Cow<'a, str>> {
        if !self.escaped {
            return Some(Cow::Borrowed(self.raw));
        }
        let (text, whole) = unescape(self.raw);
        whole.then_some(Cow::Owned(text))
    }
}

/// Resolves escapes that the scanner has checked; the flag is false where a surrogate stood alone.
fn unescape(raw: &str) -> (String, bool) {
    let mut text = String::with_capacity(raw.len());
    let mut whole = true;
    let mut rest = raw;
    while let Some(backslash) = rest.find('\\') {
        text.push_str(&rest[..backslash]);
        let escape = rest.as_bytes()[backslash + 1];
        rest = &rest[backslash + 2..];
        match escape {
            b'b' => text.push('\u{8}'),
            b'f' => text.push('\u{c}'),
            b'n' => text.push('\n'),
            b'r' => text.push('\r'),
            b't' => text.push('\t'),
            b'u' => {
                let first = hex(rest);
                rest = &rest[4..];
                let second = rest.strip_prefix("\\u").map(hex).filter(|unit| (0xdc00..0xe000).contains(unit));
                let scalar = match (first, second) {
                    (0xd800..0xdc00, Some(second)) => {
                        rest = &rest[6..];
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => first,
                };
                whole &= char::from_u32(scalar).is_some();
                text.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            quote_backslash_or_slash => text.push(char::from(quote_backslash_or_slash)),
        }
    }
    text.push_str(rest);
    (text, whole)
}

fn hex(digits: &str) -> u32 {
    digits.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// Walks over a text. Every method that reads a value leaves the scanner behind it.
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    room: u32,
}

impl<'a> Scanner<'a> {
    /// Starts before the first byte; values may nest `max_depth` deep.
    #[must_use]
    pub fn new(text: &'a str, max_depth: u32) -> Self {
        Self { text, at: 0, room: max_depth }
    }

    /// The next byte that is not white space, not consumed.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Nothing but white space may be left.
    ///
    /// # Errors
    /// [`Error::Syntax`] at the first byte of anything else.
    pub fn end(&mut self) -> Result<()> {
        if self.peek().is_some() { Err(Error::Syntax(self.at)) } else { Ok(()) }
    }

    /// Passes over one value of any kind.
    ///
    /// # Errors
    /// What the bytes reach first: a break of the grammar, or a bracket too many.
    pub fn value(&mut self) -> Result<Value<'a>> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{') => self.members(|_, scanner| scanner.value().map(drop)).map(|()| Value::Object),
            Some(b'[') => self.elements(|scanner| scanner.value().map(drop)).map(|()| Value::Array),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b't') => self.word("true").map(|()| Value::Flag(true)),
            Some(b'f') => self.word("false").map(|()| Value::Flag(false)),
            Some(b'n') => self.word("null").map(|()| Value::Null),
            _ => Err(Error::Syntax(self.at)),
        }
    }

    /// Passes over an object. For each member, `member` gets its key and reads its value.
    ///
    /// # Errors
    /// As [`Scanner::value`], and what `member` returns.
    pub fn members(&mut self, mut member: impl FnMut(Text<'a>, &mut Self) -> Result<()>) -> Result<()> {
        self.enter(b'{')?;
        if self.peek() != Some(b'}') {
            loop {
                self.peek();
                let key = self.string()?;
                self.expect(b':')?;
                member(key, self)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.leave(b'}')
    }

    /// Passes over an array, one call of `element` for each element, which reads it.
    ///
    /// # Errors
    /// As [`Scanner::value`], and what `element` returns.
    pub fn elements(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.enter(b'[')?;
        if self.peek() != Some(b']') {
            loop {
                element(self)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.leave(b']')
    }

    fn enter(&mut self, bracket: u8) -> Result<()> {
        if self.peek() != Some(bracket) {
            return Err(Error::Syntax(self.at));
        }
        self.room = self.room.checked_sub(1).ok_or(Error::TooDeep(self.at))?;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self, bracket: u8) -> Result<()> {
        self.expect(bracket)?;
        self.room += 1;
        Ok(())
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(Error::Syntax(self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<()> {
        for byte in word.bytes() {
            if self.text.as_bytes().get(self.at) != Some(&byte) {
                return Err(Error::Syntax(self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(Error::Syntax(self.at));
        }
        let start = self.at + 1;
        let mut escaped = false;
        self.at = start;
        loop {
            self.at += plain_prefix(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(Error::Syntax(self.at)),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Text { raw, escaped })
    }

    fn escape(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        match bytes.get(self.at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        return Err(Error::Syntax(self.at));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(Error::Syntax(self.at)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Number<'a>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { Err(Error::Syntax(start)) } else { Ok(()) }
    }
}

/// How many bytes from the start are neither a quote, nor a backslash, nor a control character.
/// Eight at a time: strings are most of an event.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // The high bit of a byte of the result is set where the byte is zero; a borrow can set bits of later
    // bytes wrongly, never of the first.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGHS
    }
    let mut at = 0;
    while let Some(word) = bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes)
    {
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let stops = control | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c));
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    at + rest.unwrap_or(bytes.len() - at)
}
