//! Serves a tenant's voice-of-customer analytics over HTTP.
//!
//! It reads what the connector wrote (`deploy/clickhouse/*.sql` is the contract between the two). All that
//! it writes are requests for jobs, which a running connector carries out. It never links Kafka, Fluvio or the connector.

pub mod config;
pub mod server;

pub mod access;
pub mod openapi;
pub mod router;
pub mod routes;

pub mod interval;
pub mod params;
pub mod query;

pub mod error;
pub mod metrics;
