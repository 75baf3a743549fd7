//! One file per resource: parameters, response, handler.

pub mod health;
pub mod metrics;
pub mod summary;
