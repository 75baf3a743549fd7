//! Validates and annotates customer events: the event contract and the pure transform.
//!
//! A record goes through the files in this order:
//!
//! ```text
//! transform  ─▶ document (json) ─▶ validate (contract, timestamp) ─▶ sentiment ─▶ envelope
//!                                     └─ rejection ───────────────────────────────▶┘
//! ```
//!
//! One record in, one envelope out: never an error, never a filter (the README says why). There is no
//! I/O here, no async and no clock; the same code runs natively, for tests and benchmarks, and as the
//! SmartModule. Only `guest` names Fluvio, and it exists only on wasm32.

pub mod append;
pub mod contract;
pub mod document;
pub mod envelope;
pub mod json;
pub mod params;
pub mod rejection;
pub mod sentiment;
pub mod timestamp;
pub mod transform;
pub mod validate;
pub mod wire;

#[cfg(target_arch = "wasm32")]
mod guest;
