"""The servers that are measured: the named ones, and a private MariaDB where it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ingestion.config import Settings
from ingestion.engine import engine_for
from tests.support.mysql_server import PrivateServer, find_binary

VARIABLES = {"mariadb": "CFW_BENCH_MARIADB_URL", "mysql": "CFW_BENCH_MYSQL_URL"}
#: What a server of this size would be given; durable as it comes, unlike the tests' own.
_OPTIONS = (
    "--innodb-buffer-pool-size=2G",
    "--innodb-log-file-size=1G",
    "--innodb-flush-log-at-trx-commit=1",
)


@contextmanager
def bench_server(engine: str, say: Callable[[str], None]) -> Iterator[str | None]:
    """Yield the URL of a server of this kind, or None where there is none; say why.

    Args:
        engine: mariadb or mysql.
        say: gets a line where the engine is left out.
    """
    variable = VARIABLES[engine]
    if url := os.environ.get(variable):
        say(f"{engine}: {_setup(url)}")
        yield url
    elif engine == "mariadb" and find_binary("mariadbd"):
        server = PrivateServer(*_OPTIONS)
        try:
            server.start()
            say(f"{engine}: {_setup(server.url)}")
            yield server.url
        finally:
            server.stop()
    else:
        say(f"{engine}: left out; set {variable} to a server that may be filled")
        yield None


def _setup(url: str) -> str:
    """Return the server's version and the settings that its figures depend on, on one line."""
    found = engine_for(Settings(warehouse_url=url)).query(
        "show global variables where variable_name in ('version', 'innodb_buffer_pool_size', "
        "'innodb_redo_log_capacity', 'innodb_log_file_size')",
        (),
    )
    values = {row["Variable_name"]: row["Value"] for row in found}
    redo_log = int(values.get("innodb_redo_log_capacity") or values["innodb_log_file_size"]) >> 20
    pool = int(values["innodb_buffer_pool_size"]) >> 20
    return f"{values['version']}, buffer pool {pool} MiB, redo log {redo_log} MiB"
