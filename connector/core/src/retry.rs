//! What an error of ClickHouse means, decided in one table from the server's own codes, and how long to
//! wait before trying again.

use std::time::Duration;

use clickhouse::error::Error;
use rand::Rng as _;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing was written, and trying again may help.
    Retry,
    /// The request may have been carried out: try again under the same token, and never count it as
    /// failed.
    Unknown,
    /// A row is at fault: find it and set it aside.
    Reject,
    /// Another writer has taken the partition over.
    Fenced,
    /// Trying again cannot help: the configuration, the schema or the rights are wrong.
    Fatal,
}

impl Class {
    /// The label of this class in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Unknown => "unknown",
            Self::Reject => "reject",
            Self::Fenced => "fenced",
            Self::Fatal => "fatal",
        }
    }
}

const VIOLATED_CONSTRAINT: u32 = 469;

/// What ClickHouse says where the constraint of `0002_fence.sql` refuses a row.
const FENCE: &str = "Constraint `fence`";

/// Codes that say that a value of a row is at fault (ClickHouse, `src/Common/ErrorCodes.cpp`).
const REJECT: [u32; 16] = [
    6,   // CANNOT_PARSE_TEXT
    26,  // CANNOT_PARSE_QUOTED_STRING
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    33,  // CANNOT_READ_ALL_DATA
    38,  // CANNOT_PARSE_DATE
    41,  // CANNOT_PARSE_DATETIME
    69,  // ARGUMENT_OUT_OF_BOUND
    70,  // CANNOT_CONVERT_TYPE
    72,  // CANNOT_PARSE_NUMBER
    117, // INCORRECT_DATA
    131, // TOO_LARGE_STRING_SIZE
    321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    376, // CANNOT_PARSE_UUID
    467, // CANNOT_PARSE_BOOL
    VIOLATED_CONSTRAINT,
];

/// Codes that only a person can help with.
const FATAL: [u32; 22] = [
    16,  // NO_SUCH_COLUMN_IN_TABLE
    20,  // NUMBER_OF_COLUMNS_DOESNT_MATCH
    36,  // BAD_ARGUMENTS
    43,  // ILLEGAL_TYPE_OF_ARGUMENT
    44,  // ILLEGAL_COLUMN
    46,  // UNKNOWN_FUNCTION
    47,  // UNKNOWN_IDENTIFIER
    48,  // NOT_IMPLEMENTED
    50,  // UNKNOWN_TYPE
    53,  // TYPE_MISMATCH
    60,  // UNKNOWN_TABLE
    62,  // SYNTAX_ERROR
    73,  // UNKNOWN_FORMAT
    80,  // INCORRECT_QUERY
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    164, // READONLY
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];

/// Codes after which it is not known what was written.
const UNKNOWN: [u32; 4] = [
    159, // TIMEOUT_EXCEEDED
    209, // SOCKET_TIMEOUT
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED
];

/// The class of an error. Codes in no table are worth another try: the server was overloaded, out of
/// memory or space, or a replica was missing.
#[must_use]
pub fn classify(error: &Error) -> Class {
    match error {
        Error::BadResponse(answer) => match server_code(answer) {
            Some(VIOLATED_CONSTRAINT) if answer.contains(FENCE) => Class::Fenced,
            Some(code) if REJECT.contains(&code) => Class::Reject,
            Some(code) if FATAL.contains(&code) => Class::Fatal,
            Some(code) if UNKNOWN.contains(&code) => Class::Unknown,
            _ => Class::Retry,
        },
        Error::Network(_) | Error::TimedOut | Error::Decompression(_) | Error::NotEnoughData => {
            Class::Unknown
        }
        Error::Other(_) => Class::Retry,
        _ => Class::Fatal,
    }
}

/// The code in `Code: 60. DB::Exception: …`, as ClickHouse begins every error.
fn server_code(answer: &str) -> Option<u32> {
    let rest = &answer[answer.find("Code: ")? + "Code: ".len()..];
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// How long to wait before the next attempt: twice as long each time, up to 10 s, half of it by chance,
/// so that many writers do not come back at once.
#[must_use]
pub fn backoff(attempt: u32) -> Duration {
    let longest = Duration::from_millis(100).saturating_mul(1 << attempt.min(7)).min(Duration::from_secs(10));
    longest.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_class() {
        for (answer, class) in [
            ("Code: 252. DB::Exception: Too many parts (3000). (TOO_MANY_PARTS)", Class::Retry),
            ("Code: 241. DB::Exception: Memory limit exceeded", Class::Retry),
            ("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", Class::Retry),
            ("Code: 159. DB::Exception: Timeout exceeded", Class::Unknown),
            ("Code: 319. DB::Exception: Unknown status of part", Class::Unknown),
            ("Code: 469. DB::Exception: Constraint `c` is violated", Class::Reject),
            ("Code: 469. DB::Exception: Constraint `fence` for table voc.voc_events", Class::Fenced),
            ("Code: 60. DB::Exception: Table voc_events does not exist", Class::Fatal),
            ("Code: 516. DB::Exception: default: Authentication failed", Class::Fatal),
            ("Code: 99999. DB::Exception: of a later version", Class::Retry),
            ("<html>502 Bad Gateway</html>", Class::Retry),
            ("", Class::Retry),
        ] {
            assert_eq!(classify(&Error::BadResponse(answer.to_owned())), class, "{answer}");
        }
        assert_eq!(classify(&Error::TimedOut), Class::Unknown);
        assert_eq!(classify(&Error::Network("connection reset".into())), Class::Unknown);
        assert_eq!(classify(&Error::SchemaMismatch(String::new())), Class::Fatal);
    }

    #[test]
    fn waiting_grows_and_stays_bounded() {
        for attempt in 0..200 {
            let longest = Duration::from_millis(100 << attempt.min(7)).min(Duration::from_secs(10));
            let wait = backoff(attempt);
            assert!(wait >= longest / 2 && wait <= longest, "attempt {attempt}: {wait:?}");
        }
    }
}
