"""Features as a data frame, with the types of the mart's contract."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pyarrow as pa

from features.errors import FeatureError
from features.read import batches, extent
from features.request import Moment, Request, moment, request
from flows.past import Mart, build, named_mart, pinned, standing_mart
from ingestion.config import Settings

Format = Literal["pandas", "polars", "arrow"]
FORMATS = ("pandas", "polars", "arrow")


def get_features(
    symbols: str | Sequence[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    *,
    as_of: Moment = None,
    loaded_as_of: Moment = None,
    build_name: str = "",
    columns: str | Sequence[str] | None = None,
    format: Format = "pandas",
    settings: Settings | None = None,
) -> Any:
    """Return rows of the mart, by symbol and hour.

    Without a moment the standing mart is read, which costs as much as its rows. With one, the mart
    of that state is built first where it does not stand yet: a full build of the symbols asked
    for, kept under `CFW_DATA_DIR`/past (DuckDB) or in schemas of its own (server) and read again
    by the next call with the same moment (`cfw builds` lists them).

    Args:
        symbols: e.g. `["BTC", "ETH"]` or `"BTC,ETH"`; None: all.
        start: first opening hour; a date, an aware time, or ISO 8601 text. None: from the first.
        end: opening hour at which to stop, itself excluded.
        as_of: rows as they could be known then.
        loaded_as_of: rows from what the warehouse held then; None with `as_of`: what it holds now.
        build_name: read this build instead: the tag or the file of `cfw transform --as-of`.
        columns: of the mart; `symbol` and `timestamp_iso` always come. None: all 53.
        format: `pandas` (integers as Int64, missing as <NA> or NaN), `polars` or `arrow`.
        settings: of the warehouse; None: from the environment.

    Raises:
        FeatureError: one line that says what is wrong with the request, with near matches.
    """
    if format not in FORMATS:
        msg = f"format '{format}': choose from {', '.join(FORMATS)}"
        raise FeatureError(msg)
    asked, found = stream_features(
        symbols,
        start,
        end,
        as_of=as_of,
        loaded_as_of=loaded_as_of,
        build_name=build_name,
        columns=columns,
        settings=settings,
    )
    return converted(pa.Table.from_batches(found, schema=asked.schema), format)


def stream_features(
    symbols: str | Sequence[str] | None = None,
    start: Moment = None,
    end: Moment = None,
    *,
    as_of: Moment = None,
    loaded_as_of: Moment = None,
    build_name: str = "",
    columns: str | Sequence[str] | None = None,
    settings: Settings | None = None,
) -> tuple[Request, Iterator[pa.RecordBatch]]:
    """Return the checked request and its rows as Arrow batches, for what does not fit in memory.

    Arguments and errors are those of `get_features`.
    """
    settings = settings or Settings()
    asked = request(settings, symbols, start, end, columns)
    then, held = moment("as_of", as_of), moment("loaded_as_of", loaded_as_of)
    mart = _mart(settings, asked, then, held, build_name)
    extent(mart, asked)
    return asked, batches(mart, asked)


def _mart(settings: Settings, asked: Request, then: Any, held: Any, build_name: str) -> Mart:
    if build_name and (then or held):
        msg = f"build_name '{build_name}' has its own moment; leave as_of and loaded_as_of out"
        raise FeatureError(msg)
    if build_name:
        return named_mart(settings, build_name)
    if then or held:
        return build(settings, pinned(settings, then, held, asked.symbols))
    return standing_mart(settings)


def converted(table: pa.Table, format: str) -> Any:
    """Return an Arrow table in another format.

    Raises:
        FeatureError: polars is not installed.
    """
    if format == "arrow":
        return table
    if format == "polars":
        return _polars().from_arrow(table)
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=nullable.get)


def arrow_of(frame: Any) -> tuple[pa.Table, str]:
    """Return a data frame as an Arrow table, and the format that it had.

    Raises:
        FeatureError: it is none of pandas, polars, Arrow.
    """
    if isinstance(frame, pa.Table):
        return frame, "arrow"
    library = type(frame).__module__.split(".")[0]
    if library == "pandas":
        return pa.Table.from_pandas(frame, preserve_index=False), "pandas"
    if library == "polars":
        return frame.to_arrow(), "polars"
    msg = f"a {type(frame).__name__} is no frame of pandas, polars or Arrow"
    raise FeatureError(msg)


def _polars() -> Any:
    try:
        return importlib.import_module("polars")
    except ImportError:
        msg = "format 'polars' needs polars: pip install polars; pandas and arrow are always there"
        raise FeatureError(msg) from None
