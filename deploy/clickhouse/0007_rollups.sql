-- Rollups: what the API answers from, so that a question about a year reads hours and not events.
--
-- An hour's rollups are computed anew from its events, never added to: so events that are late, repeated, replayed or
-- erased leave them exact. voc_rollup_hours says which hours have changed since; those are read from the events.

-- What one event adds to a rollup: its dimensions (NULL where it has none), and one count, sum and list for each measure.
-- Fields of the payload count only in the types of events whose contract has them: in another type a field of the same
-- name is nobody's. Read it with allow_simdjson = 0: the faster of the two JSON readers gives nothing at all for a payload
-- that has, at any place, a whole number of more than 64 bits.
CREATE VIEW IF NOT EXISTS voc_facts AS
WITH
    JSONExtract(payload, 'Tuple(channel Nullable(String), direction Nullable(String), agent_id Nullable(String),
        action Nullable(String), tool Nullable(String), metric Nullable(String), unit Nullable(String),
        duration_ms Nullable(Float64), success Nullable(Bool), latency_ms Nullable(Float64),
        value Nullable(Float64))') AS fields,
    -- The keyword rules give no label.
    if(sentiment_label = '', sentiment < 0, sentiment_label = 'negative') AS is_negative,
    if(event_type IN ('call', 'agent_action'), fields.duration_ms, NULL) AS duration,
    if(event_type = 'tool_invocation', toFloat64(fields.success), NULL) AS success,
    if(event_type = 'tool_invocation', fields.latency_ms, NULL) AS latency,
    if(event_type = 'qos_metric', fields.value, NULL) AS qos
SELECT
    tenant_id,
    ts,
    event_id,
    event_type,
    sentiment,
    payload,
    processed_at,
    sentiment_unclear,
    sentiment_explanation,
    annotation_version,
    if(event_type = 'call', fields.channel, NULL) AS channel,
    if(event_type = 'call', fields.direction, NULL) AS direction,
    if(event_type IN ('call', 'agent_action', 'tool_invocation'), fields.agent_id, NULL) AS agent,
    nullIf(toString(sentiment_language), '') AS language,
    if(event_type = 'call', nullIf(toString(sentiment_label), ''), NULL) AS label,
    if(event_type = 'agent_action', fields.action, NULL) AS action,
    if(event_type = 'tool_invocation', fields.tool, NULL) AS tool,
    if(event_type = 'qos_metric', fields.metric, NULL) AS qos_metric,
    if(event_type = 'qos_metric', ifNull(fields.unit, ''), '') AS unit,
    toUInt64(1) AS events,
    toUInt64(isNotNull(sentiment)) AS sentiment_count,
    ifNull(sentiment, 0) AS sentiment_sum,
    arrayFilter(x -> isNotNull(x), [sentiment])::Array(Float64) AS sentiment_values,
    toFloat64(isNotNull(sentiment) AND ifNull(is_negative, 0)) AS negative_sum,
    toUInt64(ifNull(label = 'negative', 0)) AS label_negative,
    toUInt64(ifNull(label = 'neutral', 0)) AS label_neutral,
    toUInt64(ifNull(label = 'positive', 0)) AS label_positive,
    toUInt64(ifNull(label = 'unclear', 0)) AS label_unclear,
    toUInt64(ifNull(label = 'no_signal', 0)) AS label_no_signal,
    toUInt64(isNotNull(duration)) AS duration_count,
    ifNull(duration, 0) AS duration_sum,
    arrayFilter(x -> isNotNull(x), [duration])::Array(Float64) AS duration_values,
    toUInt64(isNotNull(success)) AS success_count,
    ifNull(success, 0) AS success_sum,
    toUInt64(isNotNull(latency)) AS latency_count,
    ifNull(latency, 0) AS latency_sum,
    arrayFilter(x -> isNotNull(x), [latency])::Array(Float64) AS latency_values,
    toUInt64(isNotNull(qos)) AS qos_count,
    ifNull(qos, 0) AS qos_sum,
    arrayFilter(x -> isNotNull(x), [qos])::Array(Float64) AS qos_values,
    arrayFilter(x -> isNotNull(x), [agent])::Array(String) AS agents
FROM voc_events FINAL;

-- The rollups. One dimension at a time beside the type of the event, not one product of all: a question that names two
-- is answered from the events. What an hour had in one computation and has no more in the next stays as a row of 0 events.
CREATE TABLE IF NOT EXISTS voc_rollups
(
    tenant_id        String,
    dimension        LowCardinality(String) COMMENT 'by what, beside the type; `type` for by nothing else',
    hour             DateTime('UTC')        COMMENT 'where it begins',
    event_type       LowCardinality(String),
    key              String                 COMMENT 'the value of the dimension; events that have none are not here',
    unit             LowCardinality(String) COMMENT 'of a measurement of the quality of service; else empty',
    computed_at      DateTime64(6, 'UTC')   COMMENT 'which computation it belongs to',
    is_changed       Bool                   COMMENT 'of a mark (see voc_rollups_of_hours): the hour has changed since',
    events           UInt64,
    sentiment_count  UInt64                 COMMENT 'events that have a score',
    sentiment_sum    Float64,
    sentiment_values Array(Float64)         COMMENT 'each of them, ascending: quantiles stay exact' CODEC(ZSTD(1)),
    negative_sum     Float64                COMMENT 'how many of those with a score are negative',
    label_negative   UInt64                 COMMENT 'calls by the label of their sentiment',
    label_neutral    UInt64,
    label_positive   UInt64,
    label_unclear    UInt64,
    label_no_signal  UInt64,
    duration_count   UInt64                 COMMENT 'calls and actions with a duration',
    duration_sum     Float64                COMMENT 'milliseconds',
    duration_values  Array(Float64) CODEC(ZSTD(1)),
    success_count    UInt64                 COMMENT 'invocations that say whether they succeeded',
    success_sum      Float64                COMMENT 'how many of them did',
    latency_count    UInt64                 COMMENT 'invocations that say how long they took',
    latency_sum      Float64                COMMENT 'milliseconds',
    latency_values   Array(Float64) CODEC(ZSTD(1)),
    qos_count        UInt64                 COMMENT 'measurements',
    qos_sum          Float64,
    qos_values       Array(Float64) CODEC(ZSTD(1)),
    agents           Array(String)          COMMENT 'whose events they are, each once' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(computed_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant_id, dimension, hour, event_type, key, unit)
-- A question reads many columns of few rows: so their values lie side by side in one file, in small steps.
SETTINGS index_granularity = 1024, min_bytes_for_wide_part = 10000000000, min_rows_for_wide_part = 100000000;

-- A table from before that takes what it can.
ALTER TABLE voc_rollups MODIFY SETTING min_bytes_for_wide_part = 10000000000, min_rows_for_wide_part = 100000000;

-- What a summary adds up, side by side: with one column of nine numbers its statement takes a sixth less than with nine.
ALTER TABLE voc_rollups ADD COLUMN IF NOT EXISTS totals Array(Float64) MATERIALIZED [events, sentiment_count, sentiment_sum,
    negative_sum, label_negative, label_neutral, label_positive, label_unclear, label_no_signal];

-- What the rollups of an hour are, from its events. The dimension sets are listed here. A DateTime ends in 2106; the API
-- asks about no time beyond.
CREATE VIEW IF NOT EXISTS voc_rollups_of_facts AS
SELECT
    tenant_id,
    pair.1 AS dimension,
    toStartOfHour(ts) AS hour,
    event_type,
    assumeNotNull(pair.2) AS key,
    unit,
    sum(events) AS events,
    sum(sentiment_count) AS sentiment_count,
    sum(sentiment_sum) AS sentiment_sum,
    arraySort(groupArrayArray(sentiment_values)) AS sentiment_values,
    sum(negative_sum) AS negative_sum,
    sum(label_negative) AS label_negative,
    sum(label_neutral) AS label_neutral,
    sum(label_positive) AS label_positive,
    sum(label_unclear) AS label_unclear,
    sum(label_no_signal) AS label_no_signal,
    sum(duration_count) AS duration_count,
    sum(duration_sum) AS duration_sum,
    arraySort(groupArrayArray(duration_values)) AS duration_values,
    sum(success_count) AS success_count,
    sum(success_sum) AS success_sum,
    sum(latency_count) AS latency_count,
    sum(latency_sum) AS latency_sum,
    arraySort(groupArrayArray(latency_values)) AS latency_values,
    sum(qos_count) AS qos_count,
    sum(qos_sum) AS qos_sum,
    arraySort(groupArrayArray(qos_values)) AS qos_values,
    arraySort(groupUniqArrayArray(agents)) AS agents
FROM voc_facts
ARRAY JOIN arrayFilter(pair -> isNotNull(pair.2), [
    ('type', toNullable('')), ('channel', channel), ('direction', direction), ('agent', agent), ('language', language),
    ('label', label), ('action', action), ('tool', tool), ('qos_metric', qos_metric)]) AS pair
WHERE ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
GROUP BY tenant_id, dimension, hour, event_type, key, unit;

-- The state of each hour: when an event of it was last inserted or erased, and up to when its rollups know of that.
-- Where computed_at lies above touched_at they hold. They are computed a while after the last touch, so that an insert
-- that is still on its way, and touched the hour before its rows could be seen, is not missed.
CREATE TABLE IF NOT EXISTS voc_rollup_hours
(
    tenant_id   String,
    hour        DateTime('UTC'),
    touched_at  SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    computed_at SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    frozen_at   SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'its events are gone by age: the rollups stay as they are; 1970 where they are not'
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant_id, hour);

CREATE MATERIALIZED VIEW IF NOT EXISTS voc_rollup_hours_of_events TO voc_rollup_hours AS
SELECT tenant_id, toStartOfHour(ts) AS hour, now64(6) AS touched_at
FROM voc_events
WHERE ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
GROUP BY tenant_id, hour;

-- The same as marks among the rollups, one for each dimension, without type and key: so the statement that reads whole hours
-- sees at once which of them have changed, and where none has, needs no other. Nothing comes after the mark of a frozen one.
CREATE MATERIALIZED VIEW IF NOT EXISTS voc_rollups_of_hours TO voc_rollups AS
SELECT
    tenant_id,
    arrayJoin(['type', 'channel', 'direction', 'agent', 'language', 'label', 'action', 'tool', 'qos_metric']) AS dimension,
    hour,
    if(is_frozen, toDateTime64('2200-01-01 00:00:00', 6, 'UTC'), greatest(state.touched_at, state.computed_at)) AS computed_at,
    NOT is_frozen AND state.touched_at > state.computed_at AS is_changed
FROM (SELECT *, frozen_at > toDateTime64(0, 6, 'UTC') AS is_frozen FROM voc_rollup_hours) AS state;

-- Hours from before there were rollups. In one part, so that they are all there or none of them.
INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at)
SELECT tenant_id, toStartOfHour(ts) AS hour, now64(6)
FROM voc_events
WHERE ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
    AND (SELECT count() FROM voc_rollup_hours) = 0
GROUP BY tenant_id, hour
SETTINGS min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 100000000000;

-- Which connector computes rollups: of those that have reported in the last minute, the one that began first.
CREATE TABLE IF NOT EXISTS voc_rollup_leases
(
    owner       UUID,
    since       DateTime64(6, 'UTC'),
    reported_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(reported_at)
ORDER BY owner
TTL toDateTime(reported_at) + INTERVAL 1 DAY;

-- Events that came after their hour was frozen, counted when they were removed.
CREATE TABLE IF NOT EXISTS voc_late_events
(
    tenant_id  String,
    hour       DateTime('UTC'),
    erasure_id UUID COMMENT 'the erasure in voc_erasures that removed them',
    events     UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant_id, hour, erasure_id);
