//! One file per resource: parameters, response, handler.

pub mod audit;
pub mod dead_letter_jobs;
pub mod dead_letters;
pub mod health;
pub mod metrics;
pub mod summary;
