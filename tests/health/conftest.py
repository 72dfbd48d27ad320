"""A quiet history, landed and built once on each engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from flows import steps
from ingestion.config import Settings
from tests.parity.raw_tables import copy_raw
from tests.support.health_history import FAULTS, inject, write_history
from tests.support.mysql_server import SERVERS, ServerForTest


@dataclass(frozen=True)
class BuiltServer:
    """A server on which the marts of the quiet history stand."""

    server: ServerForTest
    settings: Settings


def embedded(path: Path) -> Settings:
    """Return settings of a DuckDB warehouse."""
    return Settings(warehouse_url=f"duckdb:///{path}", data_dir=path.parent, _env_file=None)


@pytest.fixture(scope="session")
def quiet_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with the raw rows of the quiet history."""
    path = tmp_path_factory.mktemp("quiet_raw") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        write_history(connection)
    return path


@pytest.fixture(scope="session")
def faulty_raw(quiet_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with every fault."""
    path = tmp_path_factory.mktemp("faulty_raw") / "warehouse.duckdb"
    shutil.copy(quiet_raw, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("set timezone = 'UTC'")
        for fault in FAULTS.values():
            inject(connection, fault)
    return path


@pytest.fixture(scope="session")
def quiet(quiet_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The quiet history with its marts, in a DuckDB file."""
    path = tmp_path_factory.mktemp("quiet") / "warehouse.duckdb"
    shutil.copy(quiet_raw, path)
    settings = embedded(path)
    steps.transform(settings, tests="all")
    return settings


@pytest.fixture(scope="session")
def faulty(faulty_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The faulty history with its data_health, in a DuckDB file."""
    path = tmp_path_factory.mktemp("faulty") / "warehouse.duckdb"
    shutil.copy(faulty_raw, path)
    settings = embedded(path)
    steps.transform(settings, select=["+data_health"])
    return settings


@pytest.fixture(scope="session", params=SERVERS)
def quiet_server(
    request: pytest.FixtureRequest,
    quiet_raw: Path,
    server_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[BuiltServer]:
    """The quiet history with its marts, on each server."""
    server = ServerForTest(server_url(request.param), tmp_path_factory.mktemp("quiet_server"))
    try:
        with duckdb.connect(str(quiet_raw), read_only=True) as source:
            copy_raw(source, server.url, server.prefix)
        settings = server.settings()
        steps.transform(settings)
        yield BuiltServer(server, settings)
    finally:
        server.clean()
