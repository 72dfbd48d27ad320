"""Incident drills: what goes wrong makes its metric bad, the right alert fires, and it heals.

The rules are the project's own; promtool judges them over what the exporter answered. Nobody does
anything but remove the cause.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.journal import Journal
from flows.journal_rows import FlowRun
from flows.lock import run_lock
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import IngestionError
from tests.support.days import Clock, Days
from tests.support.metrics import Exporter
from tests.support.promtool import Scrape, firing


@pytest.fixture(autouse=True)
def _read_at_every_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_METRICS_CACHE_SECONDS", "0")
    monkeypatch.setattr("flows.metrics.collector._REST", 0.0)


class Drill:
    """One step under watch: runs are recorded as the flows record them, and scraped after."""

    def __init__(
        self, days: Days, clock: Clock, step: str, flow: str, *, runs: bool = True
    ) -> None:
        """Begin at minute 0 of the sandbox's clock.

        Args:
            runs: the clock of the requests runs with the minutes. If not, it stays with the Date
                header that the sandbox sends, which is this machine's real time.
        """
        self.days, self.clock, self.step, self.flow = days, clock, step, flow
        # Hours before the sample's end, so that new bars close during the drill.
        days.sandbox.set_clock(days.sandbox.state.now - timedelta(hours=6))
        self.start, self.machine_start = days.sandbox.state.now, clock.now
        self.runs = runs
        self.exporter = Exporter(days.settings())
        self.scrapes: list[Scrape] = []
        Warehouse(days.settings()).ensure_tables()

    def at(self, minute: int, **changes: Any) -> str:
        """Run the step at a minute; return the line with which it failed, if it did."""
        moment = self.start + timedelta(minutes=minute)
        self.days.sandbox.set_clock(moment)
        self.clock.now = self.machine(minute) + changes.pop("ahead", 0)
        line = self.days.run(self.step, **changes).line
        settings = self.days.settings()
        run = FlowRun(
            *(f"{self.flow}-{minute}", self.flow, moment, moment),
            *(("failed", line) if line else ("completed", None)),
        )
        with run_lock(settings):
            Journal(settings).record(run)
        self.scrape(minute)
        return line

    def scrape(self, minute: int) -> None:
        """Scrape at a minute."""
        now = (self.start + timedelta(minutes=minute)).timestamp()
        text = self.exporter.scrape().text
        self.scrapes.append(Scrape(minute, text, now, self.machine(minute)))

    def machine(self, minute: int) -> float:
        """Return the right time of the requests at a minute."""
        return self.machine_start + (60 * minute if self.runs else 0)

    def firing(self, minute: int) -> set[str]:
        """Return the alerts that fire at a minute."""
        return firing(self.scrapes, minute)


def test_a_provider_that_fails_for_an_hour(days: Days, clock: Clock) -> None:
    days.changes["CFW_HTTP_COOL_DOWN_SECONDS"] = 60  # the sandbox's settings switch it off
    drill = Drill(days, clock, "coinbase", "prices")
    assert not drill.at(0)
    days.fault("coinbase", "status", None, status=503)
    for minute in range(5, 61, 11):
        assert drill.at(minute)
    fired = drill.firing(60)
    assert {"CircuitOpen", f"FlowFailed {drill.flow}", f"FlowNotRun {drill.flow}"} <= fired
    assert "SourceStale" not in fired, "two hours are promised"
    assert {"SourceStale", f"FlowNotRun {drill.flow}"} <= drill.firing(200), "and if it went on so"
    days.sandbox.faults.clear()
    for minute in (75, 110, 140):
        assert not drill.at(minute)
    of_the_flow = {f"FlowFailed {drill.flow}", f"FlowNotRun {drill.flow}"}
    healed = {"CircuitOpen", "HostFailing", "SourceStale", *of_the_flow}
    assert not drill.firing(145) & healed
    assert days.facts("coinbase"), "and what was missed is there"


def test_an_expired_key(days: Days, clock: Clock) -> None:
    drill = Drill(days, clock, "fred", "macro")
    assert not drill.at(0)
    assert "KeyRefused" not in drill.firing(10)
    days.fault("fred", "status", None, status=401)
    for minute in (60, 120, 180):
        assert "401" in drill.at(minute)
    assert {"KeyRefused", f"FlowFailed {drill.flow}"} <= drill.firing(200)
    days.sandbox.faults.clear()
    assert not drill.at(240)
    assert not drill.firing(250) & {"KeyRefused", f"FlowFailed {drill.flow}"}


def test_a_clock_that_is_an_hour_ahead(days: Days, clock: Clock) -> None:
    """Providers' clocks tell it at the first answer; rows stamped with it are told as well."""
    drill = Drill(days, clock, "coinbase", "prices", runs=False)
    assert not drill.at(0)
    alerts = {"ClockSkew", "RowsFromTheFuture"}
    assert not drill.firing(8) & alerts
    ahead = drill.start + timedelta(minutes=70)
    assert not drill.at(10, ahead=3600, CFW_NOW=ahead.isoformat(), CFW_SYMBOLS="ETH,SOL")
    assert drill.firing(20) >= alerts
    # The clock is set right, and that is all.
    assert not drill.at(25, CFW_SYMBOLS="BTC")
    assert "ClockSkew" not in drill.firing(32)
    assert not drill.at(65, CFW_SYMBOLS="BTC")
    assert not drill.firing(90) & alerts
    newest = days.stored("price_bars", "ORDER BY loaded_at")[-1]
    assert newest["loaded_at"] > ahead > drill.start + timedelta(minutes=65), "order is kept"
    assert newest["symbol"] == "BTC"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MiB where root may mount one; else a folder that a test must not fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    yield folder
    if is_mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(
    days: Days, clock: Clock, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(days.sandbox, small_disk)
    drill = Drill(days, clock, "coinbase", "prices")
    assert not drill.at(0)
    before = days.facts("coinbase")
    assert "DiskNearlyFull" not in drill.firing(10)
    filler = small_disk / "filler"
    usage = shutil.disk_usage(small_disk)
    if usage.total < 2**26:
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(usage.total))
        drill.clock.now += 600
        with pytest.raises((IngestionError, OSError)):
            days.run("coinbase", CFW_SYMBOLS="ETH,SOL")
    else:
        full = type(usage)(usage.total, usage.total, 0)
        monkeypatch.setattr("flows.metrics.machine.shutil.disk_usage", lambda _: full)
    drill.scrape(10)
    assert "DiskNearlyFull" in drill.firing(20)
    assert days.facts("coinbase") == before, "nothing half-written is there"
    filler.unlink(missing_ok=True)
    monkeypatch.setattr("flows.metrics.machine.shutil.disk_usage", shutil.disk_usage)
    assert not drill.at(25, CFW_SYMBOLS="BTC,ETH,SOL")
    assert not drill.firing(35) & {"DiskNearlyFull", f"FlowFailed {drill.flow}"}
    assert len(days.facts("coinbase")) > len(before)


def test_a_warehouse_that_is_gone_for_minutes(days: Days, clock: Clock) -> None:
    drill = Drill(days, clock, "coinbase", "prices")
    assert not drill.at(0)
    path = Path(days.settings().warehouse_url.removeprefix("duckdb:///"))
    path.rename(path.with_suffix(".away"))
    drill.scrape(5)
    assert "WarehouseDown" in drill.firing(10)
    assert "ExporterBlind" in drill.firing(50)
    path.with_suffix(".away").rename(path)
    drill.scrape(55)
    assert not drill.firing(65) & {"WarehouseDown", "ExporterBlind"}


def test_a_reader_that_is_killed_leaves_no_mark_that_would_hold_up_others(days: Days) -> None:
    """A reader's mark that a kill left behind makes nobody wait for long."""
    settings: Settings = days.settings()
    path = Path(settings.warehouse_url.removeprefix("duckdb:///"))
    mark = path.with_name(f"{path.name}.lock.reading-1-1")
    mark.touch()
    started = time.monotonic()
    with run_lock(settings):
        assert time.monotonic() - started < 5, "the lock itself is free"
