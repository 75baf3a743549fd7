-- The audit: which origins are stored, which are accounted for otherwise, and what was found when.

-- Origins that have no row any more, and rightly so: their event was sent again and one row took the place of
-- both, or it was erased on purpose. One row for every finding or erasure.
CREATE TABLE IF NOT EXISTS voc_accounted
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    first_offset     UInt64,
    last_offset      UInt64,
    rows             UInt64,
    offsets          AggregateFunction(groupBitmap, UInt64),
    reason           Enum8('replaced' = 1, 'erased' = 2),
    erasure_id       UUID COMMENT 'the erasure in voc_erasures; all zeros where it is none',
    written_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (origin_stream, origin_partition, first_offset);

-- What was erased, as it was asked for. A record of the stream that falls under it, and lies before what it
-- erased, is not brought back.
CREATE TABLE IF NOT EXISTS voc_erasures
(
    erasure_id UUID,
    tenant_id  String COMMENT 'empty: of every tenant',
    event_id   Nullable(UUID) COMMENT 'NULL: every event',
    before     Nullable(DateTime64(6, 'UTC')) COMMENT 'only events before this time; NULL: of any time',
    reason     String,
    erased_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (tenant_id, erased_at);

-- What each audit found: one row for every partition. Counts are of offsets.
CREATE TABLE IF NOT EXISTS voc_audits
(
    audit_id         UUID,
    audited_at       DateTime64(3, 'UTC'),
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    to_offset        UInt64 COMMENT 'the offset after the last, where the checkpoint stood',
    expected         UInt64,
    stored           UInt64,
    gaps             UInt64,
    replaced         UInt64,
    erased           UInt64,
    missing          UInt64 COMMENT 'neither stored nor accounted for',
    doubled          UInt64 COMMENT 'stored, or in the ledger, more than once',
    unledgered       UInt64 COMMENT 'stored, and not in the ledger',
    findings         String COMMENT 'JSON: runs of offsets with what is wrong with them, the first 1,000'
)
ENGINE = MergeTree
ORDER BY (audited_at, origin_stream, origin_partition)
TTL toDateTime(audited_at) + INTERVAL 90 DAY;
