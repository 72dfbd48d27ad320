"""The users of ``deploy/mysql/users.sql``, and backup and restore with the server's tools."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows import steps
from flows.lock import run_lock
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import WarehouseError
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from ingestion.steps import STEPS, run_step
from ingestion.tables import TABLES
from tests.support.mysql_server import ServerForTest, find_binary

ROOT = Path(__file__).parents[2]
USERS_SQL = ROOT / "deploy" / "mysql" / "users.sql"
ROLES = ("loader", "transformer", "reader", "worker", "monitor", "backup")
#: dbt's part of a run is there as soon as the profile knows a server.
HAS_TRANSFORM = "type: mysql" in (ROOT / "profiles.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(generate_sample()) as running:
        yield running


def create_users(server: ServerForTest) -> dict[str, str]:
    """Run the project's file for the test's prefix and return each role's URL."""
    place = urlsplit(server.url)
    urls = {}
    text = re.sub(r"^--.*$", "", USERS_SQL.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = text.replace("crypto\\_", f"{server.prefix}\\_")
    for role in ROLES:
        name = f"{server.prefix}_{role}"
        text = text.replace(f"cfw_{role}", name).replace(f"CHANGE_ME_{role.upper()}", f"Pw-{role}")
        urls[role] = f"mysql://{name}:Pw-{role}@{place.hostname}:{place.port}"
        server.users.append(name)
    assert "CHANGE_ME" not in text
    for statement in filter(str.strip, text.split(";")):
        server.execute(statement)
    return urls


def settings_for(server: ServerForTest, sandbox: RunningSandbox, url: str) -> Settings:
    start = sandbox.state.now - timedelta(days=12)
    values = {
        **sandbox.env(),
        "warehouse_url": url,
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
        "CFW_HISTORY_START": start.isoformat(),
        "http_backoff_seconds": 0.0,
        "stocktwits_max_pages": 2,
    }
    return server.settings(**values)


def denied(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(WarehouseError, match=r"error (1142|1044|1370|1227): .* denied"):
        warehouse.query(sql)


def test_loader_and_transformer_suffice_and_the_reader_only_reads_marts(
    server: ServerForTest, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    urls = create_users(server)
    raw, marts = f"{server.prefix}_raw", f"{server.prefix}_marts"
    loading = settings_for(server, sandbox, urls["loader"])
    with run_lock(loading):
        steps.prepare(loading)
        for step in STEPS:
            report = run_step(step, loading)
            assert report.status == "skipped" or sum(report.rows.values()) > 0
        assert steps.score(loading).models
    for step in STEPS:
        assert sum(run_step(step, loading).rows.values()) == 0
    loader = Warehouse(loading)
    denied(loader, f"DELETE FROM {raw}.price_bars")
    denied(loader, f"UPDATE {raw}.price_bars SET close = 1")
    denied(loader, f"DROP TABLE {raw}.price_bars")
    denied(loader, f"TRUNCATE TABLE {raw}.price_bars")
    denied(loader, f"CREATE DATABASE {marts}")

    transforming = settings_for(server, sandbox, urls["transformer"])
    assert steps.prepare(transforming) == []
    if HAS_TRANSFORM:
        steps.transform(transforming)
    else:
        server.execute(f"CREATE DATABASE {marts}")
        server.execute(f"CREATE TABLE {marts}.ml_features_materialized (symbol char(3))")
    transformer = Warehouse(transforming)
    transformer.query(f"SELECT count(*) AS n FROM {raw}.price_bars")
    denied(transformer, f"DELETE FROM {raw}.price_bars")
    denied(transformer, f"DROP TABLE {raw}.price_bars")

    reader = Warehouse(server.settings(warehouse_url=urls["reader"]))
    reader.query(f"SELECT count(*) AS n FROM {marts}.ml_features_materialized")
    denied(reader, f"SELECT count(*) AS n FROM {raw}.price_bars")
    denied(reader, f"DELETE FROM {marts}.ml_features_materialized")
    denied(reader, f"CREATE TABLE {marts}.x (y int)")
    denied(reader, f"DROP TABLE {marts}.ml_features_materialized")


def tool(*names: str) -> str:
    found = find_binary(*names)
    if found is None:
        pytest.fail(f"no {names[0]} found; run: apt-get install mariadb-client", pytrace=False)
    return found


def call(server: ServerForTest, program: str, *arguments: str, **streams: Any) -> None:
    place = urlsplit(server.url)
    command = [program, "-h", place.hostname or "", "-P", str(place.port), "-u", "cfw", *arguments]
    subprocess.run(
        command, check=True, timeout=120, env={**os.environ, "MYSQL_PWD": "cfw"}, **streams
    )


def content(server: ServerForTest) -> dict[str, tuple[int, str]]:
    """Return rows and a hash over every value of each raw table."""
    result = {}
    for name, table in TABLES.items():
        key = ", ".join(table.key)
        rows = server.warehouse().query(f"SELECT * FROM {server.prefix}_raw.{name} ORDER BY {key}")
        result[name] = (len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
    return result


def test_a_backup_brings_back_the_same_content(
    server: ServerForTest, sandbox: RunningSandbox
) -> None:
    settings = settings_for(server, sandbox, server.url)
    steps.prepare(settings)
    for step in STEPS:
        run_step(step, settings)
    before = content(server)
    assert before["price_bars"][0] > 500
    dump = server.folder / "raw.sql"
    raw = f"{server.prefix}_raw"
    options = ["--single-transaction", "--quick", "--hex-blob"]
    # The client of MariaDB writes dumps that both servers read.
    with dump.open("wb") as file:
        dumper = tool("mariadb-dump", "mysqldump")
        call(server, dumper, *options, "--databases", raw, stdout=file)
    server.execute(f"DROP DATABASE {raw}")
    assert not server.warehouse().has_table("price_bars")
    with dump.open("rb") as file:
        call(server, tool("mariadb", "mysql"), stdin=file)
    assert content(server) == before
    indexes = server.execute(
        "SELECT count(*) FROM information_schema.statistics "
        "WHERE table_schema = %s AND index_name = 'ix_loaded_at'",
        raw,
    )
    assert indexes[0][0] == len(TABLES)
    for step in STEPS:
        assert sum(run_step(step, settings).rows.values()) == 0, step
