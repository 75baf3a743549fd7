use super::*;

#[test]
fn every_metric_moves_and_is_rendered_with_its_help() {
    let metrics = Metrics::new().unwrap();
    metrics.consumed(3, 300);
    metrics.processed(2);
    metrics.rejected("not_json", 1);
    metrics.batch_written(3, 0.02);
    metrics.insert_retried("network");
    metrics.origins_skipped(4);
    metrics.checkpoint("orders.ndjson", 0, 12);
    metrics.source_end("orders.ndjson", 0, 15);
    metrics.ready(true);
    let text = metrics.render();
    for line in [
        "voc_events_consumed_total 3",
        "voc_events_processed_total 2",
        "voc_events_rejected_total{code=\"not_json\"} 1",
        "voc_source_bytes_total 300",
        "voc_batch_process_seconds_count 1",
        "voc_batch_rows_sum 3",
        "voc_batches_written_total 1",
        "voc_insert_retries_total{class=\"network\"} 1",
        "voc_origins_skipped_total 4",
        "voc_checkpoint_next_offset{partition=\"0\",stream=\"orders.ndjson\"} 12",
        "voc_source_end_offset{partition=\"0\",stream=\"orders.ndjson\"} 15",
        "voc_pipeline_ready 1",
        "# HELP voc_events_consumed_total records read from the source",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
}

#[test]
fn a_partition_that_is_gone_leaves_no_gauge() {
    let metrics = Metrics::new().unwrap();
    metrics.checkpoint("voc.events", 1, 12);
    metrics.source_end("voc.events", 1, 15);
    metrics.forget("voc.events", 1);
    metrics.forget("voc.events", 2);
    assert!(!metrics.render().contains("voc.events"));
}

#[test]
fn a_clone_is_the_same_set() {
    let metrics = Metrics::new().unwrap();
    metrics.clone().processed(5);
    assert!(metrics.render().contains("voc_events_processed_total 5"));
}
