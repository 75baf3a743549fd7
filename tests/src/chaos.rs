//! The fault harness: the real binaries under continuous load, and one fault after the other; then two oracles
//! say whether any event was lost, doubled or altered.
//!
//! ```text
//! load ─▶ rig (connector ─▶ proxy ─▶ ClickHouse on a disk) ─▶ oracle
//!          ▲
//! plan ─▶ fault                                 campaign: cycle after cycle, with a log
//! ```

pub mod campaign;
pub mod disk;
pub mod fault;
pub mod load;
pub mod log;
pub mod oracle;
pub mod plan;
pub mod proxy;
pub mod rig;
pub mod services;

/// Between which services the connector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// From a file into ClickHouse.
    OneMachine,
    /// From Kafka through Fluvio into ClickHouse.
    Cluster,
}

impl Topology {
    /// As it is written on the command line and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneMachine => "one-machine",
            Self::Cluster => "cluster",
        }
    }
}

/// A layer of the delivery that is left out, to see that the harness notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// One writer for each partition.
    Fence,
    /// What is stored already is not written again.
    Ledger,
    /// An insert that is repeated stores nothing twice.
    Token,
    /// What is read is read without holes.
    Contiguity,
    /// A stream that was made anew is not taken for the old one.
    Generation,
    /// Rows of one event count once. It is the readers' part, and so the harness's own.
    Final,
}

impl Layer {
    /// Its name on the command line, here and of the connector.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Ledger => "ledger",
            Self::Token => "token",
            Self::Contiguity => "contiguity",
            Self::Generation => "generation",
            Self::Final => "final",
        }
    }
}
