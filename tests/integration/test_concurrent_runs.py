"""Two `cfw run` at once, on a file and on a server: one waits, and the mart is that of one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.journal import Journal
from flows.summary import summarise_mart
from ingestion.config import Settings
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.mysql_server import ServerForTest
from tests.support.prefect_server import environment


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    data = generate_sample()
    with running_sandbox(replace(data, bars={"BTC": data.bars["BTC"]})) as running:
        yield running


def _run(sandbox: RunningSandbox, url: str, prefix: str, folder: Path) -> subprocess.Popen[str]:
    env = environment(
        **{
            **sandbox.env(),
            "CFW_SYMBOLS": "BTC",
            "CFW_HISTORY_START": "2024-06-28",
            "CFW_WAREHOUSE_URL": url,
            "CFW_SCHEMA_PREFIX": prefix,
            "CFW_DATA_DIR": str(folder),
        }
    )
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "run", "--wait", "400"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _settings(url: str, prefix: str, folder: Path) -> Settings:
    return Settings(warehouse_url=url, schema_prefix=prefix, data_dir=folder)


def _check(sandbox: RunningSandbox, url: str, prefix: str, folder: Path) -> None:
    """Run twice at once from two machines' folders, or one; hold the outcome against one run."""
    folders = [folder / "a", folder / ("a" if url.startswith("duckdb") else "b")]
    started = [_run(sandbox, url, prefix, place) for place in folders]
    ended = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    assert all("Traceback" not in errors for _, errors in ended)
    settings = _settings(url, prefix, folders[0])
    first, second = reversed(Journal(settings).runs())
    assert (first.flow, first.state, second.flow, second.state) == (
        *("pipeline", "completed"),
        *("pipeline", "completed"),
    )
    assert first.new_rows
    assert second.new_rows == 0, "the one that waited had nothing left to do"
    both = summarise_mart(settings)
    alone = folder / "alone"
    alone.mkdir()
    single = _run(sandbox, f"duckdb:///{alone / 'w.duckdb'}", prefix, alone)
    assert single.wait(600) == 0
    one = summarise_mart(_settings(f"duckdb:///{alone / 'w.duckdb'}", prefix, alone))
    assert (both.rows, both.first_at, both.last_at) == (one.rows, one.first_at, one.last_at)
    assert both.coverage_pct == one.coverage_pct


def test_two_runs_at_once_on_a_file(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """DuckDB: the second waits for the first, in one folder."""
    _check(sandbox, f"duckdb:///{tmp_path / 'w.duckdb'}", "crypto", tmp_path)


def test_two_runs_at_once_on_a_server(
    sandbox: RunningSandbox, server: ServerForTest, tmp_path: Path
) -> None:
    """A server: the second waits, as from another machine."""
    _check(sandbox, server.url, server.prefix, tmp_path)
