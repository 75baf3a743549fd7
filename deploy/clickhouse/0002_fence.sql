-- One writer per partition. Who takes a partition claims an epoch above all before; from then on the
-- tables refuse rows of earlier writers, however late they wake up, with error 469 and the name `fence`.

-- The claims, kept as the history of who wrote when.
CREATE TABLE IF NOT EXISTS voc_fence_claims
(
    origin_stream    LowCardinality(String),
    origin_partition UInt32,
    epoch            UInt32,
    owner            UUID COMMENT 'of one taking over, so that two at once are told apart',
    claimed_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (origin_stream, origin_partition, epoch);

-- The epoch of each partition's writer, as inserts look it up. A Join table is not replicated: on a
-- cluster of ClickHouse servers, put a dictionary over voc_fence_claims in its place.
CREATE TABLE IF NOT EXISTS voc_fence
(
    origin_stream    String,
    origin_partition UInt32,
    epoch            UInt32
)
ENGINE = Join(ANY, LEFT, origin_stream, origin_partition)
SETTINGS join_any_take_last_row = 1;

ALTER TABLE voc_events ADD CONSTRAINT IF NOT EXISTS fence
    CHECK writer_epoch >= joinGet({{fence}}, 'epoch', toString(origin_stream), origin_partition);

ALTER TABLE voc_dead_letters ADD CONSTRAINT IF NOT EXISTS fence
    CHECK writer_epoch >= joinGet({{fence}}, 'epoch', toString(origin_stream), origin_partition);
