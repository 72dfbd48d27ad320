"""The machine's own side: hosts asked, disk, clock; and the server's connections."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from flows.metrics.families import Readings
from ingestion.config import Settings
from ingestion.engine import duckdb_path, engine_for
from ingestion.limits import HostLedger, HostState


def read_machine(settings: Settings, out: Readings) -> None:
    """Add what needs no warehouse."""
    out.set("cfw_exporter_clock_timestamp_seconds", time.time())
    places = {"data_dir": settings.data_dir.absolute()}
    if not settings.is_server:
        places["warehouse"] = duckdb_path(settings.warehouse_url).parent
    for name, path in places.items():
        usage = shutil.disk_usage(_existing(path))
        out.set("cfw_disk_free_bytes", usage.free, name)
        out.set("cfw_disk_size_bytes", usage.total, name)


def read_hosts(settings: Settings, out: Readings) -> None:
    """Add what the pace file remembers of each host that the steps of this machine asked."""
    ledger = HostLedger(settings.data_dir)
    now = time.time()
    try:
        states = ledger.states()
    finally:
        ledger.close()
    for host, state in states.items():
        if state == HostState(seen_at=state.seen_at):
            continue  # nothing was ever asked of it: the doctor's trial of the file
        for outcome, count in state.answers.items():
            out.set("cfw_http_requests_total", count, host, outcome)
        out.set("cfw_host_circuit_open", bool(state.open_until), host)
        out.set("cfw_host_failures_in_row", state.failures, host)
        out.set("cfw_host_refused_in_row", state.refused, host)
        if state.held_until > now:
            out.set("cfw_host_held_until_timestamp_seconds", state.held_until, host)
        if state.answered_at:
            out.set("cfw_host_last_answer_timestamp_seconds", state.answered_at, host)
        if state.skew is not None:
            out.set("cfw_host_clock_ahead_seconds", state.skew, host)


def read_server(settings: Settings, out: Readings) -> None:
    """Add the server's connections and clock; a DuckDB file has neither."""
    if not settings.is_server:
        return
    engine = engine_for(settings)
    found = {
        str(row["Variable_name"]).lower(): float(row["Value"])
        for sql in (
            "show global status like 'Threads_connected'",
            "show global variables like 'max_connections'",
        )
        for row in engine.query(sql, ())
    }
    out.set("cfw_database_connections", found["threads_connected"])
    out.set("cfw_database_max_connections", found["max_connections"])
    before = time.time()
    theirs = engine.query("select utc_timestamp(6) as moment", ())[0]["moment"]
    out.set("cfw_database_clock_ahead_seconds", theirs.timestamp() - (before + time.time()) / 2)


def _existing(path: Path) -> Path:
    """Return the folder, or the nearest one above it that is there already."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
