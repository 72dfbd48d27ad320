"""A backfill that is killed on the way equals one that is not.

`python -m bench backfill`: one year of five-minute bars of 20 symbols, once in peace and once
killed five times at random moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from bench.ingestion import YEAR, Served, plan_year, served_year
from bench.results import Result
from ingestion.tables import TABLES

KILLS = 5
#: A kill comes after the first request, and at the latest after this part of what is left ...
KILL_WITHIN = 0.5
#: ... and then up to this many seconds later, so that loads are hit too.
KILL_DELAY_SECONDS = 3.0
_TABLES = ("price_bars", "backfill_intervals", "rejected_rows")
#: When it was loaded, and what repeating costs, may differ.
_MAY_DIFFER = frozenset({"loaded_at", "finished_at", "requests_used"})


def measure(share: float, say: Callable[[str], None]) -> Iterator[Result]:
    """Yield how long both took and how many rows differ."""
    calm, killed = (Path(tempfile.mkdtemp(prefix="cfw-bench-")) for _ in range(2))
    try:
        with served_year(share, say) as served:
            started = time.monotonic()
            run = _start(served, calm)
            assert run.wait() == 0
            undisturbed = time.monotonic() - started
            say(f"undisturbed: {undisturbed:.0f} s")
            started = time.monotonic()
            kills = _killed_runs(served, killed, say)
            disturbed = time.monotonic() - started
            assert plan_year(served.settings(killed)).chunks == 0, "the ledger is not complete"
        rows, differing = _compare(calm, killed)
    finally:
        for folder in (calm, killed):
            shutil.rmtree(folder, ignore_errors=True)
    yield Result(f"backfill of {rows:,} bars, undisturbed", undisturbed, "s")
    yield Result(f"the same, killed {kills} times", disturbed, "s")
    yield Result("rows that differ between the two", differing, "rows", 0)


def _killed_runs(served: Served, folder: Path, say: Callable[[str], None]) -> int:
    """Kill the command until it was killed often enough, then let it end; return the kills."""
    chance = random.Random()  # noqa: S311 - moments, not secrets
    left = plan_year(served.settings(folder)).chunks
    for kill in range(1, KILLS + 1):
        served.sandbox.requests.clear()
        wanted = chance.randint(1, max(1, int(2 * left * KILL_WITHIN)))
        run = _start(served, folder)
        while run.poll() is None and served.sandbox.requests.total() < wanted:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, KILL_DELAY_SECONDS))
        run.send_signal(signal.SIGKILL)
        status = run.wait()
        assert status == -signal.SIGKILL, f"kill {kill} met exit code {status}"
        left = plan_year(served.settings(folder)).chunks
        say(f"kill {kill} after {wanted} requests; {left} pieces left")
    run = _start(served, folder)
    assert run.wait() == 0
    return KILLS


def _start(served: Served, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "flows.cli.main", "backfill", "prices", "--provider"]
    command += ["binance-archive", "--interval", "5", "--from", f"{YEAR.first:%Y-%m-%d}"]
    command += ["--to", f"{YEAR.last:%Y-%m-%d}"]
    return subprocess.Popen(command, env={**os.environ, **served.env(folder)}, stdout=sys.stderr)


def _compare(calm: Path, killed: Path) -> tuple[int, int]:
    """Return the number of bars, and of rows that only one of two warehouses holds."""
    differing = 0
    with duckdb.connect() as connection:
        for name, folder in (("calm", calm), ("killed", killed)):
            connection.execute(f"ATTACH '{folder / 'bench.duckdb'}' AS {name} (READ_ONLY)")
        for table in _TABLES:
            columns = ", ".join(c.name for c in TABLES[table].columns if c.name not in _MAY_DIFFER)
            one, other = (
                f"SELECT {columns} FROM {name}.crypto_raw.{table}" for name in ("calm", "killed")
            )
            for left, right in ((one, other), (other, one)):
                sql = f"SELECT count(*) FROM ({left} EXCEPT ALL {right})"
                differing += connection.execute(sql).fetchone()[0]
        count = connection.execute("SELECT count(*) FROM calm.crypto_raw.price_bars").fetchone()
    return count[0], differing
