//! Runs the real binaries against the real services. The features `wasm` and `stack` switch the tests
//! on, as `cargo xtask test` does where the machine has what they need; with a feature on, what is
//! missing is a failure that names the command which provides it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "wasm")]
mod annotate;
#[cfg(feature = "stack")]
mod api;
#[cfg(feature = "stack")]
mod delivery;
#[cfg(feature = "stack")]
mod faults;
#[cfg(feature = "stack")]
mod follow;
#[cfg(feature = "stack")]
mod kafka;
#[cfg(feature = "stack")]
mod lost_answer;
#[cfg(feature = "stack")]
mod outage;
#[cfg(feature = "stack")]
mod pipeline;
#[cfg(feature = "wasm")]
mod smartmodule;
