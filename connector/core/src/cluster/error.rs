//! What a cluster can answer instead of records.

use fluvio::dataplane::link::ErrorCode;
use fluvio_socket::SocketError;

use crate::stream::StreamPartition;

/// Why the cluster did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fluvio's own configuration does not say which cluster.
    #[error("fluvio's configuration: {0}")]
    Profile(String),
    /// The controller does not answer, or refuses.
    #[error("the fluvio cluster at {endpoint} did not {action}: {reason}")]
    Controller {
        /// Its address.
        endpoint: String,
        /// What it was asked to do.
        action: String,
        /// What it said.
        reason: String,
    },
    /// No such topic or partition.
    #[error("the fluvio cluster has no partition {0}")]
    NoPartition(StreamPartition),
    /// The partition's leader is not among the cluster's SPUs.
    #[error("{partition}: its leader, SPU {leader}, is not in the cluster")]
    NoLeader {
        /// The partition.
        partition: StreamPartition,
        /// The SPU's number.
        leader: i32,
    },
    /// The connection to the leader broke off.
    #[error("{partition}: SPU {address}: {source}")]
    Connection {
        /// The partition.
        partition: StreamPartition,
        /// The leader's address.
        address: String,
        /// What happened to it.
        source: SocketError,
    },
    /// The leader took too long.
    #[error("{partition}: SPU {address}: no answer within {seconds} s")]
    TimedOut {
        /// The partition.
        partition: StreamPartition,
        /// The leader's address.
        address: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The leader answered with an error.
    #[error("{partition}: SPU {address}: {code}")]
    Refused {
        /// The partition.
        partition: StreamPartition,
        /// The leader's address.
        address: String,
        /// What it said.
        code: ErrorCode,
    },
    /// What came is not what Fluvio's protocol promises.
    #[error("{partition}: SPU {address}: {reason}")]
    Protocol {
        /// The partition.
        partition: StreamPartition,
        /// The leader's address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether trying again cannot help: the SmartModule is not there, or not as it should be; or the topic
    /// is not.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Profile(_) => true,
            Self::Refused { code, .. } => matches!(
                code,
                ErrorCode::SmartModuleNotFound { .. }
                    | ErrorCode::SmartModuleInvalid { .. }
                    | ErrorCode::SmartModuleInvalidExports { .. }
                    | ErrorCode::SmartModuleRuntimeError(_)
                    | ErrorCode::SmartModuleChainInitError(_)
                    | ErrorCode::SmartModuleInitError(_)
                    | ErrorCode::SmartModuleMemoryLimitExceeded { .. }
                    | ErrorCode::PermissionDenied
                    // The topic wants its batches compressed, and we send them as they are.
                    | ErrorCode::CompressionError
            ),
            _ => false,
        }
    }

    /// Whether the leader refused a request for its size.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Refused { code: ErrorCode::MessageTooLarge, .. })
    }
}
