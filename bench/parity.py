"""One answer on every engine, at length: the real folder's twelve symbols, whole.

`python -m bench parity` runs the pipeline over CFW_TEST_DATA (default ../shared/data) into DuckDB,
hands the same raw rows to each server, builds there too, and compares all 53 columns of the marts.
Each difference is printed with its column, key and both values.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas as pd

from bench.results import Result
from bench.servers import VARIABLES, bench_server
from flows import steps
from ingestion.config import Settings
from ingestion.sandbox import load_folder, running_sandbox
from tests.parity.compare import MART_COLUMNS, differences, read_mart
from tests.parity.raw_tables import copy_raw
from tests.support.mysql_server import ServerForTest
from tests.support.warehouses import TestWarehouse

Say = Callable[[str], None]


def measure(_share: float, say: Say) -> Iterator[Result]:
    """Yield rows of the mart and values that differ, per server."""
    data = Path(os.environ.get("CFW_TEST_DATA", "../shared/data"))
    os.environ["CFW_SCORE_MODELS"] = "vader"
    with tempfile.TemporaryDirectory(prefix="cfw-parity-") as name:
        folder = Path(name)
        with running_sandbox(load_folder(data)) as sandbox:
            warehouse = TestWarehouse(folder, sandbox)
            say("duckdb: the pipeline over the real folder")
            warehouse.feed()
            warehouse.transform()
        expected = read_mart(f"duckdb:///{warehouse.path}", "crypto")
        yield Result(f"parity: rows of {expected.symbol.nunique()} symbols", len(expected), "rows")
        yield Result("parity: columns", expected.shape[1], "", MART_COLUMNS, at_most=False)
        for engine in VARIABLES:
            with bench_server(engine, say) as url:
                if url:
                    place = ServerForTest(url, folder / engine, f"parity{secrets.token_hex(3)}")
                    yield from _compared(engine, place, warehouse, expected, say)


def _compared(
    engine: str, place: ServerForTest, warehouse: TestWarehouse, expected: pd.DataFrame, say: Say
) -> Iterator[Result]:
    try:
        say(f"{engine}: the same raw rows")
        with duckdb.connect(str(warehouse.path), read_only=True) as source:
            copy_raw(source, place.url, place.prefix)
        started = time.monotonic()
        settings: Settings = place.settings(now=warehouse.settings.now)
        steps.transform(settings, full_refresh=True)
        say(f"{engine}: built and tested in {time.monotonic() - started:.0f} s")
        found = differences(expected, read_mart(place.url, place.prefix))
        for line in found:
            say(f"{engine}: {line}")
        yield Result(f"parity: differences on {engine}", len(found), "", 0)
    finally:
        place.clean()
