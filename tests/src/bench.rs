//! Benchmarks: rates side by side in one run, because only their ratios outlive the machine.

pub mod api;
pub mod cluster;
pub mod delivery;
pub mod engine;
pub mod outage;
pub mod pipeline;
pub mod report;
