"""A MySQL or MariaDB server for tests: the one given, or a private one that ends with the session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

URL_SETTING = "CFW_TEST_MYSQL_URL"
START_SECONDS = 90
MISSING = (
    "no MySQL or MariaDB server: set CFW_TEST_MYSQL_URL=mysql://user:password@host:port, or install one "
    "(Debian, Ubuntu: apt-get install mariadb-server-core)"
)


@dataclass(frozen=True)
class Server:
    """A running server: where it is, and the dbt target that speaks to it."""

    url: str
    engine: str
    """`mysql` or `mariadb`, as in CFW_WAREHOUSE_ENGINE."""


@contextmanager
def running_server() -> Iterator[Server]:
    """Gives the server of CFW_TEST_MYSQL_URL, else a private one in a temporary folder.

    Raises:
        FileNotFoundError: neither is there; the message says what to install.
    """
    given = os.environ.get(URL_SETTING)
    if given:
        yield Server(given, engine_of(given))
        return
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="cfw-server-") as name:
        folder = Path(name)
        process = _start(binary, folder, port := _free_port())
        try:
            _wait_until_ready(process, folder)
            url = f"mysql://root@127.0.0.1:{port}"
            yield Server(url, engine_of(url))
        finally:
            process.terminate()
            process.wait(timeout=60)


def engine_of(url: str) -> str:
    """Asks a server whether it is MariaDB or MySQL."""
    from tests.parity.raw_tables import connect

    with connect(url) as connection:
        cursor = connection.cursor()
        cursor.execute("select version()")
        version = str((cursor.fetchone() or [""])[0])
    return "mariadb" if "mariadb" in version.lower() else "mysql"


def _binary() -> Path:
    for name in ("mariadbd", "mysqld"):
        found = shutil.which(name) or shutil.which(
            name, path="/usr/sbin:/usr/local/sbin:/usr/libexec"
        )
        if found:
            return Path(found)
    raise FileNotFoundError(MISSING)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(binary: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Initialises a data folder and starts the server on loopback only."""
    data, log = folder / "data", folder / "server.log"
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    if "mariadb" in binary.resolve().name:
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}"]
        install += ["--auth-root-authentication-method=normal", "--skip-test-db", *as_root]
    else:
        install = [
            str(binary),
            "--no-defaults",
            "--initialize-insecure",
            f"--datadir={data}",
            *as_root,
        ]
    with log.open("wb") as output:
        subprocess.run(install, check=True, stdout=output, stderr=output)
        return subprocess.Popen(
            [
                str(binary),
                "--no-defaults",
                f"--datadir={data}",
                f"--socket={folder / 's.sock'}",
                f"--pid-file={folder / 'server.pid'}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                "--skip-log-bin",
                "--local-infile=1",
                "--innodb-buffer-pool-size=512M",
                *as_root,
            ],
            stdout=output,
            stderr=output,
        )


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            pymysql.connect(unix_socket=str(folder / "s.sock"), user="root").close()
        except pymysql.err.OperationalError:
            time.sleep(0.2)
        else:
            return
    last = (folder / "server.log").read_text(errors="replace").splitlines()[-3:]
    msg = f"the test server did not start within {START_SECONDS} s: {' | '.join(last)}"
    raise RuntimeError(msg)
