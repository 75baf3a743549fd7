//! Why a record was not accepted.

/// A stable name for a kind of fault. **Never change or reuse one**: dead letters outlive every version,
/// and people count and replay by these names.
///
/// The order is that of precedence: of several faults in one record, the smallest code is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// More bytes than the limit. Decided before anything is parsed.
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Not one JSON document (RFC 8259).
    NotJson,
    /// Nested deeper than the limit.
    TooDeep,
    /// JSON, but not an object.
    NotObject,
    /// A field of the contract stands there twice.
    DuplicateKey,
    /// A required field is absent.
    MissingField,
    /// A field's value is of another JSON type than the contract's.
    WrongType,
    /// `event_id` is not a hyphenated UUID.
    BadUuid,
    /// `timestamp` is neither RFC 3339 with an offset nor a whole number of milliseconds.
    BadTimestamp,
    /// `timestamp` lies too far after the record's own time.
    FutureTimestamp,
    /// `timestamp` lies too far before the record's own time.
    PastTimestamp,
    /// `tenant_id` is empty, too long, or has a control character.
    BadTenant,
    /// `event_type` is none of the contract's.
    UnknownEventType,
    /// `schema_version` is none that this module knows.
    UnsupportedSchemaVersion,
    /// A number is negative where that has no meaning, or not finite.
    OutOfRange,
}

impl Code {
    /// Every code, in order of precedence.
    pub const ALL: [Self; 16] = [
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::TooDeep,
        Self::NotObject,
        Self::DuplicateKey,
        Self::MissingField,
        Self::WrongType,
        Self::BadUuid,
        Self::BadTimestamp,
        Self::FutureTimestamp,
        Self::PastTimestamp,
        Self::BadTenant,
        Self::UnknownEventType,
        Self::UnsupportedSchemaVersion,
        Self::OutOfRange,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::NotObject => "not_object",
            Self::DuplicateKey => "duplicate_key",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::BadUuid => "bad_uuid",
            Self::BadTimestamp => "bad_timestamp",
            Self::FutureTimestamp => "future_timestamp",
            Self::PastTimestamp => "past_timestamp",
            Self::BadTenant => "bad_tenant",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnsupportedSchemaVersion => "unsupported_schema_version",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The kind of fault.
    pub code: Code,
    /// The field at fault, such as `tenant_id` or `transcript[2].text`; `None` where it is the record
    /// as a whole.
    pub field: Option<String>,
    /// One sentence for people. It may change between versions.
    pub message: String,
}

impl Rejection {
    /// A fault of the record as a whole.
    #[must_use]
    pub fn of_record(code: Code, message: String) -> Self {
        Self { code, field: None, message }
    }
}
