"""How a MySQL or MariaDB server is reached: address, password, TLS, and session settings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ingestion.config import Settings
from ingestion.errors import SettingsError
from ingestion.server_errors import error_code, is_transient, own_error

_CONNECT_SECONDS = 10
#: A statement may work this long before its connection counts as dead: a first index build.
_READ_SECONDS = 3600
_ATTEMPTS = 3
_WAIT_SECONDS = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """A server of a ``mysql://`` URL. Its ``repr`` holds no password.

    Attributes:
        tls: keyword arguments of the driver; empty without a certificate authority.
        lock_wait_seconds: how long a statement waits for another session's lock.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: dict[str, Any]
    lock_wait_seconds: int

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Return the server that the settings name.

        Raises:
            SettingsError: a TLS file does not exist.
        """
        parts = urlsplit(settings.warehouse_url)
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=_tls(settings),
            lock_wait_seconds=settings.mysql_lock_wait_seconds,
        )

    @property
    def place(self) -> str:
        """Host and port, as a message names them."""
        return f"{self.host}:{self.port}"

    def connect_arguments(self) -> dict[str, Any]:
        """Return what the driver takes besides address, user and password."""
        wait = self.lock_wait_seconds
        return {
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
            "write_timeout": _READ_SECONDS,
            # A value that does not fit must be an error, whatever the server's own mode is.
            "sql_mode": "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
            "init_command": (
                f"SET time_zone = '+00:00', lock_wait_timeout = {wait}, "
                f"innodb_lock_wait_timeout = {wait}"
            ),
            **self.tls,
        }

    def connect(self, kind: Callable[..., Any] | None = None, **arguments: Any) -> Any:
        """Open a connection that commits by itself.

        Args:
            kind: the connection's class, if not the driver's own.
            arguments: replace the usual ones of the driver.

        Raises:
            WarehouseError: one line that names the reason and the remedy.
        """
        import pymysql  # type: ignore[import-untyped]

        try:
            return (kind or pymysql.connect)(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                **{**self.connect_arguments(), "autocommit": True, **arguments},
            )
        except (pymysql.MySQLError, OSError) as error:
            raise own_error(error, self.place, self.user) from None

    @contextlib.contextmanager
    def session(self, kind: Callable[..., Any] | None = None, **arguments: Any) -> Iterator[Any]:
        """Hold a connection for a few statements; the server's errors leave as this package's."""
        import pymysql

        connection = self.connect(kind, **arguments)
        try:
            yield connection
        except pymysql.MySQLError as error:
            raise own_error(error, self.place, self.user) from None
        finally:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                connection.close()

    def kind(self) -> str:
        """Return ``mariadb`` or ``mysql``, as the server names itself."""
        with self.session() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            return "mariadb" if "mariadb" in str(cursor.fetchone()[0]).lower() else "mysql"

    def retried(self, work: Callable[[], T]) -> T:
        """Do work that may be repeated; a failure that passes by itself is tried again twice."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return work()
            except Exception as error:
                if not is_transient(error_code(error)):
                    raise
                time.sleep(_WAIT_SECONDS * attempt)
        return work()


def _tls(settings: Settings) -> dict[str, Any]:
    files = {
        "ssl_ca": settings.mysql_ssl_ca,
        "ssl_cert": settings.mysql_ssl_cert,
        "ssl_key": settings.mysql_ssl_key,
    }
    given: dict[str, Any] = {name: _file(name, path) for name, path in files.items() if path}
    if not given:
        return {}
    if "ssl_ca" in given:
        given["ssl_verify_cert"] = True
        given["ssl_verify_identity"] = settings.mysql_ssl_verify
    return given


def _file(name: str, path: Path) -> str:
    if not path.is_file():
        msg = f"CFW_MYSQL_{name.upper()}: there is no file {path}; give the path of a PEM file"
        raise SettingsError(msg)
    return str(path)
