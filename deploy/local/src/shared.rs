//! What all requests share.

use std::sync::Arc;

use crate::engine::Engine;
use crate::lanes::Lanes;
use crate::registry::Registry;
use crate::session::Sessions;

/// The engine, and who uses it.
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) lanes: Lanes,
    pub(crate) registry: Arc<Registry>,
    pub(crate) sessions: Sessions,
    /// The one user there is.
    pub(crate) user: String,
    /// Its password; empty: none is needed.
    pub(crate) password: String,
}
