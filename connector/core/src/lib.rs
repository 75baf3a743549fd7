//! The connector's pipeline. It reads like the data flows:
//!
//! ```text
//! config ─▶ source ─▶ transform ─▶ batch ─▶ sink        pipeline puts them together,
//!           (file,    (the         (pure)   (ClickHouse) writer runs the second half
//!            kafka)    SmartModule)
//! ```
//!
//! with `retry`, `metrics` and `monitoring` beside them. Fluvio is named in `transform` alone, rdkafka
//! in `source::kafka`, axum in `monitoring`. Nothing is acknowledged before ClickHouse has it.

pub mod annotate;
pub mod batch;
pub mod config;
pub mod metrics;
pub mod monitoring;
pub mod pipeline;
pub mod retry;
pub mod sink;
pub mod source;
pub mod transform;
pub mod writer;
