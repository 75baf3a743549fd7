//! Runs the real binaries against the real services, and asserts the architecture

pub mod bench;
pub mod chaos;
pub mod expect;
pub mod generate;
pub mod harness;
