"""How a backfill shows that it moves: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from flows.cli import output
from ingestion.backfill.planning import Plan
from ingestion.backfill.report import Progress

LINE_SECONDS = 10.0

OnProgress = Callable[[Progress], None]


@contextmanager
def progress_shown(plan: Plan, console: Console = output.errors) -> Iterator[OnProgress]:
    """Show the progress of a plan on ``console``, never on the standard output."""
    if not console.is_terminal:
        yield Lines(console)
        return
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )
    started = time.monotonic()
    with bar:
        task = bar.add_task("backfill", total=plan.pieces, rate="")

        def on_progress(progress: Progress) -> None:
            rate = _rate(progress.rows, time.monotonic() - started)
            bar.update(task, completed=progress.pieces, description=progress.label, rate=rate)

        yield on_progress


class Lines:
    """A line every few seconds, and one for the last piece."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Start to count."""
        self._console = console
        self._clock = clock
        self._started = self._told = clock()

    def __call__(self, progress: Progress) -> None:
        """Tell how far it is, if it is time to."""
        now = self._clock()
        if now - self._told < LINE_SECONDS and progress.pieces != progress.total:
            return
        self._told = now
        passed = now - self._started
        left = passed / progress.pieces * max(progress.total - progress.pieces, 0)
        self._console.print(
            f"{progress.label}: {progress.pieces:,} of {progress.total:,} pieces, "
            f"{progress.rows:,} rows, {_rate(progress.rows, passed)}, about {left:.0f} s left",
            markup=False,
        )


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f} rows/s" if seconds > 0 else ""
