-- The annotation beside its score: what it says, how sure it is, in which language, and why. Rows from before have
-- the score alone.

ALTER TABLE voc_events
    ADD COLUMN IF NOT EXISTS sentiment_label LowCardinality(String)
    COMMENT 'negative, neutral, positive, unclear or no_signal; empty where the keyword rules made the score'
    AFTER sentiment;

ALTER TABLE voc_events
    ADD COLUMN IF NOT EXISTS sentiment_unclear Bool
    COMMENT 'the score lies in the band where its sign is not to be trusted'
    AFTER sentiment_label;

ALTER TABLE voc_events
    ADD COLUMN IF NOT EXISTS sentiment_language LowCardinality(String)
    COMMENT 'in which the text was read: en, pt; empty where there is none'
    AFTER sentiment_unclear;

ALTER TABLE voc_events
    ADD COLUMN IF NOT EXISTS sentiment_explanation String
    COMMENT 'JSON: probabilities, the strongest tokens with their contributions, the course of the conversation'
    CODEC(ZSTD(1)) AFTER sentiment_language;

ALTER TABLE voc_events
    ADD COLUMN IF NOT EXISTS annotation_version UInt32 DEFAULT bitShiftRight(version, 32)
    COMMENT '1: the keyword rules; 2: lexicon and model' AFTER sentiment_explanation;
