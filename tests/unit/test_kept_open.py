"""A run keeps its DuckDB file open between statements, and lets others in when it waits."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import dbt
from flows.recording import recorded
from ingestion import kept_open as module
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import DuckDbEngine
from ingestion.kept_open import is_kept, kept_open, let_go


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "w.duckdb"
    duckdb.connect(str(path)).close()
    return path


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting the process that looks takes longer than a file is kept open unused."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 60.0)


def is_free(path: Path) -> bool:
    """Return whether another process can write the file."""
    code = f"import duckdb; duckdb.connect({str(path)!r}).close()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0 or b"lock" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.mark.usefixtures("patient")
def test_the_file_stays_open_between_statements(path: Path) -> None:
    engine = DuckDbEngine(path)
    engine.query("select 1 as one", ())
    assert is_free(path)
    with kept_open(path):
        assert is_free(path), "nothing was asked yet"
        assert engine.query("select 1 as one", ()) == [{"one": 1}]
        assert not is_free(path)
        engine.write([("create table t as select 7 as n", ())])
        assert engine.query("select n from t", ()) == [{"n": 7}]
        assert engine.tables("main") == {"t"}
        let_go(path)
        assert is_free(path)
        assert engine.query("select n from t", ()) == [{"n": 7}]
        assert not is_free(path)
    assert is_free(path)
    assert not is_kept(path)


def test_an_unused_file_is_closed(path: Path) -> None:
    """Whatever the run waits for: a provider, a model, a lock."""
    engine = DuckDbEngine(path)
    with kept_open(path):
        engine.query("select 1 as one", ())
        time.sleep(3 * module.IDLE_SECONDS)
        assert is_free(path)
        assert engine.query("select 1 as one", ()) == [{"one": 1}]


@pytest.mark.usefixtures("patient")
def test_others_get_in_between_many_statements(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = DuckDbEngine(path)
    with kept_open(path):
        engine.query("select 1", ())
        assert not is_free(path)
        monkeypatch.setattr(module, "LONGEST_SECONDS", 0.0)
        monkeypatch.setattr(module, "BREAK_SECONDS", 1.0)
        engine.query("select 1", ())
        assert is_free(path)
        engine.query("select 1", ())
        time.sleep(1.0)
        monkeypatch.setattr(module, "LONGEST_SECONDS", 60.0)
        engine.query("select 1", ())
        assert not is_free(path)


@pytest.mark.usefixtures("patient")
def test_a_failure_leaves_nothing_open(path: Path) -> None:
    def fail() -> None:
        with kept_open(path):
            DuckDbEngine(path).query("select 1", ())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert is_free(path)


def test_the_warehouse_may_be_new(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    with kept_open(path):
        DuckDbEngine(path).write([("create table t as select 7 as n", ())])
    assert DuckDbEngine(path).query("select n from t", ()) == [{"n": 7}]


@pytest.mark.usefixtures("patient")
def test_dlt_shares_a_file_that_is_kept_open(path: Path) -> None:
    """What dlt loads into the file is seen at once, and it does not wait for its end."""
    warehouse = Warehouse(Settings(warehouse_url=f"duckdb:///{path}", data_dir=path.parent))
    with kept_open(path):
        assert warehouse.query("select 1 as one") == [{"one": 1}]
        warehouse.ensure_tables()
        assert not warehouse.missing(["price_bars", "articles"])
        assert not is_free(path)
    assert is_free(path)


@pytest.mark.usefixtures("patient")
def test_dbt_gets_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a recorded run, which keeps the file open from its first line in the journal on."""
    settings = Settings(warehouse_url=f"duckdb:///{path}", data_dir=path.parent)
    with recorded("transform", settings):
        assert not is_free(path)
        answers: list[bool] = []
        done = subprocess.CompletedProcess[str]([], 0, "", "")
        with monkeypatch.context() as patched:
            patched.setattr(dbt.subprocess, "run", _Run(path, answers, done))
            dbt.run_dbt(settings, ["build"])
        assert answers == [True]
    assert is_free(path)


class _Run:
    """In place of subprocess.run: looks, with the real one, whether the file is free."""

    def __init__(self, path: Path, answers: list[bool], done: Any) -> None:
        self._path, self._answers, self._done = path, answers, done
        self._real = subprocess.run

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if "dbt.cli.main" not in arguments[0]:
            return self._real(*arguments, **options)
        self._answers.append(is_free(self._path))
        return self._done
