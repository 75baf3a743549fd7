//! ClickHouse's SQL as far as this server reads it: tokens, quoting.

/// What a token is; whitespace and comments are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word: keyword, identifier or number.
    Word,
    /// An identifier in backquotes or double quotes.
    Quoted,
    /// A string literal or heredoc.
    Literal,
    /// One byte of punctuation.
    Punctuation(u8),
    /// A quote or comment that never ends: the text may go on in bytes not seen yet.
    Unfinished,
}

/// A token and where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Offset of its first byte.
    pub(crate) start: usize,
    /// Offset behind its last byte.
    pub(crate) end: usize,
    /// How many parentheses, brackets and braces are open around it.
    pub(crate) depth: usize,
}

impl Token {
    /// Whether this is the bare word `keyword`, in any case.
    pub(crate) fn is(&self, text: &[u8], keyword: &str) -> bool {
        self.kind == Kind::Word && text[self.start..self.end].eq_ignore_ascii_case(keyword.as_bytes())
    }
}

/// Reads tokens from SQL text, one at a time, and never fails.
pub(crate) struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
    depth: usize,
}

impl<'t> Tokens<'t> {
    /// Starts at the beginning of `text`.
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at.min(self.text.len())..]
    }

    /// Skips whitespace and comments; false where a comment has no end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let skip = match rest {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, ..] => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => find(rest, b"\n").unwrap_or(rest.len()),
                [b'/', b'*', ..] => match find(&rest[2..], b"*/") {
                    Some(end) => end + 4,
                    None => return false,
                },
                _ => return true,
            };
            self.at += skip;
        }
    }

    /// The length of the quoted text that `rest` begins with.
    fn quoted(rest: &[u8], quote: u8) -> Option<usize> {
        let mut at = 1;
        loop {
            match rest.get(at)? {
                b'\\' => at += 2,
                &byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 2,
                &byte if byte == quote => return Some(at + 1),
                _ => at += 1,
            }
        }
    }

    /// The length of the heredoc (`$tag$ … $tag$`) that `rest` begins with.
    fn heredoc(rest: &[u8]) -> Option<Option<usize>> {
        let tag_end = 2 + rest[1..].iter().position(|&byte| byte == b'$')?;
        let tag = &rest[..tag_end];
        if !tag[1..tag_end - 1].iter().all(|&byte| is_word(byte)) {
            return None;
        }
        Some(find(&rest[tag_end..], tag).map(|end| tag_end + end + tag.len()))
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let finished = self.skip_blank();
        let (start, rest) = (self.at, self.rest());
        let &first = rest.first()?;
        let (kind, length) = match first {
            _ if !finished => (Kind::Unfinished, None),
            b'\'' => (Kind::Literal, Self::quoted(rest, first)),
            b'"' | b'`' => (Kind::Quoted, Self::quoted(rest, first)),
            b'$' if let Some(length) = Self::heredoc(rest) => (Kind::Literal, length),
            byte if is_word(byte) => {
                (Kind::Word, Some(rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len())))
            }
            byte => (Kind::Punctuation(byte), Some(1)),
        };
        let (kind, length) = length.map_or((Kind::Unfinished, rest.len()), |length| (kind, length));
        self.at += length;
        if matches!(kind, Kind::Punctuation(b')' | b']' | b'}')) {
            self.depth = self.depth.saturating_sub(1);
        }
        let token = Token { kind, start, end: self.at, depth: self.depth };
        if matches!(kind, Kind::Punctuation(b'(' | b'[' | b'{')) {
            self.depth += 1;
        }
        Some(token)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// A string literal of exactly this text.
pub(crate) fn quote(text: &str) -> String {
    enclose(text, '\'')
}

/// A quoted identifier of exactly this name.
pub(crate) fn identifier(name: &str) -> String {
    enclose(name, '`')
}

fn enclose(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for char in text.chars() {
        if char == quote || char == '\\' {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        Tokens::new(text.as_bytes()).map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn comments_and_quotes_hide_their_content() {
        assert_eq!(words("a -- b\n/* c */ 'd;''e\\'' `f g`;"), ["a", "'d;''e\\''", "`f g`", ";"]);
        assert_eq!(words("$x$ a ; b $x$ c $ d"), ["$x$ a ; b $x$", "c", "$", "d"]);
    }

    #[test]
    fn an_open_quote_or_comment_is_unfinished() {
        for text in ["select 'a", "select /* a", "select `a"] {
            let last = Tokens::new(text.as_bytes()).last();
            assert_eq!(last.map(|token| token.kind), Some(Kind::Unfinished), "{text}");
        }
    }

    #[test]
    fn depth_counts_brackets() {
        let depths: Vec<_> = Tokens::new(b"a(b[c])d").map(|token| token.depth).collect();
        assert_eq!(depths, [0, 0, 1, 1, 2, 1, 0, 0]);
    }

    #[test]
    fn quoting_survives_quotes_and_backslashes() {
        assert_eq!(quote(r"it's \ here"), r"'it\'s \\ here'");
        assert_eq!(identifier("a`b"), r"`a\`b`");
    }
}
