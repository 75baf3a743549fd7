-- Dead letters that come back: a state for those that were tried in vain, what came of each attempt, and
-- the jobs that replay or purge them.
--
-- A letter that passes is stored in voc_events under the stream `replay:` and its own, with its own
-- partition and offset: so the ledger has it once there, while its first origin stays accounted for by
-- the letter. Then the letter's row is written again as `replayed`, in a version above.

-- Not `open` again, because each open row counts in the ledger.
ALTER TABLE voc_dead_letters
    MODIFY COLUMN replay_state Enum8('open' = 0, 'replayed' = 1, 'purged' = 2, 'failed_again' = 3);

-- What came of each attempt: one row for a letter and job, however often the job was taken up.
CREATE TABLE IF NOT EXISTS voc_replays
(
    origin_stream    LowCardinality(String) COMMENT 'the letter''s own origin',
    origin_partition UInt32,
    origin_offset    UInt64,
    job              UUID,
    attempted_at     DateTime64(3, 'UTC') DEFAULT now64(3),
    outcome          Enum8('passed' = 0, 'failed_again' = 1),
    previous_code    LowCardinality(String) COMMENT 'what was wrong with it before',
    previous_field   String,
    previous_message String,
    code             LowCardinality(String) COMMENT 'what is wrong with it now, empty where it passed',
    field            String,
    message          String,
    smartmodule      String COMMENT 'the first 16 digits of the SHA-256 of the .wasm that judged it',
    params           String COMMENT 'its params, JSON'
)
ENGINE = ReplacingMergeTree(attempted_at)
ORDER BY (origin_stream, origin_partition, origin_offset, job);

-- Jobs. Whoever wants one inserts it as `requested`; a connector takes it up and reports here. A running
-- job that nobody has reported on for a minute may be taken up by another.
CREATE TABLE IF NOT EXISTS voc_replay_jobs
(
    id               UUID,
    kind             Enum8('replay' = 0, 'purge' = 1),
    tenant_id        Nullable(String) COMMENT 'what is selected; NULL is any',
    code             Nullable(String),
    origin_stream    Nullable(String),
    origin_partition Nullable(UInt32),
    origin_offset    Nullable(UInt64),
    requested_at     DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'letters that came later are not meant',
    requested_by     LowCardinality(String) COMMENT 'api or command line',
    state            Enum8('requested' = 0, 'running' = 1, 'done' = 2, 'failed' = 3) DEFAULT 'requested',
    runner           String DEFAULT '' COMMENT 'who runs it',
    total            UInt64 DEFAULT 0 COMMENT 'letters that were selected at the start',
    done             UInt64 DEFAULT 0,
    passed           UInt64 DEFAULT 0 COMMENT 'stored, or for a purge: emptied',
    failed_again     UInt64 DEFAULT 0,
    last_stream      String DEFAULT '' COMMENT 'everything up to this origin is done',
    last_partition   UInt32 DEFAULT 0,
    last_offset      UInt64 DEFAULT 0,
    message          String DEFAULT '' COMMENT 'why it failed',
    updated_at       DateTime64(3, 'UTC') DEFAULT now64(3),
    version          UInt64 DEFAULT 0
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id;
