"""The owner's size on each engine: full refresh, its tests, hourly increments (tests included), the
same at a tenth of the history, and what TA-Lib alone needs for the same rows.

An increment is the median of three hours in a row: after a full refresh a server still writes its
pages for a while, which the first hour would pay for.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from statistics import median

import duckdb
import numpy as np
import pyarrow as pa
import talib

from bench.history import Scale, bars_of_hour, news_tables, scale_of, tables
from bench.memory import watched_children
from bench.results import Result
from flows import steps
from flows.dbt import run_dbt, transform_vars
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.tables import TABLES

NEW_ARTICLES = 200
INCREMENTS = 3
SYMBOLS_PER_LOAD = 16
FULL_GOAL_SECONDS = {"duckdb": 40.0, "mariadb": 240.0, "mysql": 480.0}
INCREMENT_GOAL_SECONDS = {"duckdb": 10.0, "mariadb": 15.0, "mysql": 15.0}
RATIO_GOAL = 1.3


def measure(engine: str, url: str, share: float, say: Callable[[str], None]) -> Iterator[Result]:
    """Yield the figures of one engine at a share of the full history, and at a tenth of that.

    Args:
        engine: duckdb, mariadb or mysql: names the figures and their goals.
        url: the server, or "duckdb" for files in a temporary folder.
        share: of 124 symbols x 28,192 hours.
        say: gets a line per stage.
    """
    increments = []
    for part, name in ((share, "full"), (share / 10, "a tenth")):
        folder = Path(tempfile.mkdtemp(prefix="cfw-bench-"))
        place = f"duckdb:///{folder / 'bench.duckdb'}" if url == "duckdb" else url
        prefix = f"bench_{'full' if part == share else 'tenth'}"
        try:
            run = _Run(Settings(warehouse_url=place, schema_prefix=prefix, data_dir=folder), part)
            say(f"{engine}: landing {name} of {run.rows:,} bars")
            run.fill()
            say(f"{engine}: full refresh over {run.rows:,} bars")
            with watched_children() as peak:
                built, tested = run.full_refresh()
            if part == share:
                goal = FULL_GOAL_SECONDS[engine] if share == 1 else None
                yield Result(f"{engine} full refresh, {run.rows:,} bars", built, "s", goal)
                yield Result(f"{engine} tests of every row", tested, "s")
                yield Result(f"{engine} peak memory of dbt", peak.mib, "MiB")
                yield from _talib(folder) if url == "duckdb" else ()
            hours = [run.increment() for _ in range(INCREMENTS)]
            say(f"{engine}: hourly increments of {', '.join(f'{hour:.1f}' for hour in hours)} s")
            increments.append(median(hours))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    goal = INCREMENT_GOAL_SECONDS[engine] if share == 1 else None
    yield Result(f"{engine} hourly increment", increments[0], "s", goal)
    yield Result(
        f"{engine} increment, full to a tenth", increments[0] / increments[1], "x", RATIO_GOAL
    )


class _Run:
    """One warehouse of generated history."""

    def __init__(self, settings: Settings, share: float) -> None:
        self.scale: Scale = scale_of(settings, share)
        self._end = self.scale.end
        self.settings = settings.model_copy(update={"now": self._end + timedelta(minutes=2)})

    @property
    def rows(self) -> int:
        """Bars of the history."""
        return len(self.scale.symbols) * self.scale.hours

    def fill(self) -> None:
        """Land the history, a few symbols at a time."""
        warehouse = Warehouse(self.settings)
        warehouse.ensure_tables()
        for _, pieces in groupby(enumerate(tables(self.scale)), lambda p: p[0] // SYMBOLS_PER_LOAD):
            joined: dict[str, list[pa.Table]] = {}
            for _, (name, piece) in pieces:
                joined.setdefault(name, []).append(piece)
            for name, parts in joined.items():
                _land(warehouse, name, pa.concat_tables(parts))

    def full_refresh(self) -> tuple[float, float]:
        """Build all models anew, then test every row; return the seconds of either."""
        of_all = transform_vars(None, None, "", "all")
        kinds = ("--resource-type", "seed", "--resource-type", "model")
        built = run_dbt(self.settings, ["build", "--full-refresh", *kinds], of_all)
        return built.seconds, run_dbt(self.settings, ["test"], of_all).seconds

    def increment(self) -> float:
        """Land the next hour of bars and articles; return the seconds of building and testing."""
        hour, self._end = self._end, self._end + timedelta(hours=1)
        self.settings = self.settings.model_copy(update={"now": self._end + timedelta(minutes=2)})
        warehouse = Warehouse(self.settings)
        _land(warehouse, "price_bars", bars_of_hour(self.scale, hour))
        seconds = np.linspace(60, 3000, NEW_ARTICLES).astype(np.int64)
        first_id = 10**9 + int(hour.timestamp()) * NEW_ARTICLES
        for name, piece in news_tables(self.scale.symbols, hour, seconds, first_id):
            _land(warehouse, name, piece)
        return steps.transform(self.settings).seconds


def _land(warehouse: Warehouse, name: str, rows: pa.Table) -> None:
    """Land rows; tables with JSON go in row by row."""
    if any(column.data_type == "json" for column in TABLES[name].columns):
        warehouse.load("bench", {name: rows.to_pylist()})
    else:
        warehouse.load_arrow("bench", name, rows)


def _talib(folder: Path) -> Iterator[Result]:
    """Yield what TA-Lib needs to load, compute and store the indicators of the same bars."""
    path = folder / "bench.duckdb"
    started = time.monotonic()
    with duckdb.connect(str(path), read_only=True) as connection:
        bars = connection.execute(
            "select symbol, high_price, low_price, close_price "
            "from bench_full_intermediate.int_prices__bars order by symbol, bar_hour"
        ).fetchnumpy()
    loaded = time.monotonic()
    edges = np.flatnonzero(bars["symbol"][1:] != bars["symbol"][:-1]) + 1
    prices = [
        np.split(np.asarray(bars[n]), edges) for n in ("high_price", "low_price", "close_price")
    ]
    columns: list[list[np.ndarray]] = []
    for high, low, close in zip(*prices, strict=True):
        columns.append(
            [
                talib.RSI(close, 14),
                talib.SMA(close, 20),
                talib.SMA(close, 50),
                talib.EMA(close, 12),
                talib.EMA(close, 26),
                *talib.MACD(close, 12, 26, 9),
                *talib.BBANDS(close, 20, 2, 2, 0),
                *talib.STOCHF(high, low, close, 14, 3, 0),
                talib.ATR(high, low, close, 14),
            ]
        )
    computed = time.monotonic()
    table = pa.table(
        {str(i): np.concatenate(part) for i, part in enumerate(zip(*columns, strict=True))}
    )
    with duckdb.connect(str(folder / "talib.duckdb")) as connection:
        connection.register("features", table)
        connection.execute("create table features_of_talib as select * from features")
    stored = time.monotonic()
    for stage, seconds in (
        ("load", loaded - started),
        ("compute", computed - loaded),
        ("store", stored - computed),
    ):
        yield Result(f"TA-Lib yardstick, {stage}", seconds, "s")
