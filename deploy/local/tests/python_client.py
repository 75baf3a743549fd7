"""What clickhouse-connect is expected to do with the server, one function for each test."""

import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

TABLES = Path(__file__).parents[2] / "clickhouse" / "0001_tables.sql"


def statements():
    """The statements of our tables, comments left out."""
    lines = [line for line in TABLES.read_text().splitlines() if not line.strip().startswith("--")]
    text = "\n".join(lines).replace("{{partition_by}}", "(cityHash64(tenant_id) % 16, toYYYYMM(ts))")
    return [statement.strip() for statement in text.split(";\n") if statement.strip(" ;\n")]


def client(**options):
    return clickhouse_connect.get_client(host="127.0.0.1", port=int(sys.argv[2]), **options)


def types_of_our_tables():
    c = client()
    for statement in statements():
        c.command(statement.rstrip(";"))
    now = datetime.now(timezone.utc).replace(microsecond=123456)
    columns = ["event_id", "tenant_id", "ts", "event_type", "schema_version", "sentiment", "payload", "processed_at",
               "origin_stream", "origin_partition", "origin_offset", "source_topic", "source_partition",
               "source_offset", "version", "writer_epoch"]
    rows = [
        [uuid.uuid4(), f"tenant-{n % 3}", now + timedelta(seconds=n), "call", 1, None if n % 2 else -0.5,
         '{"text":"não feliz \U0001f600"}', now.replace(microsecond=123000), "voc#1", 0, n, "", 0, 0, 1, 1]
        for n in range(20_000)
    ]
    token = {"insert_deduplication_token": "one", "deduplicate_blocks_in_dependent_materialized_views": 1,
             "async_insert": 0, "max_partitions_per_insert_block": 0}
    for _ in range(2):
        c.insert("voc_events", rows, column_names=columns, settings=token)
    stored = c.query("SELECT * FROM voc_events ORDER BY origin_offset")
    assert list(stored.column_names) == columns, stored.column_names
    utc = lambda value: value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value
    assert [[utc(value) for value in row] for row in stored.result_rows] == rows
    ledger = c.query("SELECT sum(rows), groupBitmapMerge(offsets) FROM voc_origins").result_rows
    assert ledger == [(20_000, 20_000)], ledger
    letter = ["voc#1", 0, 7, "", "not_json", "", "what it is", "{", now, "", 0, 0, "open", None, 1, 1]
    c.insert("voc_dead_letters", [letter])
    back = c.query("SELECT replay_state, replayed_at, original FROM voc_dead_letters").result_rows
    assert back == [("open", None, "{")], back
    bound = c.query("SELECT count() FROM voc_events WHERE tenant_id = {tenant:String}", parameters={"tenant": "tenant-1"})
    assert bound.result_rows == [(6_667,)], bound.result_rows


def compressions():
    c = client()
    c.command("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    for number, compress in enumerate([False, "gzip", "lz4", True]):
        c = client(compress=compress)
        c.insert("t", [[n, "x" * 100] for n in range(10_000)], column_names=["n", "s"])
        rows = c.query("SELECT n, s FROM t").result_rows
        assert len(rows) == 10_000 * (number + 1), (compress, len(rows))


def exceptions():
    c = client()
    try:
        c.query("SELECT * FROM nowhere")
        raise SystemExit("no exception")
    except DatabaseError as error:
        assert "Code: 60. DB::Exception" in str(error), error
    for query in [c.query, c.command, c.raw_query]:
        try:
            query("SELECT throwIf(number = 9000) FROM numbers(10000)")
            raise SystemExit("no exception")
        except DatabaseError as error:
            assert "395" in str(error), error
    try:
        with c.query_rows_stream("SELECT number, throwIf(number = 9000000) FROM numbers(10000000)") as rows:
            count = sum(1 for _ in rows)
        raise SystemExit(f"no exception after {count} rows")
    except StreamFailureError as error:
        assert "Code: 395" in str(error), error
    assert c.query("SELECT 1").result_rows == [(1,)]


def sessions():
    with_session = client()
    with_session.command("CREATE TEMPORARY TABLE mine (n UInt8)")
    with_session.insert("mine", [[1]], column_names=["n"])
    assert with_session.query("SELECT n FROM mine").result_rows == [(1,)]
    without = client(autogenerate_session_id=False, settings={"max_threads": 1})
    assert without.query("SELECT getSetting('max_threads')").result_rows == [(1,)]
    try:
        without.query("SELECT n FROM mine")
        raise SystemExit("another client sees a temporary table")
    except DatabaseError:
        pass


globals()[sys.argv[1]]()
