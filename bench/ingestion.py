"""How fast history lands: five-minute bars from the archive's files, over HTTP, into DuckDB.

`python -m bench ingestion` measures that alone.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.results import Result
from ingestion.assets import read_assets
from ingestion.backfill.intervals import Interval, months
from ingestion.backfill.planning import Plan, Wanted, make_plan
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import sources_of
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.sandbox import Bars, RunningSandbox, SandboxData, running_sandbox
from ingestion.sandbox.binance_archive import parse, zip_of
from ingestion.sandbox.model import HOUR

#: A year over the archive's change from milliseconds to microseconds.
YEAR = Interval(datetime(2024, 7, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
NOW = datetime(2025, 7, 15, tzinfo=UTC)
SYMBOLS = 20
ROWS_PER_SECOND_GOAL = 50_000


@dataclass(frozen=True)
class Served:
    """An archive on loopback, and the settings that point at it."""

    sandbox: RunningSandbox
    symbols: tuple[str, ...]

    def settings(self, folder: Path) -> Settings:
        """Return settings with a warehouse of its own in a folder."""
        return Settings(**self.env(folder), _env_file=None)

    def env(self, folder: Path) -> dict[str, str]:
        """Return the same as environment variables."""
        return {
            **self.sandbox.env(),
            "CFW_SYMBOLS": ",".join(self.symbols),
            "CFW_WAREHOUSE_URL": f"duckdb:///{folder / 'bench.duckdb'}",
            "CFW_DATA_DIR": str(folder),
        }


@contextmanager
def served_year(share: float, say: Callable[[str], None]) -> Iterator[Served]:
    """Serve a year of five-minute bars; every file is packed before the block starts.

    Args:
        share: of 20 symbols.
        say: gets a line per stage.
    """
    count = max(1, round(SYMBOLS * share))
    symbols = tuple(asset.symbol for asset in read_assets(Settings().assets_path)[:count])
    data = SandboxData(bars={s: {HOUR: _bars(n)} for n, s in enumerate(symbols)}, is_sample=True)
    with running_sandbox(data, now=NOW) as sandbox:
        say(f"archive: packing a year of 5-minute bars of {count} symbols")
        for symbol in symbols:
            for month in months(YEAR):
                stem = f"{symbol}USDT-5m-{month.first:%Y-%m}"
                file = parse(stem, is_monthly=True)
                assert file is not None
                assert zip_of(sandbox.state, stem, file, NOW) is not None
        yield Served(sandbox, symbols)


def measure(share: float, say: Callable[[str], None]) -> Iterator[Result]:
    """Yield the figures of one backfill of a year from the archive."""
    folder = Path(tempfile.mkdtemp(prefix="cfw-bench-"))
    try:
        with served_year(share, say) as served:
            settings = served.settings(folder)
            Warehouse(settings).ensure_tables()
            started, worked = time.monotonic(), time.process_time()
            plan = plan_year(settings)
            (report,) = run_plan(plan, settings)
            seconds, worked = time.monotonic() - started, time.process_time() - worked
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert not report.failures, report.failures
    name = f"archive into DuckDB, {report.new_rows:,} bars of 5 minutes"
    rate = report.new_rows / seconds
    yield Result(name, rate, "rows/s", ROWS_PER_SECOND_GOAL, at_most=False)
    # On a busy machine the clock tells about the others; this figure does not.
    yield Result("the same per second of processor time", report.new_rows / worked, "rows/s")
    yield Result("requests per archive file", report.requests / plan.chunks, "", 2.0)


def plan_year(settings: Settings) -> Plan:
    """Return what the ledger lacks of the year."""
    return make_plan(settings, sources_of("prices", "binance-archive"), Wanted(YEAR, minutes=5))


def _bars(number: int) -> Bars:
    """Return a year of hourly bars: a random walk of its own for each number."""
    random = np.random.default_rng(number)
    hours = YEAR.length // timedelta(hours=1)
    path = 10 ** random.uniform(-2, 4) * np.exp(np.cumsum(random.normal(0, 0.008, hours)))
    opened = np.concatenate([path[:1], path[:-1]])
    spread = 1 + np.abs(random.normal(0, 0.003, hours))
    return Bars(
        open_time=int(YEAR.first.timestamp()) + np.arange(hours) * HOUR,
        open=opened,
        high=np.maximum(opened, path) * spread,
        low=np.minimum(opened, path) / spread,
        close=path,
        volume=random.lognormal(5, 1, hours),
    )
