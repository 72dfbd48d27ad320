"""A provider's day in the sandbox: settings, runs that may fail, and what is stored afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError, StepReport
from ingestion.sandbox import RunningSandbox
from ingestion.steps import run_step
from ingestion.tables import REJECTED_ROWS, TABLES, Row

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
#: The path under which the sandbox serves a step's provider, and the table that it fills.
SERVED = {
    "coinbase": ("/coinbase", "price_bars"),
    "coingecko": ("/coingecko", "asset_snapshots"),
    "coinmetrics": ("/coinmetrics", "onchain_metrics"),
    "fred": ("/fred", "macro_observations"),
    "fear_greed": ("/alternative_me", "macro_observations"),
    "rss": ("/rss", "articles"),
    "stocktwits": ("/stocktwits", "social_posts"),
}
SETTINGS: dict[str, Any] = {
    "assets_file": SEED,
    "CFW_SYMBOLS": "BTC,ETH",
    "CFW_FRED_SERIES": "UNRATE",
    "http_backoff_seconds": 0.0,
    "http_attempts": 3,
    "stocktwits_max_pages": 2,
}


class Clock:
    """A clock that starts now and is moved by sleeping."""

    def __init__(self) -> None:
        self.now = time.time()
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds


@dataclass(frozen=True)
class Outcome:
    """What a run gave: its report, and the line with which it failed, if it did."""

    report: StepReport
    line: str = ""

    @property
    def rows(self) -> int:
        """Rows newly stored, refused ones aside."""
        return sum(n for table, n in self.report.rows.items() if table != REJECTED_ROWS.name)


@dataclass
class Days:
    """One warehouse that follows one sandbox from day to day."""

    sandbox: RunningSandbox
    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)

    def settings(self, **changes: Any) -> Settings:
        """Return settings for the sandbox as it is now."""
        start = self.sandbox.state.now - timedelta(days=20)
        environment = self.sandbox.env()
        values = {
            **environment,
            **SETTINGS,
            "CFW_FEEDS": environment["CFW_FEEDS"].split(",")[0],
            "warehouse_url": f"duckdb:///{self.folder / 'test.duckdb'}",
            "data_dir": self.folder / "data",
            "CFW_HISTORY_START": start.isoformat(),
            **self.changes,
            **changes,
        }
        return Settings(_env_file=None, **values)

    def run(self, step: str, **changes: Any) -> Outcome:
        """Run a step; its failure is an outcome too."""
        failure: SourceError
        try:
            return Outcome(run_step(step, self.settings(**changes)))
        except SourceError as error:
            failure = error
        assert "\n" not in str(failure)
        assert failure.report is not None
        return Outcome(failure.report, str(failure))

    def stored(self, table: str, rest: str = "") -> list[Row]:
        """Return the rows of a raw table, none where there is no table."""
        warehouse = Warehouse(self.settings())
        if not warehouse.has_table(table):
            return []
        return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")

    def facts(self, step: str) -> set[tuple[Any, ...]]:
        """Return what the newest version of every row of a step says."""
        table = TABLES[SERVED[step][1]]
        names = (*table.identity, *table.compared)
        newest: dict[tuple[Any, ...], Row] = {}
        for row in self.stored(table.name, f"ORDER BY {', '.join(table.key)}"):
            newest[tuple(row[name] for name in table.key[:-1])] = row
        return {tuple(row[name] for name in names) for row in newest.values()}

    def reasons(self) -> list[str]:
        """Return why rows were refused, sorted."""
        return sorted(row["reason"] for row in self.stored("rejected_rows"))

    def fault(self, step: str, kind: str, times: int | None = 1, **options: Any) -> None:
        """Let a step's provider misbehave."""
        self.sandbox.faults.add(SERVED[step][0], kind, times, **options)

    def requests(self, step: str) -> int:
        """Return how often a step's provider was asked."""
        return self.sandbox.requests[SERVED[step][0]]


def edited(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Return a rewrite of a JSON body; NaN and huge integers are written as they are."""
    return lambda body: json.dumps(change(json.loads(body))).encode()
