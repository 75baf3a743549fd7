//! What a statement is, and where its parts lie: decided from its text alone.

use crate::exception::{Exception, syntax, unsupported};
use crate::sql::{Kind, Token, Tokens};

/// A statement, sorted by how it has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Rows follow in the text, in the request's body, or in both.
    Insert {
        /// The statement up to its FORMAT or VALUES.
        head: Vec<u8>,
        /// The format of the rows.
        format: String,
        /// Where in the text the rows begin.
        data: usize,
    },
    /// A query whose result may be large: it is written to a pipe as it is made.
    Select {
        /// The text with a hole where the pipe's name goes.
        before: Vec<u8>,
        after: Vec<u8>,
        /// The format that the text names.
        format: Option<String>,
    },
    /// `KILL QUERY WHERE condition`, answered from the requests this server knows.
    KillQuery {
        /// The condition.
        condition: Vec<u8>,
        mode: KillMode,
        format: Option<String>,
    },
    /// Everything else: runs to its end, its result is small.
    Command {
        text: Vec<u8>,
        format: Option<String>,
        /// Changes nothing, so GET may ask for it.
        reads: bool,
    },
}

/// How a KILL QUERY treats what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KillMode {
    /// Cancel and return at once.
    Async,
    /// Cancel and return when everything found has ended.
    Sync,
    /// Only tell.
    Test,
}

/// What can be said of a text that may go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More text is needed to tell.
    NeedsMore,
    /// The text begins with an insert whose rows begin in it.
    Ready(Statement),
}

/// Looks for the head of an insert at the beginning of a body that has not been read to its end.
pub(crate) fn begin(text: &[u8]) -> Progress {
    match insert(text, false) {
        Some(statement) => Progress::Ready(statement),
        None => Progress::NeedsMore,
    }
}

/// Whether the text cannot become an insert whatever follows, so that it has to be read as a whole.
pub(crate) fn is_no_insert(text: &[u8]) -> bool {
    let mut tokens = Tokens::new(text);
    let first = tokens.next();
    let finished = tokens.next().is_some();
    first.is_some_and(|first| finished && !first.is(text, "INSERT"))
}

/// Sorts a complete text.
///
/// # Errors
/// It is empty, holds several statements, or asks for what this server does not have.
pub(crate) fn parse(text: &[u8]) -> Result<Statement, Exception> {
    if let Some(statement) = insert(text, true) {
        return Ok(statement);
    }
    let mut tokens: Vec<Token> = Tokens::new(text).collect();
    if let Some(end) = tokens.iter().position(|token| token.kind == Kind::Punctuation(b';')) {
        if tokens[end..].iter().any(|token| token.kind != Kind::Punctuation(b';')) {
            return Err(syntax("Multi-statements are not allowed"));
        }
        tokens.truncate(end);
    }
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Err(syntax("Empty query"));
    };
    let word = |index: usize, keyword: &str| tokens.get(index).is_some_and(|token| token.is(text, keyword));
    let pair = |one, two| (0..tokens.len()).any(|at| word(at, one) && word(at + 1, two));
    if pair("INTO", "OUTFILE") || pair("FROM", "INFILE") {
        return Err(unsupported(
            "INTO OUTFILE and FROM INFILE are not allowed: they name files of the server",
        ));
    }
    let text_end = last.end;
    let format_at = format_clause(text, &tokens);
    let format = format_at.map(|at| name(text, &tokens[at + 1]));
    if word(0, "KILL") && word(1, "QUERY") {
        return kill(text, &tokens, format_at, format);
    }
    let selects = ["SELECT", "WITH", "FROM"].iter().any(|keyword| first.is(text, keyword))
        || first.kind == Kind::Punctuation(b'(');
    if selects {
        let hole = format_at.map_or(text_end, |at| tokens[at].start);
        let before = with_request_ids(text, &tokens, hole);
        return Ok(Statement::Select { before, after: text[hole..text_end].to_vec(), format });
    }
    let reads = ["SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "USE", "SET"];
    let reads = reads.iter().any(|keyword| first.is(text, keyword));
    Ok(Statement::Command { text: text[..text_end].to_vec(), format, reads })
}

/// The index of the FORMAT that ends a query: `… FORMAT name [SETTINGS …]`.
fn format_clause(text: &[u8], tokens: &[Token]) -> Option<usize> {
    let at = (1..tokens.len()).rev().find(|&at| tokens[at].depth == 0 && tokens[at].is(text, "FORMAT"))?;
    let name = tokens.get(at + 1)?;
    let ends = tokens.get(at + 2).is_none_or(|next| next.is(text, "SETTINGS"));
    (at > 1 && matches!(name.kind, Kind::Word | Kind::Quoted) && ends).then_some(at)
}

fn name(text: &[u8], token: &Token) -> String {
    String::from_utf8_lossy(&text[token.start..token.end]).trim_matches(['`', '"']).to_owned()
}

/// The text up to `end`, where `system.processes` shows the ids that clients gave instead of those
/// that the engine made up, and queries without what this server added to them.
fn with_request_ids(text: &[u8], tokens: &[Token], end: usize) -> Vec<u8> {
    const PROCESSES: &[u8] = b"(SELECT * REPLACE (\
        if(Settings['log_comment'] = '', query_id, Settings['log_comment']) AS query_id, \
        if(Settings['log_comment'] = '', initial_query_id, Settings['log_comment']) AS initial_query_id, \
        replaceRegexpOne(query, ' INTO OUTFILE \\'/dev/fd/\\\\d+\\' APPEND ', '') AS query) \
        FROM system.processes)";
    let mut out = Vec::with_capacity(end);
    let mut copied = 0;
    for at in 1..tokens.len().saturating_sub(2) {
        let is_table = tokens[at].is(text, "system")
            && tokens[at + 1].kind == Kind::Punctuation(b'.')
            && tokens[at + 2].is(text, "processes");
        let follows = ["FROM", "JOIN"].iter().any(|keyword| tokens[at - 1].is(text, keyword));
        if is_table && follows {
            out.extend_from_slice(&text[copied..tokens[at].start]);
            out.extend_from_slice(PROCESSES);
            copied = tokens[at + 2].end;
        }
    }
    out.extend_from_slice(&text[copied..end]);
    out
}

fn kill(
    text: &[u8],
    tokens: &[Token],
    format_at: Option<usize>,
    format: Option<String>,
) -> Result<Statement, Exception> {
    let mut end = format_at.unwrap_or(tokens.len());
    let modes = [("SYNC", KillMode::Sync), ("ASYNC", KillMode::Async), ("TEST", KillMode::Test)];
    let named = modes.into_iter().find(|(keyword, _)| tokens[end - 1].is(text, keyword));
    end -= usize::from(named.is_some());
    if !tokens.get(2).is_some_and(|token| token.is(text, "WHERE")) || end <= 3 {
        return Err(syntax("expected KILL QUERY WHERE condition [SYNC|ASYNC|TEST] [FORMAT name]"));
    }
    let condition = text[tokens[3].start..tokens[end - 1].end].to_vec();
    Ok(Statement::KillQuery { condition, mode: named.map_or(KillMode::Async, |(_, mode)| mode), format })
}

/// The insert that the text begins with, if its rows come from the client. `complete` says that the
/// text ends here: then an insert without FORMAT or VALUES takes rows in the format Values.
fn insert(text: &[u8], complete: bool) -> Option<Statement> {
    let mut tokens = Tokens::new(text).peekable();
    if !tokens.next()?.is(text, "INSERT") {
        return None;
    }
    if tokens.peek()?.is(text, "INTO") {
        tokens.next();
    }
    // The name of the table comes next, and may be any word.
    let mut target = tokens.next()?;
    if ["TABLE", "FUNCTION"].iter().any(|keyword| target.is(text, keyword)) {
        target = tokens.next()?;
    }
    let mut head_end = target.end;
    while let Some(token) = tokens.next() {
        if token.depth > 0 {
            head_end = token.end;
            continue;
        }
        if token.kind == Kind::Punctuation(b';') {
            break;
        }
        if token.is(text, "VALUES") {
            let head = text[..head_end].to_vec();
            return Some(Statement::Insert { head, format: "Values".to_owned(), data: token.end });
        }
        if token.is(text, "FORMAT") {
            let format = tokens.next()?;
            // A name that the text ends with may be cut, unless the text is complete.
            if format.end == text.len() && !complete {
                return None;
            }
            if name(text, &format).eq_ignore_ascii_case("VALUES") || format.kind != Kind::Unfinished {
                let data = format.end + blank(&text[format.end..]);
                if data == text.len() && !complete {
                    return None;
                }
                let head = text[..head_end].to_vec();
                return Some(Statement::Insert { head, format: name(text, &format), data });
            }
        }
        if ["SELECT", "WITH", "FROM", "WATCH", "EXPLAIN"].iter().any(|keyword| token.is(text, keyword)) {
            return None;
        }
        head_end = token.end;
    }
    let head = text[..head_end].to_vec();
    complete.then(|| Statement::Insert { head, format: "Values".to_owned(), data: text.len() })
}

/// How much lies between a format's name and its rows: blanks, then at most one line end.
fn blank(text: &[u8]) -> usize {
    let mut length = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c)).count();
    for end in [b'\r', b'\n'] {
        length += usize::from(text.get(length) == Some(&end));
    }
    length
}

#[cfg(test)]
mod tests;
