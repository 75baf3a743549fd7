//! A body into documents, each with the bytes that were sent.

use axum::body::Bytes;
use serde_json::value::RawValue;

use super::error::Error;

/// How the body holds its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object, or an array of them.
    Json,
    /// One a line.
    Lines,
}

impl Form {
    /// By the headers `content-type` and `content-encoding`. Neither is guessed: a page in somebody's browser can
    /// post any text to an API that is open on loopback, but neither of these two types without being asked first.
    ///
    /// # Errors
    /// A 415 that names what is taken.
    pub fn of(content_type: Option<&str>, content_encoding: Option<&str>) -> Result<Self, Error> {
        if content_encoding.is_some_and(|encoding| !encoding.trim().eq_ignore_ascii_case("identity")) {
            return Err(Error::MediaType("content-encoding is not supported; send the body as it is"));
        }
        let kind = content_type.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if kind.eq_ignore_ascii_case("application/x-ndjson") {
            Ok(Self::Lines)
        } else {
            Err(Error::MediaType(
                "content-type must be application/json (an event, or an array of them) or application/x-ndjson (one \
                 a line)",
            ))
        }
    }
}

/// What may be an event.
#[derive(Debug, PartialEq, Eq)]
pub struct Document {
    /// Its place in the array, or the number of its line, from 0.
    pub index: usize,
    /// Its bytes, without the white space around it.
    pub bytes: Bytes,
}

/// Finds the documents of a body. Blank lines are none.
///
/// # Errors
/// There is none, there are more than `most`, or a body that should be JSON is not.
pub fn split(form: Form, body: &Bytes, most: usize) -> Result<Vec<Document>, Error> {
    let documents: Vec<Document> = match form {
        Form::Json => elements(body)?,
        Form::Lines => {
            let lines = body.split(|byte| *byte == b'\n').map(trim).enumerate();
            let lines = lines.filter(|(_, line)| !line.is_empty());
            // One more says that there are too many.
            lines
                .take(most + 1)
                .map(|(index, line)| Document { index, bytes: body.slice_ref(line) })
                .collect()
        }
    };
    match documents.len() {
        0 => Err(Error::Empty),
        count if count > most => Err(Error::TooMany { most }),
        _ => Ok(documents),
    }
}

fn elements(body: &Bytes) -> Result<Vec<Document>, Error> {
    let text = trim(body);
    let not_json = |error: serde_json::Error| Error::NotJson(error.to_string());
    let document =
        |(index, raw): (usize, &RawValue)| Document { index, bytes: body.slice_ref(raw.get().as_bytes()) };
    match text.first() {
        None => Ok(Vec::new()),
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_slice(text).map_err(not_json)?;
            Ok(elements.into_iter().enumerate().map(document).collect())
        }
        Some(b'{') => Ok(vec![document((0, serde_json::from_slice(text).map_err(not_json)?))]),
        Some(_) => Err(Error::NotJson("it is neither an object nor an array".to_owned())),
    }
}

/// Without the white space of JSON around it.
fn trim(mut bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    while let Some((_, rest)) = bytes.split_first().filter(|(first, _)| is_space(first)) {
        bytes = rest;
    }
    while let Some((_, rest)) = bytes.split_last().filter(|(last, _)| is_space(last)) {
        bytes = rest;
    }
    bytes
}

/// A JSON document on one line. Its strings hold no line end, which JSON wants escaped, so each that there is stands
/// between two tokens, and they stay apart without it. Nothing else is touched: numbers, keys and escapes stay as they
/// were sent.
#[must_use]
pub fn on_one_line(json: Bytes) -> Bytes {
    if !json.contains(&b'\n') {
        return json;
    }
    json.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(form: Form, body: &str) -> Result<Vec<(usize, String)>, Error> {
        let documents = split(form, &Bytes::copy_from_slice(body.as_bytes()), 3)?;
        let text = |document: Document| (document.index, String::from_utf8(document.bytes.to_vec()).unwrap());
        Ok(documents.into_iter().map(text).collect())
    }

    fn owned(documents: &[(usize, &str)]) -> Vec<(usize, String)> {
        documents.iter().map(|(index, text)| (*index, (*text).to_owned())).collect()
    }

    #[test]
    fn an_object_an_array_and_lines_are_found_byte_for_byte() {
        for (form, body, expected) in [
            (
                Form::Json,
                " \r\n{\"a\": 1.000000000000000000001e9999} ",
                &[(0, "{\"a\": 1.000000000000000000001e9999}")][..],
            ),
            (
                Form::Json,
                "[ {\"a\":\t1} ,2,\"\\ud800\" ]",
                &[(0, "{\"a\":\t1}"), (1, "2"), (2, "\"\\ud800\"")],
            ),
            (Form::Json, "{\n \"a\":\n1\n}", &[(0, "{\n \"a\":\n1\n}")]),
            (
                Form::Lines,
                "{\"a\":1}\r\n\n \n not json\n[1]",
                &[(0, "{\"a\":1}"), (3, "not json"), (4, "[1]")],
            ),
            (Form::Lines, "\n\n{}\n", &[(2, "{}")]),
        ] {
            assert_eq!(found(form, body), Ok(owned(expected)), "{body}");
        }
    }

    #[test]
    fn a_body_without_events_or_with_too_many_is_refused() {
        for (form, body) in
            [(Form::Json, ""), (Form::Json, " \n"), (Form::Json, "[]"), (Form::Lines, "\n \r\n\t\n")]
        {
            assert_eq!(found(form, body), Err(Error::Empty), "{body:?}");
        }
        for (form, body) in [(Form::Json, "[1,2,3,4]"), (Form::Lines, "1\n2\n\n3\n4\n5")] {
            assert_eq!(found(form, body), Err(Error::TooMany { most: 3 }), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_as_a_whole_is_refused_as_a_whole() {
        let nested = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(found(Form::Json, &nested).unwrap().len(), 1, "depth is the contract's to judge");
        for body in [
            "{",
            "[{\"a\":1}",
            "[1,]",
            "{\"a\":1} {\"a\":2}",
            "3",
            "\"a\"",
            "null",
            "\u{feff}{}",
            "{\"a\":01}",
        ] {
            assert!(matches!(found(Form::Json, body), Err(Error::NotJson(_))), "{body}");
        }
        let latin = Bytes::from_static(b"{\"a\":\"\xe9\"}");
        assert!(matches!(split(Form::Json, &latin, 3), Err(Error::NotJson(_))));
    }

    #[test]
    fn many_lines_become_one_and_nothing_else_changes() {
        let pretty = "{\r\n  \"a\" : 1.50e+3,\n  \"b\": [ true,\nfalse ],\n  \"c\": \"x\\n y\"\n}";
        let line = on_one_line(Bytes::from_static(pretty.as_bytes()));
        assert_eq!(line, "{  \"a\" : 1.50e+3,  \"b\": [ true,false ],  \"c\": \"x\\n y\"}");
        let (one, many): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&line).unwrap(), serde_json::from_str(pretty).unwrap());
        assert_eq!(one, many);
        let compact = Bytes::from_static(b"{\"a\": 1}");
        assert_eq!(on_one_line(compact.clone()), compact);
    }

    #[test]
    fn only_the_two_types_are_taken() {
        for (kind, form) in [
            ("application/json", Form::Json),
            ("Application/JSON; charset=utf-8", Form::Json),
            (" application/x-ndjson ;a=b", Form::Lines),
        ] {
            assert_eq!(Form::of(Some(kind), Some("identity")), Ok(form));
        }
        for kind in [None, Some(""), Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            assert!(matches!(Form::of(kind, None), Err(Error::MediaType(_))), "{kind:?}");
        }
        assert!(matches!(Form::of(Some("application/json"), Some("gzip")), Err(Error::MediaType(_))));
    }
}
