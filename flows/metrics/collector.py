"""What prometheus-client asks when it is scraped: the last good reading of every section.

A section that cannot be read keeps its last values; `cfw_exporter_up` is 0 then and
`cfw_exporter_last_read_timestamp_seconds` stands still, so that old values are seen to be old.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import duckdb
from prometheus_client.metrics_core import Metric

from flows.errors import LockedError
from flows.lock import reading_lock
from flows.metrics.families import Readings, exposed
from flows.metrics.landed import Landed
from flows.metrics.machine import read_hosts, read_machine, read_server
from flows.metrics.marts import read_marts
from flows.metrics.runs import read_runs
from flows.metrics.settings import MetricsSettings
from flows.metrics.texts import read_texts
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import duckdb_path
from ingestion.errors import IngestionError, WarehouseError
from ingestion.server import Server
from scoring.errors import ScoringError

logger = logging.getLogger(__name__)

#: The warehouse is left alone for this many times as long as the last reading took.
_REST = 10.0
#: A server that does not answer must not hold up the scrape.
_PROBE: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 10}
_FAILURES = (IngestionError, ScoringError, duckdb.Error, sqlite3.Error, OSError)

Section = Callable[[Readings], None]


class WarehouseCollector:
    """A collector for a prometheus-client registry."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read before the first scrape."""
        self._settings = settings
        self._cache_seconds = MetricsSettings().metrics_cache_seconds
        self._lock = threading.Lock()
        warehouse, landed = Warehouse(settings), Landed(settings)
        #: Sections that need no warehouse are read at every scrape.
        self._here: dict[str, Section] = {
            "machine": partial(read_machine, settings),
            "hosts": partial(read_hosts, settings),
        }
        self._stored: dict[str, Section] = {
            "landed": partial(landed.read, warehouse),
            "texts": partial(read_texts, settings, warehouse),
            "marts": partial(read_marts, settings),
            "runs": partial(read_runs, settings),
            "server": partial(read_server, settings),
        }
        self._values: dict[str, Readings] = {}
        self._is_up: dict[str, bool] = {}
        self._warehouse_up: bool | None = None
        self._read_at: float | None = None
        self._seconds = 0.0
        self._next = 0.0

    def collect(self) -> Iterator[Metric]:
        """Return every metric; reads what is due first."""
        # Another scrape is reading: this one gets what is there.
        if self._lock.acquire(timeout=1.0):
            try:
                self._refresh()
            finally:
                self._lock.release()
        yield from exposed([*list(self._values.values()), self._own()])

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering does not read."""
        return []

    def _refresh(self) -> None:
        for name, section in self._here.items():
            self._read(name, section)
        if time.monotonic() < self._next:
            return
        started = time.monotonic()
        if self._open():
            self._seconds = time.monotonic() - started
        self._next = time.monotonic() + max(self._cache_seconds, _REST * self._seconds)

    def _open(self) -> bool:
        """Read all sections of the warehouse; return whether it could be opened."""
        try:
            self._probe()
            with self._held():
                self._warehouse_up = True
                for name, section in self._stored.items():
                    self._read(name, section)
        except LockedError as busy:
            logger.info("%s", busy)  # a writer is at work: it is up, and read at the next turn
            self._warehouse_up = True
        except (WarehouseError, duckdb.Error) as error:
            logger.warning("the warehouse cannot be read: %s", error)
            self._warehouse_up = False
        else:
            if all(self._is_up.values()):
                self._read_at = time.time()
            return True
        self._is_up |= dict.fromkeys(self._stored, False)
        return False

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep writers of a DuckDB file out, and the file open: to open it is most of the work."""
        if self._settings.is_server:
            yield
            return
        path = duckdb_path(self._settings.warehouse_url)
        with reading_lock(self._settings), duckdb.connect(str(path), read_only=True):
            yield

    def _probe(self) -> None:
        """Ask for a sign of life.

        Raises:
            WarehouseError: there is none.
        """
        if self._settings.is_server:
            server = Server.of(self._settings)
            with server.session(**_PROBE) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        elif not (path := duckdb_path(self._settings.warehouse_url)).exists():
            msg = f"no warehouse at {path} yet; run the pipeline once to create it"
            raise WarehouseError(msg)

    def _read(self, name: str, section: Section) -> None:
        out = Readings()
        try:
            section(out)
        except _FAILURES as error:
            logger.warning("%s: not read, its last values stay: %s", name, error)
            self._is_up[name] = False
        else:
            self._values[name] = out
            self._is_up[name] = True

    def _own(self) -> Readings:
        out = Readings()
        out.set("cfw_exporter_up", bool(self._is_up) and all(self._is_up.values()))
        for name, is_up in list(self._is_up.items()):
            out.set("cfw_exporter_section_up", is_up, name)
        if self._warehouse_up is not None:
            out.set("cfw_warehouse_up", self._warehouse_up)
        if self._read_at is not None:
            out.set("cfw_exporter_last_read_timestamp_seconds", self._read_at)
            out.set("cfw_exporter_read_seconds", self._seconds)
        return out
