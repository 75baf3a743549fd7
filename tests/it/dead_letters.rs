//! Dead letters that come back: replayed, purged, from the command line and the API.

mod history;
mod jobs;
mod replay;
pub(crate) mod rig;
