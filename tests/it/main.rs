//! Runs the real binaries against the real services. The features `wasm`, `stack`, `python`, `kafka`
//! and `cluster` switch the tests on, as `cargo xtask test` does where the machine has what they need; with a
//! feature on, what is missing is a failure that names the command which provides it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "wasm")]
mod annotate;
#[cfg(feature = "stack")]
mod api;
#[cfg(feature = "stack")]
mod audit;
#[cfg(feature = "stack")]
mod check;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "stack")]
mod conventions;
#[cfg(feature = "stack")]
mod dashboards;
#[cfg(feature = "stack")]
mod dead_letters;
#[cfg(feature = "stack")]
mod delivery;
#[cfg(feature = "stack")]
mod event_block;
#[cfg(feature = "stack")]
mod faults;
#[cfg(feature = "stack")]
mod fence;
#[cfg(feature = "stack")]
mod follow;
#[cfg(feature = "stack")]
mod ingest;
#[cfg(feature = "stack")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_live;
#[cfg(feature = "kafka")]
mod kafka_topics;
#[cfg(feature = "stack")]
mod limits;
#[cfg(feature = "stack")]
mod lost_answer;
#[cfg(feature = "python")]
mod openapi;
#[cfg(feature = "stack")]
mod outage;
#[cfg(feature = "stack")]
mod pipeline;
#[cfg(feature = "stack")]
mod resources;
#[cfg(feature = "kafka")]
mod services;
#[cfg(feature = "wasm")]
mod smartmodule;
