//! ClickHouse's exceptions: a code, the text that clients look for, and the HTTP status it maps to.

use axum::http::StatusCode;

/// Codes that this server raises or treats itself. The engine knows some 700 more.
pub(crate) mod code {
    pub(crate) const CHECKSUM_DOESNT_MATCH: u32 = 40;
    pub(crate) const NOT_IMPLEMENTED: u32 = 48;
    pub(crate) const SYNTAX_ERROR: u32 = 62;
    pub(crate) const READONLY: u32 = 164;
    pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub(crate) const NETWORK_ERROR: u32 = 210;
    pub(crate) const QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: u32 = 216;
    pub(crate) const CANNOT_DECOMPRESS: u32 = 271;
    pub(crate) const SESSION_NOT_FOUND: u32 = 372;
    pub(crate) const SESSION_IS_LOCKED: u32 = 373;
    pub(crate) const QUERY_WAS_CANCELLED: u32 = 394;
    pub(crate) const REQUIRED_PASSWORD: u32 = 194;
    pub(crate) const AUTHENTICATION_FAILED: u32 = 516;
    pub(crate) const BAD_REQUEST_PARAMETER: u32 = 408;
    pub(crate) const STD_EXCEPTION: u32 = 1001;
    pub(crate) const UNKNOWN_EXCEPTION: u32 = 1002;
}

/// An error as ClickHouse reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Exception {
    /// ClickHouse's number for the error.
    pub(crate) code: u32,
    /// `Code: N. DB::Exception: … (NAME)`, without the version.
    text: String,
    /// Set where the client gave no credentials at all, and may be asked for them.
    pub(crate) asks_for_credentials: bool,
}

impl Exception {
    /// An error of this server, in ClickHouse's words.
    pub(crate) fn new(code: u32, name: &str, message: impl std::fmt::Display) -> Self {
        let text = format!("Code: {code}. DB::Exception: {message}. ({name})");
        Self { code, text, asks_for_credentials: false }
    }

    /// An error of the engine, from its text.
    pub(crate) fn from_engine(text: &str) -> Self {
        // Some of the engine's texts carry the version already, some do not.
        let bare = text.trim_end().split(" (version ").next().unwrap_or(text);
        let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        match bare.strip_prefix("Code: ").and_then(digits) {
            Some(code) => Self { code, text: bare.to_owned(), asks_for_credentials: false },
            None => Self::new(code::UNKNOWN_EXCEPTION, "UNKNOWN_EXCEPTION", bare),
        }
    }

    /// The same without a part that this server added to the statement.
    pub(crate) fn without(mut self, part: &str) -> Self {
        self.text = self.text.replace(part, "");
        self
    }

    /// The body of an error response, as ClickHouse writes it.
    pub(crate) fn body(&self, version: &str) -> String {
        // Clients tell an exception at the end of a stream by its last bytes, "))" and a newline.
        format!("{} (version {version} (chdb))\n", self.text)
    }

    /// The HTTP status that ClickHouse answers with.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            _ if self.asks_for_credentials => StatusCode::UNAUTHORIZED,
            code::REQUIRED_PASSWORD => StatusCode::UNAUTHORIZED,
            192 | 193 | 512 | code::AUTHENTICATION_FAILED => StatusCode::FORBIDDEN,
            // Values and texts that cannot be parsed, arguments that cannot be right.
            6
            | 8
            | 15
            | 25..=27
            | 36..=38
            | 41
            | 44
            | 53
            | 62
            | 72
            | 117
            | 123
            | 167
            | 168
            | 223
            | 321
            | 376
            | 427
            | 441
            | 675
            | 676 => StatusCode::BAD_REQUEST,
            // Names that nothing has.
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => StatusCode::NOT_FOUND,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            code::NOT_IMPLEMENTED => StatusCode::NOT_IMPLEMENTED,
            381 => StatusCode::LENGTH_REQUIRED,
            159 => StatusCode::REQUEST_TIMEOUT,
            76 | 209 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            // Where ClickHouse says 500, this server knows better, and clients do as well.
            code::TOO_MANY_SIMULTANEOUS_QUERIES => StatusCode::SERVICE_UNAVAILABLE,
            code::CHECKSUM_DOESNT_MATCH
            | code::CANNOT_DECOMPRESS
            | code::BAD_REQUEST_PARAMETER
            | code::NETWORK_ERROR => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The statement's text makes no sense to this server.
pub(crate) fn syntax(message: impl std::fmt::Display) -> Exception {
    Exception::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", message)
}

/// A part of ClickHouse's interface that this server does not have.
pub(crate) fn unsupported(message: impl std::fmt::Display) -> Exception {
    Exception::new(code::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", message)
}

/// A parameter of the request that cannot be right.
pub(crate) fn bad_parameter(message: impl std::fmt::Display) -> Exception {
    Exception::new(code::BAD_REQUEST_PARAMETER, "BAD_REQUEST_PARAMETER", message)
}

/// The query was cancelled, by KILL QUERY or because its client went away.
pub(crate) fn cancelled() -> Exception {
    Exception::new(code::QUERY_WAS_CANCELLED, "QUERY_WAS_CANCELLED", "Query was cancelled")
}

/// The body of the request broke off, so nothing of it was inserted.
pub(crate) fn broken_body(message: impl std::fmt::Display) -> Exception {
    let message = format!("The request body broke off ({message}), nothing was inserted");
    Exception::new(code::NETWORK_ERROR, "NETWORK_ERROR", message)
}

/// Something on this machine failed that has nothing to do with the query.
pub(crate) fn internal(error: impl std::fmt::Display) -> Exception {
    Exception::new(code::STD_EXCEPTION, "STD_EXCEPTION", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_s_text_keeps_its_code_and_loses_the_version() {
        let engine =
            "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1)";
        let exception = Exception::from_engine(engine);
        assert_eq!(exception.code, 60);
        assert_eq!(exception.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            exception.body("26.7.2.1"),
            "Code: 60. DB::Exception: Table default.t does not exist. (UNKNOWN_TABLE) (version 26.7.2.1 (chdb))\n"
        );
    }

    #[test]
    fn a_text_without_a_code_gets_one() {
        let exception = Exception::from_engine("another streaming query is active");
        assert_eq!(exception.code, code::UNKNOWN_EXCEPTION);
        assert_eq!(exception.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn statuses_are_clickhouse_s() {
        let status = |code| Exception::new(code, "X", "x").status().as_u16();
        assert_eq!(
            [62, 60, 81, 516, 48, 159, 164, 395].map(status),
            [400, 404, 404, 403, 501, 408, 500, 500]
        );
    }
}
