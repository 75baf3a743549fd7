-- Whose origins they are: the event behind each offset that was stored, so that an audit can tell a row that a merge
-- took, because an equal event came later, from one that was lost, without asking the stream: it may have been made
-- anew, or have evicted its records.
--
-- A table beside the ledger, not a column of it: a view whose query is changed repeats what it wrote before the server
-- was started again (seen in 26.7, with an insert that was repeated under its token), and the ledger would count twice.
-- Here a row that comes twice does not matter.

CREATE TABLE IF NOT EXISTS voc_identities
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    origin_offset    UInt64 CODEC(Delta, ZSTD(1)),
    tenant_id        String CODEC(ZSTD(1)),
    ts               DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id         UUID
)
ENGINE = ReplacingMergeTree
ORDER BY (origin_stream, origin_partition, origin_offset);

CREATE MATERIALIZED VIEW IF NOT EXISTS voc_identities_of_events TO voc_identities AS
SELECT origin_stream, origin_partition, origin_offset, tenant_id, ts, event_id
FROM voc_events;
