//! How the connector runs, beside its configuration: what the command line says of one start.

use crate::layers::Without;

/// How the connector runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// End when everything that the source has now is stored.
    pub once: bool,
    /// Begin a new generation of every stream, and read each from its start.
    pub new_generation: bool,
    /// Layers of the delivery that are left out.
    pub without: Without,
}
