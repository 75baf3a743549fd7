//! On a real Fluvio cluster, fed by a real Kafka.

mod check;
mod gaps;
mod ingest;
mod mirror;
mod pipeline;
mod rig;
mod shards;
