"""Servers for tests: one that is given, or a private one started from the binary found here.

``CFW_TEST_MYSQL_URL`` names a server to use (its user must be allowed to create databases and
users). Without it a private server is started: own data folder, free port, ended with the
session. ``CFW_TEST_MYSQL97_URL`` names a second one, real MySQL; tests then run on both.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pymysql
import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse

INSTALL = "no mariadbd or mysqld found; run: apt-get install mariadb-server (or set {name})"
GIVEN = "CFW_TEST_MYSQL_URL"
GIVEN_SECOND = "CFW_TEST_MYSQL97_URL"
#: Servers of this machine: the second is there only where its URL is given.
SERVERS = ("server", *(("mysql97",) if os.environ.get(GIVEN_SECOND) else ()))
_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin")
_START_SECONDS = 90.0


def find_binary(*names: str) -> str | None:
    """Return the first program of these names, on the PATH or where servers are installed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


class PrivateServer:
    """A server with a data folder of its own."""

    def __init__(self, *options: str) -> None:
        """Make the data folder; ``options`` are added to the server's command line."""
        binary = find_binary("mariadbd", "mysqld")
        if binary is None:
            pytest.fail(INSTALL.format(name=GIVEN), pytrace=False)
        self.binary = binary
        # A socket's path may have 107 characters, so not below pytest's own folder.
        self.folder = Path(tempfile.mkdtemp(prefix="cfw-server-"))
        self.options = options
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._initialise()

    @property
    def url(self) -> str:
        """URL of a user who may do everything."""
        return f"mysql://cfw:cfw@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = self.folder / "server.log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [self.binary, *self._arguments(), *self.options],
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
                pytest.fail(f"{self.binary} did not start: {' | '.join(last)}", pytrace=False)
            time.sleep(0.1)

    def kill(self) -> None:
        """End the server without a word, as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _arguments(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--user={getpass.getuser()}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 's.sock'}",
            f"--pid-file={self.folder / 'server.pid'}",
            f"--tmpdir={self.folder}",
            f"--init-file={self.folder / 'init.sql'}",
            "--skip-log-bin",
            "--local-infile=1",
            "--innodb-buffer-pool-size=256M",
            "--innodb-flush-log-at-trx-commit=2",
        ]

    def _initialise(self) -> None:
        data = self.folder / "data"
        user = f"--user={getpass.getuser()}"
        if "MariaDB" in _output([self.binary, "--version"]):
            program = find_binary("mariadb-install-db", "mysql_install_db")
            command = [program or "mariadb-install-db", "--no-defaults", "--skip-test-db"]
            command += ["--auth-root-authentication-method=normal", user, f"--datadir={data}"]
        else:
            command = [self.binary, "--no-defaults", "--initialize-insecure", user]
            command += [f"--datadir={data}"]
        _output(command)
        statements = (
            "CREATE USER IF NOT EXISTS cfw@'%' IDENTIFIED BY 'cfw';\n"
            "GRANT ALL ON *.* TO cfw@'%' WITH GRANT OPTION;\n"
            # An anonymous local user would be preferred to cfw@'%'.
            "CREATE USER IF NOT EXISTS cfw@localhost IDENTIFIED BY 'cfw';\n"
            "GRANT ALL ON *.* TO cfw@localhost WITH GRANT OPTION;\n"
        )
        (self.folder / "init.sql").write_text(statements, encoding="utf-8")


@dataclass
class ServerForTest:
    """A server, a schema prefix that nobody else uses, and settings that lead there."""

    url: str
    folder: Path
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    users: list[str] = field(default_factory=list)

    def settings(self, **changes: Any) -> Settings:
        """Return settings of this warehouse."""
        values = {
            "warehouse_url": self.url,
            "schema_prefix": self.prefix,
            "data_dir": self.folder / "data",
            **changes,
        }
        return Settings(_env_file=None, **values)

    def warehouse(self, **changes: Any) -> Warehouse:
        """Return the warehouse of these settings."""
        return Warehouse(self.settings(**changes))

    def execute(self, sql: str, *params: Any) -> list[Any]:
        """Run a statement as the user who may do everything."""
        with contextlib.closing(connect(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return list(cursor.fetchall())

    def user(self, *grants: str, password: str = "p@ss:w/rd%") -> str:  # noqa: S107 - a test's
        """Create a user with these grants (``{p}`` is the prefix) and return its URL."""
        name = f"{self.prefix}_{len(self.users)}"
        self.users.append(name)
        for host in ("%", "localhost"):
            quoted = password.replace("'", "''")
            self.execute(f"CREATE USER {name}@'{host}' IDENTIFIED BY '{quoted}'")
            for grant in grants:
                privileges, scope = grant.format(p=self.prefix).split(" ON ")
                self.execute(f"GRANT {privileges} ON {scope} TO {name}@'{host}'")
        place = urlsplit(self.url)
        return f"mysql://{name}:{quote(password, safe='')}@{place.hostname}:{place.port}"

    def databases(self) -> list[str]:
        """Return the databases of the prefix."""
        found = self.execute(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE %s",
            f"{self.prefix}\\_%",
        )
        return [row[0] for row in found]

    def clean(self) -> None:
        """Drop what the test made."""
        for name in self.databases():
            self.execute(f"DROP DATABASE `{name}`")
        for name in self.users:
            for host in ("%", "localhost"):
                self.execute(f"DROP USER IF EXISTS {name}@'{host}'")


def connect(url: str) -> Any:
    """Return a plain connection."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        autocommit=True,
        connect_timeout=5,
    )


@pytest.fixture(scope="session")
def server_url() -> Iterator[Callable[[str], str]]:
    """Return the URL of a server by its name in ``SERVERS``; the private one starts when asked."""
    private: list[PrivateServer] = []

    def url(name: str) -> str:
        given = os.environ.get(GIVEN if name == "server" else GIVEN_SECOND)
        if given:
            if not _answers(given):
                pytest.fail(f"{GIVEN}/{GIVEN_SECOND}: the server does not answer", pytrace=False)
            return given.rstrip("/")
        if not private:
            private.append(PrivateServer())
            private[0].start()
        return private[0].url

    yield url
    for server in private:
        server.stop()


@pytest.fixture(params=SERVERS)
def server(
    request: pytest.FixtureRequest, server_url: Callable[[str], str], tmp_path: Path
) -> Iterator[ServerForTest]:
    """Return a warehouse of its own on each server; its databases and users are dropped."""
    made = ServerForTest(server_url(request.param), tmp_path)
    yield made
    made.clean()


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-2:]
        pytest.fail(f"{command[0]} failed: {' | '.join(last)}", pytrace=False)
    return done.stdout + done.stderr


def _answers(url: str) -> bool:
    try:
        connect(url).close()
    except (pymysql.MySQLError, OSError):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
