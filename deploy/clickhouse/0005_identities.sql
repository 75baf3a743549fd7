-- Whose origins they are: the ledger remembers the event behind each of its offsets, so that an audit can tell a
-- row that a merge took, because an equal event came later, from one that was lost, without asking the stream:
-- it may have been made anew, or have evicted its records.

ALTER TABLE voc_origins ADD COLUMN IF NOT EXISTS identities
    Array(Tuple(origin_offset UInt64, tenant_id String, ts DateTime64(6, 'UTC'), event_id UUID))
    DEFAULT [] COMMENT 'of the events among the offsets; empty in entries that are older than this column'
    CODEC(ZSTD(1));

ALTER TABLE voc_origins_of_events MODIFY QUERY SELECT
    origin_stream,
    origin_partition,
    min(origin_offset) AS first_offset,
    max(origin_offset) AS last_offset,
    count() AS rows,
    groupBitmapState(origin_offset) AS offsets,
    groupArray((origin_offset, tenant_id, ts, event_id)) AS identities
FROM voc_events
GROUP BY origin_stream, origin_partition;
