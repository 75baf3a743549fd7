"""Opens an export with pandas, holds its columns to types, and prints its rows as NDJSON."""

import json
import math
import sys

import pandas
import pyarrow

TIMES = {"start", "timestamp", "processed_at", "replayed_at"}
READ = {
    "csv": lambda path: pandas.read_csv(path, keep_default_na=False, na_values=[""]),
    "ndjson": lambda path: pandas.read_json(path, lines=True, convert_dates=False, dtype=False),
    "parquet": pandas.read_parquet,
    "arrow": lambda path: pyarrow.ipc.open_stream(path).read_pandas(),
}


def times_of(frame):
    """A summary's periods are moments, a distribution's bins are not."""
    return TIMES | ({"from", "to"} if "period" in frame.columns else set())


def check(frame):
    """In Parquet and Arrow a moment is one, in UTC; a text is a text, a number a number."""
    for name, kind in frame.dtypes.items():
        assert not isinstance(kind, pandas.CategoricalDtype), (name, kind)
        if name in times_of(frame):
            assert isinstance(kind, pandas.DatetimeTZDtype) and str(kind.tz) == "UTC", (name, kind)
        elif name in {"events", "scored", "of", "value", "sentiment", "mean", "lower", "top"}:
            assert pandas.api.types.is_numeric_dtype(kind), (name, kind)
        elif name == "unclear":
            assert kind == bool, kind
        elif name in {"event_id", "text", "payload", "agent", "group", "period"}:
            assert pandas.api.types.is_string_dtype(kind), (name, kind)


def plain(name, value, format):
    """As JSON has it."""
    if value is None or value is pandas.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pandas.Timestamp):
        return value.isoformat()
    if format == "csv" and isinstance(value, str) and name not in {"payload", "explanation"}:
        return value.removeprefix("'")
    return value.item() if hasattr(value, "item") else value


def main(format, path):
    frame = READ[format](path)
    if format in {"parquet", "arrow"}:
        check(frame)
    for row in frame.to_dict("records"):
        print(json.dumps({name: plain(name, value, format) for name, value in row.items()}, allow_nan=False))


main(*sys.argv[1:])
