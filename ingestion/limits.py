"""What all tasks of this machine share about a host: its pace, its holds, its circuit breaker.

Each host has one row of a small SQLite file in ``CFW_DATA_DIR``, so that threads and processes
wait in one queue. A turn costs one transaction, some tens of microseconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ingestion.errors import SettingsError

#: Longest pause a task sits out; a host that is held for longer is reported instead.
MAX_WAIT_SECONDS = 120.0
#: Longest pause between two probes of a host that stays down.
MAX_COOL_DOWN_SECONDS = 900.0
#: A probe that has not reported by now was killed.
_PROBE_SECONDS = 120.0
_FORGET_SECONDS = 7 * 86_400.0
_MOMENTS = ("next_at", "held_until", "open_until", "probe_until", "answered_at")
_REFUSALS = (401, 403)

Clock = Callable[[], float]


class LeftAloneError(Exception):
    """A host must not be asked before ``until`` (unix seconds), because of ``why``."""

    def __init__(self, until: float, why: str) -> None:
        super().__init__(why)
        self.until = until
        self.why = why


@dataclass
class HostState:
    """What is remembered of a host; moments in unix seconds.

    Attributes:
        next_at: the virtual schedule of the pace: when the next request is due on average.
        held_until: the host asked to be left alone until then.
        failures: attempts in a row that failed for the host's own reasons.
        open_until: the circuit breaker lets nothing through until then; 0 where it is closed.
        cool_down: seconds of the last opening.
        probe_until: one task tries the host out until then.
        why: the reason of the hold or of the last failure.
        seen_at: when it was last changed.
        answers: requests by what came back: the status, ``none`` (no answer) or ``broken`` (a
            body that broke off), counted since the host was first asked.
        answered_at: when the last answer came; 0 where none ever did.
        refused: answers 401 and 403 in a row.
        skew: seconds that the host's clock was ahead of ours at its last dated answer.
    """

    next_at: float = 0.0
    held_until: float = 0.0
    failures: int = 0
    open_until: float = 0.0
    cool_down: float = 0.0
    probe_until: float = 0.0
    why: str = ""
    seen_at: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    answered_at: float = 0.0
    refused: int = 0
    skew: float | None = None

    @classmethod
    def read(cls, text: str) -> HostState:
        """Return a state from its JSON; what another version of the program added is left out."""
        names = {known.name for known in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in names})

    def turn(self, now: float, per_second: float) -> float:
        """Book the next turn and return the seconds until it.

        Bursts of one second's worth are allowed, then the sustained rate.

        Raises:
            LeftAloneError: the host is held for long, or its circuit breaker is open.
        """
        if self.open_until:
            if now < max(self.open_until, self.probe_until):
                raise LeftAloneError(max(self.open_until, self.probe_until), self.why)
            self.probe_until = now + _PROBE_SECONDS
        if self.held_until - now > MAX_WAIT_SECONDS:
            raise LeftAloneError(self.held_until, self.why)
        earliest = max(now, self.held_until)
        burst = (max(1.0, per_second) - 1.0) / per_second
        start = max(earliest, self.next_at - burst)
        self.next_at = max(self.next_at, earliest) + 1.0 / per_second
        return start - now

    def succeeded(self) -> None:
        """Close the circuit breaker."""
        self.failures, self.open_until, self.cool_down, self.probe_until = 0, 0.0, 0.0, 0.0

    def failed(self, now: float, why: str, most: int, cool_down: float) -> None:
        """Count a failure; after ``most`` in a row, or a failed probe, open the breaker."""
        self.failures += 1
        self.why = why
        if cool_down > 0 and self.failures >= most:
            longer = self.cool_down * 2 if self.probe_until else cool_down
            self.cool_down = min(max(longer, cool_down), MAX_COOL_DOWN_SECONDS)
            self.open_until, self.probe_until = now + self.cool_down, 0.0

    def count(self, outcome: str) -> None:
        """Count what came of a request; see ``answers``."""
        self.answers[outcome] = self.answers.get(outcome, 0) + 1

    def answered(self, now: float, status: int, skew: float | None) -> None:
        """Count an answer; one that is not the host's own failure closes the circuit breaker."""
        self.count(str(status))
        self.answered_at = now
        self.refused = self.refused + 1 if status in _REFUSALS else 0
        if skew is not None:
            self.skew = skew
        if status < 500:
            self.succeeded()

    def turned_back(self, now: float) -> None:
        """Shift what was planned where this machine's clock was turned back."""
        if now < self.seen_at:
            for name in _MOMENTS:
                moment = getattr(self, name)
                setattr(self, name, moment - (self.seen_at - now) if moment else 0.0)
        self.seen_at = now


class HostLedger:
    """The file of the hosts' states. Safe between threads and between processes."""

    def __init__(self, folder: Path, clock: Clock = time.time) -> None:
        """Keep the place; the file is opened when it is first needed."""
        self.path = folder / "hosts.sqlite"
        self.clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    @contextmanager
    def change(self, host: str) -> Iterator[tuple[HostState, float]]:
        """Give a host's state and the time; what the block makes of it is stored.

        Raises:
            SettingsError: the file cannot be written.
        """
        try:
            with self._lock, self._transaction() as connection:
                row = connection.execute("SELECT state FROM hosts WHERE host = ?", (host,))
                found = row.fetchone()
                state = HostState.read(found[0]) if found else HostState()
                now = self.clock()
                state.turned_back(now)
                yield state, now
                connection.execute(
                    "INSERT INTO hosts VALUES (?, ?, ?) ON CONFLICT (host) DO UPDATE "
                    "SET state = excluded.state, seen_at = excluded.seen_at",
                    (host, json.dumps(asdict(state)), now),
                )
        except sqlite3.Error as error:
            msg = (
                f"CFW_DATA_DIR: {self.path} cannot keep the pace of requests ({error}); "
                "make it writable, or remove the file"
            )
            raise SettingsError(msg) from None

    def states(self) -> dict[str, HostState]:
        """Return what is remembered of every host; nothing where there is no file."""
        if not self.path.exists():
            return {}
        with self._lock, self._transaction() as connection:
            rows = connection.execute("SELECT host, state FROM hosts").fetchall()
        return {host: HostState.read(state) for host, state in rows}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        # A connection must not cross a fork.
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._prepared()
        except OSError as error:
            raise sqlite3.OperationalError(error.strerror or str(error)) from None
        self._connection, self._owner = connection, os.getpid()
        return connection

    def _prepared(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=30.0, isolation_level=None, check_same_thread=False
        )
        # Turning WAL on waits for nobody: two that open a new file at once would get "locked".
        connection.execute("PRAGMA journal_mode = PERSIST")
        # What a crash of the machine loses is not worth a disk's wait per request.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS hosts "
            "(host TEXT PRIMARY KEY, state TEXT NOT NULL, seen_at REAL NOT NULL) WITHOUT ROWID"
        )
        connection.execute("DELETE FROM hosts WHERE seen_at < ?", (self.clock() - _FORGET_SECONDS,))
        return connection
