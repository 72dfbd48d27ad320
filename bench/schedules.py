"""Days of all schedules on a simulated clock: `python -m bench.schedules --hours 72`.

The flows of flows/scheduled.py run on the real code against the sandbox, in the order in which they
are due. Nothing sleeps: the clock (CFW_NOW, and the sandbox's) jumps to the next due run, and a run
takes the time that it really took. So the machine that runs this must be faster than the schedules,
as in operation; a run that is due while the one before still works counts as an overlap.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.results import Result, show
from flows.journal import Journal
from flows.run_status import run_status
from flows.schedules import MART_MAX_AGE, SCHEDULES
from ingestion.config import Settings
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SAMPLES = 10
_BUILDERS = ("transform", "nightly")


@dataclass
class Outcome:
    """What the simulated days showed.

    Attributes:
        due: runs that fell due, by flow.
        late: runs that began after the next one of their flow was due: a missed interval.
        overlaps: runs that were due while the one before of their flow still worked.
        memory_mb: resident memory of this process, in equal steps from the first hour on.
    """

    due: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    late: int = 0
    overlaps: int = 0
    longest: dict[str, float] = field(default_factory=dict)
    oldest_mart: timedelta = timedelta(0)
    memory_mb: list[float] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    seconds: float = 0.0


def due_runs(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Return every run that falls due in a stretch of time, in order."""

    def of(name: str) -> Iterator[tuple[datetime, str]]:
        moment = SCHEDULES[name].due_after(start)
        while moment <= end:
            yield moment, name
            moment = SCHEDULES[name].due_after(moment)

    return sorted(run for name in SCHEDULES for run in of(name))


def simulate(hours: float, folder: Path, symbols: tuple[str, ...]) -> Outcome:
    """Live through the last hours of the sample, after one whole run at their start."""
    # Prefect reads its settings when it is imported, so not before they are made.
    from prefect.context import SyncClientContext

    from flows import scheduled
    from flows.pipeline import pipeline

    data = generate_sample()
    chosen = replace(data, bars={symbol: data.bars[symbol] for symbol in symbols})
    outcome, began = Outcome(), time.monotonic()
    # A flow's run has one client for its tasks; without it each task would make its own.
    with running_sandbox(chosen) as sandbox, SyncClientContext.get_or_create():
        end = sandbox.state.now
        start = end - timedelta(hours=hours)
        pipeline(overrides=_at(sandbox, start, folder, symbols))
        free = dict.fromkeys(SCHEDULES, start)
        warehouse_free = start
        runs = due_runs(start, end)
        for number, (due, name) in enumerate(runs):
            outcome.due[name] += 1
            outcome.overlaps += free[name] > due
            overrides = _at(sandbox, due, folder, symbols)
            if name in _BUILDERS:  # until the next build it only grows older
                _note_mart(outcome, Settings(**overrides))
            clock = time.monotonic()
            # Without Prefect's record of the flow's run, a second or so of each.
            getattr(scheduled, name).fn(overrides=overrides)
            took = time.monotonic() - clock
            begun = max(due, warehouse_free)
            outcome.late += begun >= due + SCHEDULES[name].every
            warehouse_free = free[name] = begun + timedelta(seconds=took)
            outcome.longest[name] = max(took, outcome.longest.get(name, 0.0))
            outcome.done[name] += 1
            if number % max(1, len(runs) // _SAMPLES) == 0:
                outcome.memory_mb.append(_resident_mb())
                outcome.seconds = time.monotonic() - began
                print(_progress(outcome, due - start), flush=True)
        last = Settings(**_at(sandbox, end, folder, symbols))
        _note_mart(outcome, last)
        outcome.stale = run_status(last).stale
        states = Counter(run.state for run in Journal(last).runs(10**6))
        assert set(states) == {"completed"}, states
    outcome.seconds = time.monotonic() - began
    return outcome


def _at(
    sandbox: RunningSandbox, moment: datetime, folder: Path, symbols: tuple[str, ...]
) -> dict[str, Any]:
    sandbox.set_clock(moment)
    env = {name.removeprefix("CFW_").lower(): value for name, value in sandbox.env().items()}
    return {
        **env,
        "now": moment.isoformat(),
        "symbols": ",".join(symbols),
        "history_start": (moment - timedelta(days=10)).isoformat(),
        "warehouse_url": f"duckdb:///{folder / 'schedules.duckdb'}",
        "data_dir": str(folder),
        "http_backoff_seconds": 0.0,
    }


def _note_mart(outcome: Outcome, settings: Settings) -> None:
    from ingestion.engine import engine_for

    found = engine_for(settings).query(
        "select max(timestamp_iso) as newest from crypto_marts.ml_features_materialized", ()
    )
    age = settings.clock() - found[0]["newest"] - timedelta(hours=1)
    outcome.oldest_mart = max(outcome.oldest_mart, age)


def _progress(outcome: Outcome, lived: timedelta) -> str:
    return (
        f"{lived / timedelta(hours=1):5.1f} h in {outcome.seconds / 60:5.1f} min: "
        f"{sum(outcome.done.values())} runs, {outcome.late} late, {outcome.overlaps} overlaps, "
        f"mart at most {outcome.oldest_mart.total_seconds() / 60:.0f} min old, "
        f"{outcome.memory_mb[-1]:.0f} MB"
    )


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * _PAGE_BYTES / 2**20, 1)


def results_of(outcome: Outcome, hours: float) -> list[Result]:
    """Return the figures with their goals; memory is held against the first hours, once warm."""
    missed = sum(outcome.due.values()) - sum(outcome.done.values()) + outcome.late
    warm = outcome.memory_mb[len(outcome.memory_mb) // 3]
    speed = hours * 3600 / outcome.seconds
    age = outcome.oldest_mart.total_seconds() / 60
    return [
        Result("schedules: simulated time", hours, "h"),
        Result("schedules: speed", speed, "x", 60, at_most=False),
        Result("schedules: runs", sum(outcome.done.values()), ""),
        Result("schedules: missed intervals", missed, "", 0),
        Result("schedules: overlaps", outcome.overlaps, "", 0),
        Result("schedules: oldest mart", age, "min", MART_MAX_AGE.total_seconds() / 60),
        Result("schedules: memory once warm", warm, "MB"),
        Result("schedules: memory at the end", outcome.memory_mb[-1], "MB", 1.1 * warm),
        Result("schedules: stale at the end", len(outcome.stale), "", 0),
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=72.0)
    parser.add_argument("--symbols", default="BTC,DOGE")
    arguments = parser.parse_args()
    from flows.prefect_local import use_local_server

    with tempfile.TemporaryDirectory(prefix="cfw-schedules-") as name:
        use_local_server(Path(name))
        outcome = simulate(arguments.hours, Path(name), tuple(arguments.symbols.split(",")))
    for flow, seconds in outcome.longest.items():
        print(f"{flow:<10} {outcome.done[flow]:>6} runs, longest {seconds:6.1f} s")
    print("memory (MB):", *outcome.memory_mb)
    show(results_of(outcome, arguments.hours))


if __name__ == "__main__":
    main()
