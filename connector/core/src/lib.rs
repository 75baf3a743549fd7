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

pub mod config;
pub mod source;
pub mod transform;
pub mod batch;
pub mod sink;
pub mod writer;
pub mod pipeline;
pub mod annotate;
pub mod retry;
pub mod metrics;
pub mod monitoring;
