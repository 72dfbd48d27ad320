"""The servers that are measured: the named ones, and a private MariaDB where it is installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        yield url
    elif engine == "mariadb" and find_binary("mariadbd"):
        server = PrivateServer(*_OPTIONS)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()
    else:
        say(f"{engine}: left out; set {variable} to a server that may be filled")
        yield None
