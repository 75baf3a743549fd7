//! Serves a tenant's voice-of-customer analytics over HTTP.
//!
//! It reads what the connector wrote (`deploy/clickhouse/*.sql` is the contract between the two). All that
//! it writes there are requests for jobs, which a running connector carries out; and events, where it takes some, to
//! where a connector reads them. It never links Kafka or the connector, and `ingest` alone names Fluvio.

pub mod config;
pub mod server;

pub mod access;
pub mod cache;
pub mod live;
pub mod router;
pub mod routes;

pub mod ingest;

pub mod interval;
pub mod params;
pub mod query;

pub mod error;
pub mod metrics;
