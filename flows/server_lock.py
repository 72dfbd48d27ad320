"""The run lock on a server: a named lock of its own connection, which every machine meets."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Iterator
from typing import Any

import pymysql  # type: ignore[import-untyped]

from flows.errors import LockedError, RunningError
from ingestion.config import Settings
from ingestion.server import Server
from ingestion.server_errors import own_error

logger = logging.getLogger(__name__)

#: The holder is heard from this often; a server that hears nothing for four times as long frees
#: the lock, so a machine that vanished blocks nobody.
_HEARTBEAT_SECONDS = 30.0
_SILENCE_SECONDS = 120


@contextlib.contextmanager
def server_lock(settings: Settings, wait_seconds: float, flow: str = "") -> Iterator[None]:
    """Hold the server's lock of this schema prefix for one run, or the name of a flow.

    The server frees it when the connection ends, whatever ended it.

    Raises:
        LockedError: another run holds the warehouse.
        WarehouseError: the server was not reached.
    """
    server = Server.of(settings)
    name = f"cfw_{flow or 'run'}_{settings.schema_prefix}"
    # Waiting for the lock may be wanted for longer than a statement usually takes.
    connection = server.connect(read_timeout=math.ceil(wait_seconds) + 60)
    try:
        _acquire(connection, server, name, wait_seconds, flow)
        ended = threading.Event()
        beat = threading.Thread(target=_keep_alive, args=(connection, ended), daemon=True)
        beat.start()
        try:
            yield
        finally:
            ended.set()
            beat.join()
    finally:
        # The server frees the lock with the connection.
        with contextlib.suppress(pymysql.MySQLError, OSError):
            connection.close()


def _acquire(connection: Any, server: Server, name: str, wait_seconds: float, flow: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = %s", (_SILENCE_SECONDS,))
            cursor.execute("SELECT GET_LOCK(%s, %s)", (name, math.ceil(wait_seconds)))
            if cursor.fetchone()[0] == 1:
                return
            who = _holder(cursor, name)
    except pymysql.MySQLError as error:
        raise own_error(error, server.place, server.user) from None
    raise held_by(who, f"lock {name} on {server.place}", flow)


def held_by(who: str, place: str, flow: str) -> LockedError:
    """Return the error that tells who holds the warehouse, or runs the flow."""
    if flow:
        return RunningError(f"{flow} is running already: {who} ({place}); wait for it to end")
    return LockedError(
        f"the warehouse is in use by {who} ({place}); wait for it to end, or use --wait"
    )


def _holder(cursor: Any, name: str) -> str:
    """Return what the server tells about the holder; others' sessions need a grant to be seen."""
    cursor.execute("SELECT IS_USED_LOCK(%s)", (name,))
    session = cursor.fetchone()[0]
    if session is None:
        return "another run"
    cursor.execute(
        "SELECT user, host FROM information_schema.processlist WHERE id = %s", (session,)
    )
    found = cursor.fetchone()
    return f"session {session}" + (f" of {found[0]} from {found[1]}" if found else "")


def _keep_alive(connection: Any, ended: threading.Event) -> None:
    while not ended.wait(_HEARTBEAT_SECONDS):
        try:
            connection.ping(reconnect=False)
        except (pymysql.MySQLError, OSError) as error:
            logger.warning(
                "the run lock was lost with its connection (%s); let no second run start",
                type(error).__name__,
            )
            return
