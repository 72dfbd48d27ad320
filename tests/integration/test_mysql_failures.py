"""A server that dies, or whose disk is full, in the middle of a load: private servers to hurt."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.lock import run_lock
from ingestion import bulk
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SettingsError, WarehouseError
from tests.support.certificates import make_certificates
from tests.support.mysql_server import PrivateServer

ROOT = Path(__file__).parents[2]
CLOCK = datetime(2024, 1, 1, tzinfo=UTC)
#: All tables in one file of a fixed size: full like a disk, with the same error 1114.
SMALL_DISK = ("--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M")
MENTIONS: list[dict[str, Any]] = [
    {
        "text_id": f"{number:064d}",
        "symbol": "BTC",
        "rule": "name",
        "matched": "Bitcoin",
        "start_offset": 0,
        "end_offset": 7,
        "is_sample": True,
    }
    for number in range(60_000)
]
Start = Callable[..., PrivateServer]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[PrivateServer] = []

    def started(*options: str) -> PrivateServer:
        servers.append(PrivateServer(*options))
        servers[-1].start()
        return servers[-1]

    yield started
    for server in servers:
        server.stop()


def warehouse_of(server: PrivateServer, folder: Path) -> Warehouse:
    settings = Settings(
        _env_file=None, warehouse_url=server.url, data_dir=folder, now=CLOCK, schema_prefix="hurt"
    )
    return Warehouse(settings)


def stored(warehouse: Warehouse) -> int:
    counts = "count(*) AS n, count(DISTINCT text_id) AS d"
    row = warehouse.query(f"SELECT {counts} FROM {warehouse.table('asset_mentions')}")[0]
    assert row["n"] == row["d"]
    return int(row["n"])


def test_a_load_goes_on_when_the_server_comes_back(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    warehouse = warehouse_of(server, tmp_path)
    warehouse.load("scoring", {"asset_mentions": MENTIONS[:10]})
    real, times = bulk._load_file, []

    def dying(*arguments: Any) -> None:
        times.append(1)
        if len(times) == 1:
            server.kill()
            server.start()
        real(*arguments)

    monkeypatch.setattr(bulk, "_load_file", dying)
    loaded = warehouse.load("scoring", {"asset_mentions": MENTIONS[:5_000]})
    assert loaded == {"asset_mentions": 4_990}
    assert len(times) == 2
    assert stored(warehouse) == 5_000


def test_a_server_that_stays_away_is_named_and_the_next_run_finishes(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.pipeline._WAIT_SECONDS", 0.1)
    server = start()
    warehouse = warehouse_of(server, tmp_path)
    warehouse.load("scoring", {"asset_mentions": MENTIONS[:10]})
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "_load_file", lambda *_: server.kill())
        with pytest.raises(WarehouseError) as caught:
            warehouse.load("scoring", {"asset_mentions": MENTIONS[:5_000]})
    message = str(caught.value)
    assert "\n" not in message
    assert f"127.0.0.1:{server.port}" in message
    assert "server" in message
    server.start()
    assert stored(warehouse) == 10
    warehouse.load("scoring", {"asset_mentions": MENTIONS[:5_000]})
    assert stored(warehouse) == 5_000


def test_a_full_disk_is_named_and_nothing_is_lost(start: Start, tmp_path: Path) -> None:
    server = start(*SMALL_DISK)
    warehouse = warehouse_of(server, tmp_path)
    warehouse.load("scoring", {"asset_mentions": MENTIONS[:100]})
    with pytest.raises(WarehouseError) as caught:
        warehouse.load("scoring", {"asset_mentions": MENTIONS})
    message = str(caught.value)
    assert "\n" not in message
    assert "1114" in message
    assert "free space" in message
    assert stored(warehouse) == 100


def test_tls_is_used_and_its_failures_are_named(start: Start, tmp_path: Path) -> None:
    make_certificates(tmp_path, "localhost")
    other = tmp_path / "other"
    other.mkdir()
    make_certificates(other, "localhost")
    server = start(
        f"--ssl-cert={tmp_path / 'server.pem'}",
        f"--ssl-key={tmp_path / 'server-key.pem'}",
        f"--ssl-ca={tmp_path / 'ca.pem'}",
        "--require-secure-transport=1",
    )
    named = server.url.replace("127.0.0.1", "localhost")

    def warehouse(url: str, **changes: Any) -> Warehouse:
        settings = Settings(_env_file=None, warehouse_url=url, data_dir=tmp_path, **changes)
        return Warehouse(settings)

    assert warehouse(named).query("SHOW STATUS LIKE 'Ssl_cipher'")[0]["Value"]
    good = warehouse(named, mysql_ssl_ca=tmp_path / "ca.pem")
    assert good.load("scoring", {"asset_mentions": MENTIONS[:3_000]}) == {"asset_mentions": 3_000}
    assert good.query("SHOW STATUS LIKE 'Ssl_cipher'")[0]["Value"]
    with run_lock(good.settings):
        pass
    with pytest.raises(WarehouseError, match="CFW_MYSQL_SSL_CA"):
        warehouse(named, mysql_ssl_ca=other / "ca.pem").ensure_tables()
    with pytest.raises(WarehouseError, match="CFW_MYSQL_SSL_CA"):
        warehouse(server.url, mysql_ssl_ca=tmp_path / "ca.pem").ensure_tables()
    unnamed = warehouse(server.url, mysql_ssl_ca=tmp_path / "ca.pem", mysql_ssl_verify=False)
    assert unnamed.query("SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(SettingsError, match="CFW_MYSQL_SSL_CA: there is no file"):
        warehouse(named, mysql_ssl_ca=tmp_path / "nothing.pem")


@pytest.mark.parametrize(
    ("command", "url", "words"),
    [
        ("ingest", "mysql://cfw:p%40ss%2Fw@127.0.0.1:1", "start the server"),
        ("status", "mysql://cfw:p%40ss%2Fw@127.0.0.1:1", "start the server"),
        ("ingest", "mysql://cfw:p@ss/w@127.0.0.1:1", "percent-encoded"),
    ],
)
def test_the_command_line_says_it_in_one_line_without_the_password(
    command: str, url: str, words: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", command],
        env={**os.environ, "CFW_WAREHOUSE_URL": url, "CFW_DATA_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert words in done.stderr
    assert not any(secret in done.stderr + done.stdout for secret in ("p@ss", "p%40ss", "ss/w"))
