"""A warehouse in a temporary folder, fed from a sandbox through the real steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from flows import steps
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.sandbox import RunningSandbox
from ingestion.steps import STEPS, StepReport, run_step
from ingestion.tables import TABLES
from tests.support.marts import read_mart


class TestWarehouse:
    """One DuckDB warehouse fed from one sandbox; the sandbox's clock is the pipeline's."""

    __test__ = False

    def __init__(self, folder: Path, sandbox: RunningSandbox, **overrides: Any) -> None:
        """Keep where the warehouse goes and where its data comes from."""
        self.path = folder / "warehouse.duckdb"
        self.sandbox = sandbox
        self._overrides = {
            "warehouse_url": f"duckdb:///{self.path}",
            "data_dir": str(folder),
            "http_backoff_seconds": 0.0,
            **overrides,
        }

    def overrides(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults, at the sandbox's present clock."""
        env = {n.removeprefix("CFW_").lower(): v for n, v in self.sandbox.env().items()}
        return {**env, **self._overrides}

    @property
    def settings(self) -> Settings:
        """The pipeline's settings at the sandbox's present clock."""
        return Settings(**self.overrides())

    def ingest(self, names: Sequence[str] = tuple(STEPS)) -> list[StepReport]:
        """Run ingestion steps."""
        steps.prepare(self.settings)
        return [run_step(name, self.settings) for name in names]

    def feed(self, moment: str | None = None) -> None:
        """Move the clock, ingest everything, and score."""
        if moment:
            self.sandbox.set_clock(datetime.fromisoformat(moment).astimezone(UTC))
        self.ingest()
        steps.score(self.settings)

    def transform(self, **options: Any) -> pd.DataFrame:
        """Build and test the models; return the mart that was built."""
        steps.transform(self.settings, **options)
        tag = options.get("build_tag") or (
            "asof" if options.get("as_of") or options.get("loaded_as_of") else ""
        )
        return read_mart(self.path, f"crypto_{tag}_marts" if tag else "crypto_marts")

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a statement."""
        return Warehouse(self.settings).query(sql)

    def raw_counts(self) -> dict[str, int]:
        """Return the rows of every raw table."""
        return {n: self.query(f"select count(*) as n from crypto_raw.{n}")[0]["n"] for n in TABLES}

    def newest_load(self) -> datetime:
        """Return the newest ``loaded_at`` of all raw tables."""
        return max(
            moment
            for name in TABLES
            if (moment := self.query(f"select max(loaded_at) as m from crypto_raw.{name}")[0]["m"])
        )

    def forget_cursors(self) -> None:
        """Drop the price pipeline's state, as an operator would who wants history read again."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(
                "delete from crypto_raw._dlt_pipeline_state where pipeline_name = 'coinbase'"
            )
