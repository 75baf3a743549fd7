//! Serves a tenant's voice-of-customer analytics over HTTP.
//!
//! It reads what the connector wrote (`deploy/clickhouse/*.sql` is the contract between the two) and
//! writes nothing. It never links Kafka, Fluvio or the connector.

pub mod config;
pub mod server;

pub mod router;
pub mod routes;

pub mod params;
pub mod query;

pub mod error;
pub mod metrics;
