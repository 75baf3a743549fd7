-- What merges cost. An insert of many tenants makes a part in each bucket, and rows are wide: so merging took as much
-- processor time as inserting.

-- Merged column by column from the first row on: the key is compared once, and the other columns are copied in runs.
-- Not fewer merges: a question to the rows meets every part that is left.
ALTER TABLE voc_events MODIFY SETTING
    vertical_merge_algorithm_min_rows_to_activate = 1,
    vertical_merge_algorithm_min_columns_to_activate = 1;
