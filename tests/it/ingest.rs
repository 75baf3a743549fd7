//! Events posted to the API: what was acknowledged is there, once, through the real connector; and what is not taken
//! is said, each event for itself.

mod durable;
mod refused;
pub(crate) mod rig;
mod spool;
