"""One writer at a time: the run lock of a warehouse."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from flows.errors import LockedError
from flows.server_lock import held_by, server_lock
from ingestion.config import Settings
from ingestion.engine import duckdb_path

#: A reader holds a DuckDB file for less than this; a mark that is older was left by a kill.
_READER_SECONDS = 30.0


def lock_path(settings: Settings) -> Path:
    """Return the lock's file: beside a DuckDB file, so that every caller meets the same one.

    For a server, whose lock is no file, its stem still names the warehouse's working folders.
    """
    if settings.warehouse_url.startswith("duckdb:///"):
        path = duckdb_path(settings.warehouse_url)
        return path.with_name(path.name + ".lock")
    name = hashlib.sha256(
        f"{settings.warehouse_url}|{settings.schema_prefix}".encode()
    ).hexdigest()[:12]
    return settings.data_dir.absolute() / f"warehouse-{name}.lock"


@contextmanager
def run_lock(settings: Settings, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the warehouse for one run.

    A DuckDB file is held by a file lock beside it, a server by a lock of its own that every
    machine meets. Either is freed when its holder dies, so a kill leaves nothing to clean.

    Args:
        settings: names the warehouse.
        wait_seconds: how long to wait for another run before giving up.

    Raises:
        LockedError: another run holds the warehouse.
    """
    held = server_lock if settings.is_server else _file_lock
    with held(settings, wait_seconds):
        yield


@contextmanager
def reading_lock(settings: Settings) -> Iterator[None]:
    """Hold a DuckDB file for a moment of reading: an open reader would turn a writer away.

    A run that begins meanwhile waits for the reader's end instead of refusing.

    Raises:
        LockedError: a run holds the warehouse; nobody waits for it.
    """
    path = lock_path(settings)
    # A mark of its own, so that a reader that is turned away takes no other's.
    mark = path.with_name(f"{path.name}.reading-{os.getpid()}-{threading.get_ident()}")
    mark.touch()
    try:
        with FileLock(path, thread_local=False).acquire(timeout=0):
            yield
    except Timeout:
        msg = f"the warehouse is in use by another run ({path}); it is read when that has ended"
        raise LockedError(msg) from None
    finally:
        mark.unlink(missing_ok=True)


def _acquire(lock: FileLock, path: Path, wait_seconds: float) -> None:
    """Take the lock; a reader's end is waited for in any case."""
    was_read = _is_read(path)
    try:
        lock.acquire(timeout=wait_seconds, poll_interval=0.2)
    except Timeout:
        if not (was_read or _is_read(path)):
            raise
        lock.acquire(timeout=_READER_SECONDS, poll_interval=0.05)


def _is_read(path: Path) -> bool:
    for mark in path.parent.glob(f"{path.name}.reading-*"):
        with suppress(FileNotFoundError):  # its reader has just gone
            if time.time() - mark.stat().st_mtime < _READER_SECONDS:
                return True
    return False


@contextmanager
def flow_lock(settings: Settings, flow: str, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the name of a flow, so that it never runs twice at once on a warehouse.

    Raises:
        RunningError: it is running already, on this machine or, on a server, on another.
    """
    held = server_lock if settings.is_server else _file_lock
    with held(settings, wait_seconds, flow):
        yield


@contextmanager
def _file_lock(settings: Settings, wait_seconds: float, flow: str = "") -> Iterator[None]:
    path = lock_path(settings)
    if flow:
        path = path.with_suffix(f".{flow}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_suffix(".holder")
    # Not bound to a thread: an interrupted flow can leave this block from another one.
    lock = FileLock(path, thread_local=False)
    try:
        _acquire(lock, path, wait_seconds)
    except Timeout:
        who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "another run"
        raise held_by(who, str(path), flow) from None
    try:
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        holder.write_text(f"process {os.getpid()} since {started} UTC", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
