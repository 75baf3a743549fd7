-- The contract between the writer (connector/) and the reader (api/). Append-only: a change is a new
-- numbered file. The connector runs every file at start, in order; each statement holds on a database
-- that has it already.
--
-- {{partition_by}} is chosen once, when voc_events is created (Connector.yaml, clickhouse.partition_by).
-- A deduplication window makes the server remember insert tokens, so that a retry after an unknown
-- outcome writes only what is missing. It counts partition blocks, not inserts.

-- Accepted events. One row for every origin; with FINAL, one row for every event, whose identity is
-- (tenant_id, ts, event_id).
CREATE TABLE IF NOT EXISTS voc_events
(
    event_id         UUID,
    tenant_id        String,
    ts               DateTime64(6, 'UTC') COMMENT 'the event''s own time; digits finer than a microsecond are cut',
    event_type       LowCardinality(String),
    schema_version   UInt16,
    sentiment        Nullable(Float64)    COMMENT 'NULL where the event has no text',
    payload          String               COMMENT 'the event as it was sent, byte for byte',
    processed_at     DateTime64(3, 'UTC') COMMENT 'when the connector read the record',
    origin_stream    LowCardinality(String) COMMENT 'stream name and generation: name#generation',
    origin_partition UInt32,
    origin_offset    UInt64,
    source_topic     LowCardinality(String) COMMENT 'Kafka topic, empty where the record did not come from Kafka',
    source_partition UInt32,
    source_offset    UInt64,
    version          UInt64               COMMENT 'version of the annotation (upper 32 bits), then writer epoch',
    writer_epoch     UInt32,
    INDEX origin_offset_range origin_offset TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY {{partition_by}}
ORDER BY (tenant_id, ts, event_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- Rejected records with their reason and their original bytes, open to replay.
CREATE TABLE IF NOT EXISTS voc_dead_letters
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    origin_offset    UInt64,
    tenant_id        String               COMMENT 'empty where it is not known',
    code             LowCardinality(String),
    field            String               COMMENT 'empty where the record as a whole is at fault',
    message          String,
    original         String               COMMENT 'the record as it was sent, byte for byte',
    processed_at     DateTime64(3, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    replay_state     Enum8('open' = 0, 'replayed' = 1, 'purged' = 2),
    replayed_at      Nullable(DateTime64(3, 'UTC')),
    version          UInt64,
    writer_epoch     UInt32
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (origin_stream, origin_partition, origin_offset)
SETTINGS non_replicated_deduplication_window = 10000;

-- The ledger: which origins are stored. One row for every block that was inserted, so an origin that
-- was stored twice shows as more rows than distinct offsets. It remembers what voc_events forgets when
-- an event that was sent twice is merged into one.
CREATE TABLE IF NOT EXISTS voc_origins
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    first_offset     UInt64,
    last_offset      UInt64,
    rows             UInt64,
    offsets          AggregateFunction(groupBitmap, UInt64)
)
ENGINE = MergeTree
ORDER BY (origin_stream, origin_partition, first_offset)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS voc_origins_of_events TO voc_origins AS
SELECT
    origin_stream,
    origin_partition,
    min(origin_offset) AS first_offset,
    max(origin_offset) AS last_offset,
    count() AS rows,
    groupBitmapState(origin_offset) AS offsets
FROM voc_events
GROUP BY origin_stream, origin_partition;

CREATE MATERIALIZED VIEW IF NOT EXISTS voc_origins_of_dead_letters TO voc_origins AS
SELECT
    origin_stream,
    origin_partition,
    min(origin_offset) AS first_offset,
    max(origin_offset) AS last_offset,
    count() AS rows,
    groupBitmapState(origin_offset) AS offsets
FROM voc_dead_letters
WHERE replay_state = 'open'
GROUP BY origin_stream, origin_partition;

-- Where to go on: every origin below next_offset is stored. Written after both inserts of a batch.
CREATE TABLE IF NOT EXISTS voc_checkpoints
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    next_offset      UInt64,
    bookmark         String COMMENT 'what the source needs to go on there and to know its stream again',
    written_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (origin_stream, origin_partition);

-- The incarnations of a stream: a topic or file that was made anew begins a generation.
CREATE TABLE IF NOT EXISTS voc_generations
(
    stream     LowCardinality(String),
    generation UInt32,
    reason     String,
    started_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (stream, generation);

-- Offsets that will never be stored, and why.
CREATE TABLE IF NOT EXISTS voc_gaps
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    first_offset     UInt64,
    last_offset      UInt64,
    reason           LowCardinality(String),
    found_at         DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (origin_stream, origin_partition, first_offset, last_offset);

-- Later annotations of stored events (another model, another version), never an overwrite.
CREATE TABLE IF NOT EXISTS voc_annotations
(
    tenant_id  String,
    ts         DateTime64(6, 'UTC'),
    event_id   UUID,
    annotator  LowCardinality(String),
    version    UInt32,
    sentiment  Nullable(Float64),
    annotation String COMMENT 'JSON',
    created_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(created_at)
ORDER BY (tenant_id, ts, event_id, annotator, version);

-- The same event id with different times: stored, and to be looked at.
CREATE VIEW IF NOT EXISTS voc_conflicts AS
SELECT tenant_id, event_id, uniqExact(ts) AS times, min(ts) AS first_ts, max(ts) AS last_ts
FROM voc_events
GROUP BY tenant_id, event_id
HAVING times > 1;
