//! The event contract, version 1: which fields an event has, in which order, and of which kind.
//!
//! `schema/event.v1.json` publishes the same contract as JSON Schema; a test holds the two against
//! each other. The order of the tables matters: of several faults with the same code, the one whose
//! field comes first here is reported.

/// The only `schema_version` there is, and the default where an event names none.
pub const SCHEMA_VERSION: u16 = 1;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// A conversation with a customer, possibly with its transcript.
    Call,
    /// Something that an AI agent did.
    AgentAction,
    /// A tool that an agent called.
    ToolInvocation,
    /// One measurement of the quality of service.
    QosMetric,
}

impl EventType {
    /// Every type, in the order in which the contract names them.
    pub const ALL: [Self; 4] = [Self::Call, Self::AgentAction, Self::ToolInvocation, Self::QosMetric];

    /// The type as it stands in `event_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::AgentAction => "agent_action",
            Self::ToolInvocation => "tool_invocation",
            Self::QosMetric => "qos_metric",
        }
    }

    /// The type with this name, if the contract has one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event_type| event_type.as_str() == name)
    }

    /// Whether an event of the type says what was said: a `transcript` in another one is a field of nobody's.
    #[must_use]
    pub const fn has_transcript(self) -> bool {
        matches!(self, Self::Call)
    }

    /// The type's own fields, which follow [`COMMON`] in the contract's order.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Call => &CALL,
            Self::AgentAction => &AGENT_ACTION,
            Self::ToolInvocation => &TOOL_INVOCATION,
            Self::QosMetric => &QOS_METRIC,
        }
    }
}

/// What a field's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string: a UUID in its hyphenated form, in either case.
    Uuid,
    /// A string that [`is_tenant_id`] accepts.
    Tenant,
    /// A string (RFC 3339 with offset) or an integer (epoch milliseconds).
    Timestamp,
    /// A string: the name of an [`EventType`].
    EventType,
    /// An integer: [`SCHEMA_VERSION`].
    SchemaVersion,
    /// A JSON object.
    Object,
    /// A string, possibly empty.
    Text,
    /// `true` or `false`.
    Flag,
    /// A finite number that is not negative: a duration, latency or offset in milliseconds.
    Quantity,
    /// A finite number.
    Number,
    /// A string, or an array of turns with [`TURN`]'s fields.
    Transcript,
    /// Any JSON value.
    Any,
}

/// A field of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The field's name, which is also its slot while a document is read.
    pub name: Name,
    /// What its value must be.
    pub kind: Kind,
    /// Whether an event without it is rejected. In an optional field, `null` means absent.
    pub required: bool,
}

const fn required(name: Name, kind: Kind) -> Field {
    Field { name, kind, required: true }
}

const fn optional(name: Name, kind: Kind) -> Field {
    Field { name, kind, required: false }
}

/// The fields of every event.
pub static COMMON: [Field; 6] = [
    required(Name::EventId, Kind::Uuid),
    required(Name::TenantId, Kind::Tenant),
    required(Name::Timestamp, Kind::Timestamp),
    required(Name::EventType, Kind::EventType),
    optional(Name::SchemaVersion, Kind::SchemaVersion),
    optional(Name::Metadata, Kind::Object),
];

static CALL: [Field; 8] = [
    optional(Name::CallId, Kind::Text),
    optional(Name::AgentId, Kind::Text),
    optional(Name::CustomerId, Kind::Text),
    optional(Name::Channel, Kind::Text),
    optional(Name::Direction, Kind::Text),
    optional(Name::Language, Kind::Text),
    optional(Name::DurationMs, Kind::Quantity),
    optional(Name::Transcript, Kind::Transcript),
];

static AGENT_ACTION: [Field; 6] = [
    required(Name::AgentId, Kind::Text),
    required(Name::Action, Kind::Text),
    optional(Name::CallId, Kind::Text),
    optional(Name::Target, Kind::Text),
    optional(Name::Success, Kind::Flag),
    optional(Name::DurationMs, Kind::Quantity),
];

static TOOL_INVOCATION: [Field; 7] = [
    required(Name::Tool, Kind::Text),
    optional(Name::AgentId, Kind::Text),
    optional(Name::CallId, Kind::Text),
    optional(Name::Arguments, Kind::Any),
    optional(Name::Success, Kind::Flag),
    optional(Name::LatencyMs, Kind::Quantity),
    optional(Name::Error, Kind::Text),
];

static QOS_METRIC: [Field; 4] = [
    required(Name::Metric, Kind::Text),
    required(Name::Value, Kind::Number),
    optional(Name::Unit, Kind::Text),
    optional(Name::CallId, Kind::Text),
];

/// The fields of one turn of a transcript.
pub static TURN: [Field; 3] = [
    required(Name::Speaker, Kind::Text),
    required(Name::Text, Kind::Text),
    optional(Name::OffsetMs, Kind::Quantity),
];

macro_rules! names {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// Every name that the contract knows.
        #[allow(missing_docs, reason = "the names say it")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Name { $($variant),+ }

        impl Name {
            /// How many there are.
            pub const COUNT: usize = [$($name),+].len();

            /// The name as it stands in a document.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The contract's name that is spelled so, if there is one.
            #[must_use]
            pub fn from_key(key: &str) -> Option<Self> {
                match key { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

names! {
    EventId "event_id", TenantId "tenant_id", Timestamp "timestamp", EventType "event_type",
    SchemaVersion "schema_version", Metadata "metadata",
    CallId "call_id", AgentId "agent_id", CustomerId "customer_id", Channel "channel",
    Direction "direction", Language "language", DurationMs "duration_ms", Transcript "transcript",
    Action "action", Target "target", Success "success",
    Tool "tool", Arguments "arguments", LatencyMs "latency_ms", Error "error",
    Metric "metric", Value "value", Unit "unit",
    Speaker "speaker", Text "text", OffsetMs "offset_ms",
}

/// Whether this may name a tenant: 1 to 128 characters, none of them a control character (Unicode Cc).
#[must_use]
pub fn is_tenant_id(tenant_id: &str) -> bool {
    !tenant_id.is_empty()
        // A string of at most 128 bytes has at most 128 characters.
        && (tenant_id.len() <= 128 || tenant_id.chars().nth(128).is_none())
        && !tenant_id.chars().any(char::is_control)
}
