"""One answer on every engine: the same raw rows give the same mart, at once and slice by slice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pandas as pd
import pymysql
import pytest

from ingestion.sandbox import load_folder, running_sandbox
from tests.parity.compare import MART, MART_COLUMNS, differences, read_mart
from tests.parity.raw_tables import connect, copy_raw
from tests.parity.slices import SLICES, SYMBOLS, closes_at, write_raw
from tests.support.mysql_server import ServerForTest
from tests.support.warehouses import TestWarehouse

ROOT = Path(__file__).resolve().parents[2]


class Warehouse:
    """A warehouse that dbt builds by itself, in its own folder of artefacts."""

    def __init__(self, url: str, prefix: str, engine: str, folder: Path) -> None:
        """Keep where it is and which target speaks to it."""
        self.url, self.prefix, self.engine, self.folder = url, prefix, engine, folder

    def dbt(self, *arguments: str, fails: bool = False) -> str:
        """Run a dbt command; return what it printed."""
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"),
                "--no-use-colors",
                *arguments,
                f"--project-dir={ROOT / 'dbt_project'}",
                f"--profiles-dir={ROOT}",
            ],
            env={
                **os.environ,
                "CFW_WAREHOUSE_URL": self.url,
                "CFW_SCHEMA_PREFIX": self.prefix,
                "CFW_WAREHOUSE_ENGINE": self.engine,
                "DBT_TARGET_PATH": str(self.folder / "target"),
                "DBT_LOG_PATH": str(self.folder / "logs"),
                "CFW_DBT_LOG_PATH": str(self.folder / "logs"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout[-3000:]
        return done.stdout

    def mart(self) -> pd.DataFrame:
        """Read the published mart."""
        return read_mart(self.url, self.prefix)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the whole raw history."""
    path = tmp_path_factory.mktemp("history") / "history.duckdb"
    with duckdb.connect(str(path)) as connection:
        write_raw(connection)
    return path


@pytest.fixture(scope="module")
def expected(history: Path) -> pd.DataFrame:
    """The mart that DuckDB builds at once."""
    warehouse = Warehouse(f"duckdb:///{history}", "crypto", "duckdb", history.parent)
    warehouse.dbt("build")
    return warehouse.mart()


@pytest.fixture
def warehouse(server: ServerForTest, tmp_path: Path) -> Warehouse:
    """An empty warehouse on each server."""
    version = str(server.execute("select version()")[0][0])
    engine = "mariadb" if "mariadb" in version.lower() else "mysql"
    return Warehouse(server.url, server.prefix, engine, tmp_path)


def load(history: Path, warehouse: Warehouse, where: str = "true") -> None:
    """Land raw rows on the server."""
    with duckdb.connect(str(history), read_only=True) as source:
        copy_raw(source, warehouse.url, warehouse.prefix, where=where)


def test_a_full_build_gives_the_mart_of_duckdb(
    history: Path, expected: pd.DataFrame, warehouse: Warehouse
) -> None:
    load(history, warehouse)
    warehouse.dbt("build")
    assert expected.shape[1] == MART_COLUMNS
    assert int(expected.notna().any().sum()) >= 46
    assert differences(expected, warehouse.mart()) == []


@pytest.fixture(scope="module")
def real_slice(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real symbols over seven months with their outages, real news, posts and on-chain days."""
    folder = tmp_path_factory.mktemp("real_slice")
    with running_sandbox(load_folder(real_data)) as sandbox:
        source = TestWarehouse(folder, sandbox, symbols=("BTC", "DOT"), history_start="2021-11-01")
        source.feed()
    return source.path


@pytest.mark.real_data
def test_a_real_slice_gives_the_mart_of_duckdb(real_slice: Path, warehouse: Warehouse) -> None:
    duckdb_warehouse = Warehouse(f"duckdb:///{real_slice}", "crypto", "duckdb", real_slice.parent)
    duckdb_warehouse.dbt("build")
    expected = duckdb_warehouse.mart()
    assert len(expected) > 10_000
    load(real_slice, warehouse)
    warehouse.dbt("build")
    assert differences(expected, warehouse.mart()) == []


def test_growing_slices_give_the_mart_of_a_full_build(
    history: Path, expected: pd.DataFrame, warehouse: Warehouse
) -> None:
    before = "timestamptz '2000-01-01 00:00:00+00'"
    for day in SLICES:
        load(history, warehouse, f"loaded_at > {before} and loaded_at <= {closes_at(day)}")
        before = closes_at(day)
        warehouse.dbt("build", "--vars", "{test_scope: batch}")
    assert differences(expected, warehouse.mart()) == []


def test_readers_see_the_mart_through_a_full_refresh(history: Path, warehouse: Warehouse) -> None:
    load(history, warehouse)
    warehouse.dbt("build")
    rows = len(warehouse.mart())
    counts: set[int] = set()
    symbols: set[tuple[str, ...]] = set()
    errors: list[str] = []
    ended = threading.Event()

    def read() -> None:
        with connect(warehouse.url) as connection:
            cursor = connection.cursor()
            while not ended.is_set():
                try:
                    cursor.execute(f"select count(*) from {warehouse.prefix}_marts.{MART}")
                    counts.add(int(next(iter(cursor.fetchall()))[0]))
                    cursor.execute(f"select symbol from {warehouse.prefix}_marts.features_latest")
                    symbols.add(tuple(sorted(row[0] for row in cursor.fetchall())))
                except pymysql.err.Error as error:
                    errors.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        warehouse.dbt("build", "--full-refresh")
        warehouse.dbt("build")
    finally:
        ended.set()
        reader.join()
    assert errors == []
    assert counts == {rows}
    assert symbols == {tuple(sorted(SYMBOLS))}


def test_an_untested_mart_is_not_published(history: Path, warehouse: Warehouse) -> None:
    load(history, warehouse)
    warehouse.dbt("build")
    good = warehouse.mart()
    with connect(warehouse.url) as connection:
        connection.cursor().execute(
            f"update {warehouse.prefix}_raw.price_bars set high = low / 2 "
            "where symbol = 'SOL' limit 5"
        )
    warehouse.dbt("build", "--full-refresh", fails=True)
    assert differences(good, warehouse.mart()) == []


def test_rollback_brings_the_previous_version_back(history: Path, warehouse: Warehouse) -> None:
    load(history, warehouse, f"loaded_at <= {closes_at(SLICES[1])}")
    warehouse.dbt("build")
    first = warehouse.mart()
    load(history, warehouse, f"loaded_at > {closes_at(SLICES[1])}")
    warehouse.dbt("build", "--full-refresh")
    second = warehouse.mart()
    warehouse.dbt("run-operation", "rollback")
    assert differences(first, warehouse.mart()) == []
    warehouse.dbt("build")
    assert differences(second, warehouse.mart()) == []


def test_a_new_column_is_refused_until_a_full_refresh(history: Path, warehouse: Warehouse) -> None:
    load(history, warehouse, f"loaded_at <= {closes_at(SLICES[2])}")
    warehouse.dbt("build")
    with connect(warehouse.url) as connection:
        connection.cursor().execute(f"alter table {warehouse.prefix}_marts.{MART} drop column vwap")
    load(history, warehouse, f"loaded_at > {closes_at(SLICES[2])}")
    printed = warehouse.dbt("build", fails=True)
    assert "new: vwap" in printed
    assert "--full-refresh" in printed
    warehouse.dbt("build", "--full-refresh")
    assert "vwap" in warehouse.mart().columns
