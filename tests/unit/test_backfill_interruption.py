"""Signals during a backfill: at once while reading, after the load while storing."""

from __future__ import annotations

import io
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from flows.cli.backfill_progress import Lines, progress_shown
from ingestion.backfill.interruption import InterruptedBackfill, Interruption
from ingestion.backfill.intervals import Interval
from ingestion.backfill.planning import Plan, Wanted
from ingestion.backfill.report import Progress


def _signal(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_reading_ends_at_once(number: int) -> None:
    before = signal.getsignal(number)
    with Interruption().installed(), pytest.raises(InterruptedBackfill) as caught:
        _signal(number)
    assert caught.value.number == number
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_load_is_finished_first(number: int) -> None:
    stored: list[str] = []

    def load() -> None:
        _signal(number)
        stored.append("rows")

    with Interruption().installed() as interruption:
        with pytest.raises(InterruptedBackfill):
            interruption.shielded(load)
        assert stored == ["rows"]


def test_a_load_without_a_signal_returns_or_raises_as_it_does() -> None:
    def fails() -> None:
        msg = "full"
        raise OSError(msg)

    with Interruption().installed() as interruption:
        assert interruption.shielded(lambda: 7) == 7
        with pytest.raises(OSError, match="full"):
            interruption.shielded(fails)
    assert Interruption().shielded(lambda: 7) == 7


def test_lines_come_now_and_then_and_at_the_end() -> None:
    now = [0.0]
    console = Console(record=True, width=200)
    lines = Lines(console, clock=lambda: now[0])
    for piece in range(1, 5):
        now[0] = piece * 8.0
        lines(Progress("coinbase BTC@60", piece, 4, piece * 400))
    told = console.export_text().splitlines()
    assert told == [
        "coinbase BTC@60: 2 of 4 pieces, 800 rows, 50 rows/s, about 16 s left",
        "coinbase BTC@60: 4 of 4 pieces, 1,600 rows, 50 rows/s, about 0 s left",
    ]


def test_a_terminal_shows_a_bar_with_rate_and_time_left() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    plan = Plan(Wanted(Interval(start, start + timedelta(days=1))))
    with progress_shown(plan, console) as on_progress:
        on_progress(Progress("coinbase BTC@60", 3, 3, 400))
    shown = screen.getvalue()
    assert "coinbase BTC@60" in shown
    assert "rows/s" in shown
    assert "0:00:00" in shown
