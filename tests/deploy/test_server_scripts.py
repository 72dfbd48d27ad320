"""The scripts beside the server: users from files of passwords, backup and restore."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from flows import steps
from ingestion.destination import Warehouse
from ingestion.errors import WarehouseError
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from ingestion.steps import run_step
from tests.support.dockerfile import ROOT
from tests.support.mysql_server import ServerForTest, find_binary

SCRIPTS = ROOT / "deploy" / "mysql"
ROLES = ("loader", "transformer", "reader", "worker", "monitor", "backup")
#: Every character that a shell, sed or SQL could trip over, but for the one that splits statements.
PASSWORD = r"a'b\c&d/e$f\"g%h`i"  # noqa: S105 - a test's


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(generate_sample()) as running:
        yield running


def users_sql(folder: Path, prefix: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPTS / "users.sh")],
        env={
            "PATH": os.environ["PATH"],
            "CFW_SECRETS_DIR": str(folder),
            "CFW_SCHEMA_PREFIX": prefix,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def passwords(folder: Path) -> Path:
    folder.mkdir()
    for role in ROLES:
        (folder / f"mysql_{role}_password").write_text(f"{PASSWORD}{role}", encoding="utf-8")
    return folder


@pytest.fixture
def urls(server: ServerForTest, tmp_path: Path) -> dict[str, str]:
    """The users of the project, named for this test, with passwords that are hard to quote."""
    done = users_sql(passwords(tmp_path / "secrets"), server.prefix)
    assert done.returncode == 0, done.stderr
    assert "CHANGE_ME" not in done.stdout
    text = re.sub(r"^--.*$", "", done.stdout, flags=re.MULTILINE)
    text = text.replace("'cfw_", f"'{server.prefix}_")
    for statement in filter(str.strip, text.split(";")):
        server.execute(statement.replace("%", "%%") if "%%" in statement else statement)
    place = urlsplit(server.url)
    server.users += [f"{server.prefix}_{role}" for role in ROLES]
    return {
        role: f"mysql://{server.prefix}_{role}:{quote(PASSWORD + role, safe='')}"
        f"@{place.hostname}:{place.port}"
        for role in ROLES
    }


def denied(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(WarehouseError, match=r"error (1142|1044|1370|1227): .* denied"):
        warehouse.query(sql)


def grants(user: str) -> set[tuple[str, str]]:
    """Return (privilege, databases) of a user in users.sql."""
    text = re.sub(r"^--.*$", "", (SCRIPTS / "users.sql").read_text(), flags=re.MULTILINE)
    found = set()
    for privileges, scope, name in re.findall(
        r"GRANT (.+?)\s+ON (\S+) TO '(\w+)'", text, re.DOTALL
    ):
        if name == user:
            found |= {(word.strip(), scope) for word in " ".join(privileges.split()).split(",")}
    return found


def test_the_worker_may_what_loader_and_transformer_may_and_write_the_journal() -> None:
    both = grants("cfw_loader") | grants("cfw_transformer")
    extra = grants("cfw_worker") - both
    assert grants("cfw_worker") >= both
    assert {scope for _, scope in extra} <= {r"`crypto\_ops`.*"}
    assert ("INSERT", r"`crypto\_ops`.*") in grants("cfw_worker")
    assert {privilege for privilege, _ in grants("cfw_monitor")} == {"SELECT", "SHOW VIEW"}


def test_an_init_script_that_is_sourced_not_run() -> None:
    """The image of the server runs executable scripts apart: this one would only print then."""
    assert not os.access(SCRIPTS / "users.sh", os.X_OK)


def test_a_missing_password_is_one_line_and_no_user_is_made(tmp_path: Path) -> None:
    folder = passwords(tmp_path / "secrets")
    (folder / "mysql_reader_password").write_text("", encoding="utf-8")
    done = users_sql(folder, "crypto")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no password for cfw_reader; run deploy/make-secrets.sh" in done.stderr


def test_each_user_may_do_its_work_and_no_more(
    server: ServerForTest, sandbox: RunningSandbox, urls: dict[str, str]
) -> None:
    start = sandbox.state.now - timedelta(days=2)
    values = {**sandbox.env(), "CFW_SYMBOLS": "BTC", "CFW_HISTORY_START": start.isoformat()}
    raw, ops = f"{server.prefix}_raw", f"{server.prefix}_ops"
    working = server.settings(**{**values, "warehouse_url": urls["worker"]})
    steps.prepare(working)
    assert sum(run_step("coinbase", working).rows.values()) > 0
    worker = Warehouse(working)
    denied(worker, f"DELETE FROM {raw}.price_bars")
    denied(worker, f"DROP TABLE {raw}.price_bars")
    worker.query(f"CREATE DATABASE {ops}")
    worker.query(f"CREATE TABLE {ops}.flow_runs (run_id varchar(36) primary key)")
    monitor = Warehouse(server.settings(warehouse_url=urls["monitor"]))
    assert monitor.query(f"SELECT count(*) AS n FROM {raw}.price_bars")[0]["n"] > 0
    monitor.query(f"SELECT count(*) AS n FROM {ops}.flow_runs")
    denied(monitor, f"DELETE FROM {ops}.flow_runs")
    denied(monitor, f"CREATE TABLE {raw}.x (y int)")
    backup = Warehouse(server.settings(warehouse_url=urls["backup"]))
    denied(backup, f"DELETE FROM {raw}.price_bars")


def back_up(server: ServerForTest, folder: Path, keep: int) -> subprocess.CompletedProcess[str]:
    place = urlsplit(server.url)
    return subprocess.run(
        ["bash", str(SCRIPTS / "backup.sh")],
        env={
            "PATH": os.environ["PATH"],
            "CFW_SCHEMA_PREFIX": server.prefix,
            "CFW_BACKUP_HOST": str(place.hostname),
            "CFW_BACKUP_PORT": str(place.port),
            "CFW_BACKUP_USER": f"{server.prefix}_backup",
            "CFW_BACKUP_PASSWORD_FILE": str(server.folder / "secrets" / "mysql_backup_password"),
            "CFW_BACKUP_DIR": str(folder),
            "CFW_BACKUP_KEEP": str(keep),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_is_whole_restores_and_old_ones_go(
    server: ServerForTest, sandbox: RunningSandbox, urls: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    missing = back_up(server, folder, 2)
    assert missing.returncode == 1
    assert f"no database {server.prefix}_raw on this server" in missing.stderr
    values = {**sandbox.env(), "CFW_SYMBOLS": "BTC", "warehouse_url": urls["worker"]}
    settings = server.settings(**values, history_start=sandbox.state.now - timedelta(days=2))
    steps.prepare(settings)
    run_step("coinbase", settings)
    for day in ("20200101", "20200102", "20200103"):
        (folder / f"{server.prefix}_raw-{day}T000000Z.sql.gz").touch()
    done = back_up(server, folder, 2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("backup: ")
    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 2
    assert "20200103" in kept[0]
    wanted = server.execute(f"SELECT count(*), sum(close) FROM {server.prefix}_raw.price_bars")
    server.execute(f"DROP DATABASE {server.prefix}_raw")
    client = find_binary("mariadb", "mysql")
    assert client, "no client found; run: apt-get install mariadb-client"
    place = urlsplit(server.url)
    subprocess.run(
        [client, "-h", str(place.hostname), "-P", str(place.port), "-u", "cfw"],
        env={**os.environ, "MYSQL_PWD": "cfw"},
        input=gzip.decompress((folder / kept[1]).read_bytes()),
        check=True,
    )
    assert wanted == server.execute(
        f"SELECT count(*), sum(close) FROM {server.prefix}_raw.price_bars"
    )


def test_a_dump_that_breaks_off_leaves_no_file(
    server: ServerForTest, urls: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    server.execute(f"CREATE DATABASE {server.prefix}_raw")
    server.execute(f"CREATE VIEW {server.prefix}_raw.broken AS SELECT 1 AS x")
    server.execute(f"CREATE TABLE {server.prefix}_raw.t (x int)")
    server.execute(
        f"CREATE OR REPLACE VIEW {server.prefix}_raw.broken AS SELECT x FROM {server.prefix}_raw.t"
    )
    server.execute(f"DROP TABLE {server.prefix}_raw.t")
    done = back_up(server, folder, 2)
    assert done.returncode != 0
    assert list(folder.iterdir()) == []
    assert urls
