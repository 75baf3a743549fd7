//! The connector's pipeline. It reads like the data flows:
//!
//! ```text
//! config ─▶ source ─▶ transform ─▶ batch ─▶ sink        pipeline puts them together,
//!           (file,    (the         (pure)   (ClickHouse) writer runs the second half
//!            kafka)    SmartModule)
//! ```
//!
//! with `mirror` (Kafka ─▶ Fluvio) as a second leg, `dead_letters` that come back, `rollups` of what is stored, and `retry`,
//! `metrics`, `monitoring` and `check` beside them. Fluvio is named in `transform` and `cluster` alone, rdkafka in
//! `source::kafka`, axum in `monitoring`. The words of what a source tells are in `stream`. Nothing is acknowledged
//! before it is where it belongs.

pub mod annotate;
pub mod audit;
pub mod batch;
pub mod check;
pub mod cluster;
pub mod config;
pub mod dead_letters;
pub mod layers;
pub mod metrics;
pub mod mirror;
pub mod monitoring;
pub mod options;
pub mod pipeline;
pub mod retry;
pub mod rollups;
pub mod sink;
pub mod source;
pub mod stream;
pub mod transform;
pub mod writer;
