"""The run journal on DuckDB: what is written comes back, and a missing journal is empty."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from flows.journal import Journal
from flows.journal_rows import DbtNode, FlowRun
from ingestion.config import Settings
from tests.support.journals import check_journal


def _settings(folder: Path) -> Settings:
    return Settings(warehouse_url=f"duckdb:///{folder / 'w.duckdb'}", data_dir=folder)


def test_the_journal_keeps_what_ran(tmp_path: Path) -> None:
    """Runs, nodes, the newest of each flow, the last success, failed tests, pruning."""
    check_journal(_settings(tmp_path))


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """Without a warehouse, and in one without a journal, there is nothing to read."""
    settings = _settings(tmp_path)
    assert Journal(settings).runs() == []
    assert not (tmp_path / "w.duckdb").exists()
    duckdb.connect(str(tmp_path / "w.duckdb")).close()
    journal = Journal(settings)
    assert (journal.runs(), journal.latest(), journal.last_success()) == ([], {}, {})
    assert (journal.nodes("x"), journal.failed_tests()) == ([], [])
    journal.prune(datetime.now(UTC))


def test_a_half_made_journal_is_completed(tmp_path: Path) -> None:
    """A kill between the two tables leaves nothing to repair."""
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute("create schema crypto_ops")
    check_journal(_settings(tmp_path))


def test_many_readers_do_not_stop_a_record(tmp_path: Path) -> None:
    """`cfw status` in another thread reads while runs are recorded."""
    journal = Journal(_settings(tmp_path))
    moment = datetime(2024, 6, 1, tzinfo=UTC)
    run = FlowRun("0", "prices", moment, moment, "completed", None, 1)
    journal.record(run)
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            journal.latest()
            time.sleep(0.01)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(20):
        journal.record(
            replace(run, run_id=str(number), started_at=moment + timedelta(minutes=number)),
            [DbtNode("model x", "model", "success", 0.1)],
        )
    ended.set()
    for reader in readers:
        reader.join()
    assert len(journal.runs(100)) == 20


@pytest.mark.parametrize("length", [5, 5000])
def test_an_error_is_one_line(tmp_path: Path, length: int) -> None:
    """Lines are joined and a long text is cut."""
    journal = Journal(_settings(tmp_path))
    moment = datetime(2024, 6, 1, tzinfo=UTC)
    journal.record(FlowRun("a", "news", moment, moment, "failed", "one\n  two\n" + "x" * length))
    error = journal.runs()[0].error
    assert error is not None
    assert error.startswith("one; two; xxxxx")
    assert len(error) <= 2000
