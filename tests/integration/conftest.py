"""The sandbox over the whole sample; a module that needs another one defines its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from prefect.testing.utilities import prefect_test_harness

from ingestion.sandbox import RunningSandbox, SandboxData, generate_sample, running_sandbox
from tests.support.scores import stand_in_scores
from tests.support.warehouses import TestWarehouse


@pytest.fixture(scope="module")
def sample() -> SandboxData:
    """The project's sample."""
    return generate_sample()


@pytest.fixture
def sandbox(sample: SandboxData) -> Iterator[RunningSandbox]:
    """A sandbox of its own for each test, at the end of the sample."""
    with running_sandbox(sample) as running:
        yield running


@pytest.fixture(scope="module")
def pair_sandbox(sample: SandboxData) -> Iterator[RunningSandbox]:
    """One sandbox for a module, over two symbols of the sample."""
    pair = {symbol: sample.bars[symbol] for symbol in ("BTC", "DOGE")}
    with running_sandbox(replace(sample, bars=pair)) as running:
        yield running


@pytest.fixture
def no_faults(pair_sandbox: RunningSandbox) -> Iterator[None]:
    """The module's sandbox behaves when a test begins, and again when it has ended."""
    pair_sandbox.faults.clear()
    yield
    pair_sandbox.faults.clear()


@pytest.fixture(scope="module")
def prefect_harness() -> Iterator[None]:
    """A Prefect server of the module's own."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


LIVED_SYMBOLS = ("BTC", "DOGE")
LIVED_SLICES = ("2024-03-28T06:30Z", "2024-03-29T00:10Z", "2024-06-08T13:30Z", "2024-06-09T02:00Z")
MADE_UP = ("cryptobert", "finbert", "minilm")


@pytest.fixture(scope="session")
def scored_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWarehouse]:
    """Two symbols that lived through four slices: restated days, edited articles, captures, a
    corrected bar, and every text scored for every role. For tests of the group `leakage`."""
    sample = generate_sample()
    data = replace(sample, bars={symbol: sample.bars[symbol] for symbol in LIVED_SYMBOLS})
    with running_sandbox(data) as sandbox:
        lived = TestWarehouse(
            tmp_path_factory.mktemp("leakage"),
            sandbox,
            symbols=",".join(LIVED_SYMBOLS),
            history_start="2024-03-01",
        )
        for moment in LIVED_SLICES:
            lived.feed(moment)
        assert stand_in_scores(lived.path, MADE_UP) > 500
        _correct_a_bar(lived.path)
        yield lived


def _correct_a_bar(path: Path) -> None:
    """Land a correction, two months later: no prefix before it can know it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            """insert into crypto_raw.price_bars
            select * replace (close * 1.2 as close, high * 1.2 as high,
                '2024-06-09 01:00:00+00'::timestamptz as available_at,
                '2024-06-09 03:00:00+00'::timestamptz as loaded_at)
            from crypto_raw.price_bars
            where symbol = 'DOGE' and bar_open_at = '2024-04-10 05:00:00+00'"""
        )
