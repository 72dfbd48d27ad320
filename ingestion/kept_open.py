"""A DuckDB file that a run keeps open between its statements.

Opening a file costs about 25 ms and closing it almost as much, where a statement costs one; a run
that finds nothing to do has ten, and dlt opens it too. So a run keeps it open while its statements
follow each other closely. Others get in whenever it waits for something, and every two seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

#: A file that nothing was asked of for so long is closed.
IDLE_SECONDS = 0.3
#: So long it is kept at most, then for a while it is not: readers try every 0.02 s.
LONGEST_SECONDS = 2.0
BREAK_SECONDS = 0.2


@dataclass
class _Kept:
    """A file of a run: the connection that keeps it open, since when, and when one may again."""

    path: Path
    connection: duckdb.DuckDBPyConnection | None = None
    since: float = 0.0
    not_before: float = 0.0
    timer: threading.Timer | None = None

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.connection is not None:
            self.connection.close()
        self.connection = self.timer = None

    def use(self) -> None:
        now = time.monotonic()
        if self.connection is not None and now - self.since > LONGEST_SECONDS:
            self.close()
            self.not_before = now + BREAK_SECONDS
        if now < self.not_before:
            return
        if self.timer is not None:
            self.timer.cancel()
        if self.connection is None:
            # Not a cursor of the asking connection: it would be closed with it.
            self.connection = duckdb.connect(str(self.path))
            self.since = now
        self.timer = threading.Timer(IDLE_SECONDS, let_go, [self.path])
        self.timer.daemon = True
        self.timer.start()


_guard = threading.RLock()
#: The files of this process's runs.
_kept: dict[Path, _Kept] = {}


@contextmanager
def kept_open(path: Path) -> Iterator[None]:
    """Keep the file open from the next statement on. The caller holds the run lock."""
    with _guard:
        _kept[path] = _Kept(path)
    try:
        yield
    finally:
        with _guard:
            _kept.pop(path).close()


def let_go(path: Path) -> None:
    """Close the file if it is kept open, for another process; the next statement opens it again."""
    with _guard:
        if path in _kept:
            _kept[path].close()


def is_kept(path: Path) -> bool:
    """Return whether a run of this process keeps the file open, or will."""
    with _guard:
        return path in _kept


def keep(path: Path) -> None:
    """Keep a file open that has just been opened for writing, if a run wants that."""
    with _guard:
        if path in _kept:
            _kept[path].use()
