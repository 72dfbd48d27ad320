"""What a server's error means: whether it passes by itself, and what the reader can do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingestion.errors import WarehouseError

#: Errors after which the same statement may succeed: lost connections, locks, a server that
#: starts or stops.
TRANSIENT = frozenset(
    (
        *(1040, 1042, 1043, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213),
        *(1226, 1317, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031),
    )
)
_WAIT_FOR_LOCK = frozenset((1205,))
_REMEDIES: tuple[tuple[frozenset[int], str], ...] = (
    (
        frozenset((1045, 1698, 1862)),
        "check user and password in CFW_WAREHOUSE_URL (percent-encode special characters)",
    ),
    (
        frozenset((1044, 1142, 1143, 1227, 1370, 1410)),
        "grant it to this user; deploy/mysql/users.sql holds the grants of every role",
    ),
    (
        frozenset((3, 28, 1021, 1026, 1114, 1041, 1030, 14)),
        "free space on the server's disk (data folder and tmpdir)",
    ),
    (
        _WAIT_FOR_LOCK,
        "end the session that holds the table (SHOW PROCESSLIST), or raise "
        "CFW_MYSQL_LOCK_WAIT_SECONDS",
    ),
    (frozenset((1213,)), "another session wrote to the same rows; let one writer run at a time"),
    (
        frozenset((2002, 2003, 2005)),
        "start the server, or correct host and port in CFW_WAREHOUSE_URL",
    ),
    (
        frozenset((1053, 1077, 1079, 1927, 2006, 2013, 2014, 2055, 4031)),
        "the server went away; see that it runs, and its error log",
    ),
    (frozenset((1040, 1203, 1226)), "raise the server's max_connections, or close other clients"),
    (frozenset((2026,)), "check CFW_MYSQL_SSL_CA, CFW_MYSQL_SSL_CERT and CFW_MYSQL_SSL_KEY"),
    (frozenset((1153, 2020)), "raise the server's max_allowed_packet to 64M"),
    (frozenset((1290, 1836)), "the server is read-only; point CFW_WAREHOUSE_URL at the primary"),
    (
        frozenset((1146, 1049, 1054)),
        "run cfw ingest once to create the raw tables, and check CFW_SCHEMA_PREFIX",
    ),
    (
        frozenset((1264, 1265, 1366, 1406, 1048, 1062, 4025, 3819)),
        "the value does not fit its column; this is a fault of the program, please report it",
    ),
)
_DEFAULT = "see the server's error log"
#: Statements and values of an error text are left out: they are long and may be private.
_TAIL = re.compile(r"\s*\[SQL:.*", re.DOTALL)
_MAX_TEXT = 240


class ServerError(WarehouseError):
    """A server refused or was not reached.

    Attributes:
        code: the server's or the driver's error number; 0 where there is none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        """Keep the number beside the one line."""
        super().__init__(message)
        self.code = code


def is_transient(code: int | None) -> bool:
    """Return whether a failure with this number may pass by itself."""
    return code in TRANSIENT


def error_code(error: BaseException) -> int | None:
    """Return the server's error number behind an exception, or None."""
    for cause in _chain(error):
        if isinstance(cause, ServerError):
            return cause.code
        code = _driver_code(cause)
        if code is not None:
            return code
    return None


def own_error(error: BaseException, place: str, user: str) -> ServerError:
    """Return one line about a driver's error: what happened, where, and what to do."""
    driver = next((c for c in _chain(error) if _driver_code(c) is not None), error)
    if isinstance(driver, ServerError):
        return driver
    code = _driver_code(driver) or 0
    text = driver.args[1] if len(driver.args) > 1 else str(driver)
    what = " ".join(_TAIL.sub("", str(text)).split())[:_MAX_TEXT].rstrip(".") or "no text"
    code = _finer(code, what)
    remedy = next((words for codes, words in _REMEDIES if code in codes), _DEFAULT)
    number = f" {code}" if code else ""
    who = f"{user}@{place}" if user else place
    return ServerError(f"server {who}: error{number}: {what}; {remedy}", code)


def _finer(code: int, what: str) -> int:
    """Return a more telling number: the driver reports a failed TLS handshake as no connection."""
    lowered = what.lower()
    if code == 2003 and ("certificate" in lowered or "ssl" in lowered):
        return 2026
    if code == 2003 and ("name or service not known" in lowered or "getaddrinfo" in lowered):
        return 2005
    return code


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        # SQLAlchemy keeps the driver's error in ``orig``.
        cause = getattr(cause, "orig", None) or cause.__cause__ or cause.__context__


def _driver_code(error: BaseException) -> int | None:
    import pymysql  # type: ignore[import-untyped]

    if isinstance(error, ServerError):
        return error.code
    if isinstance(error, pymysql.MySQLError):
        first = error.args[0] if error.args else 0
        # The driver raises number 0 when its own side of a connection is closed.
        return (first or 2013) if isinstance(first, int) else 2013
    return None
