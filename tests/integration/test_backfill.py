"""Backfills from the sandbox into a DuckDB file: what lands, resumes, kills and bad days."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestion.backfill import runner
from ingestion.backfill.intervals import Interval, merge, subtract
from ingestion.backfill.ledger import entries_of
from ingestion.backfill.planning import Plan, Wanted, make_plan
from ingestion.backfill.report import Progress, SourceReport
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import SOURCES, sources_of
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SettingsError, WarehouseError
from ingestion.extraction import Extraction
from ingestion.prices import binance_archive
from ingestion.sandbox import RunningSandbox, SandboxData, running_sandbox
from ingestion.sandbox.binance_archive import reupload, zipped
from ingestion.steps import run_step
from ingestion.tables import BACKFILL_INTERVALS, PRICE_BARS

ROOT = Path(__file__).resolve().parents[2]
SEED = ROOT / "dbt_project" / "seeds" / "assets.csv"
ARCHIVE = "binance-archive"
APRIL = Interval(datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC))
SPRING = Interval(datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
HOUR = timedelta(hours=1)


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC",
        "http_backoff_seconds": 0.0,
        "http_attempts": 2,
        **changes,
    }
    return Settings(_env_file=None, **values)


def planned(
    settings: Settings,
    window: Interval,
    provider: str = ARCHIVE,
    minutes: int | None = 60,
    *,
    recheck: bool = False,
) -> Plan:
    return make_plan(settings, sources_of("prices", provider), Wanted(window, minutes, recheck))


def backfilled(settings: Settings, window: Interval, *args: Any, **options: Any) -> SourceReport:
    (report,) = run_plan(planned(settings, window, *args, **options), settings)
    return report


def raw(settings: Settings, table: str = "price_bars", rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")


def facts(settings: Settings, table: str) -> list[tuple[Any, ...]]:
    """The rows without the times at which they happened to be stored."""
    declared = {"price_bars": PRICE_BARS, "backfill_intervals": BACKFILL_INTERVALS}[table]
    apart = {"loaded_at", "finished_at", "requests_used"}
    names = [column.name for column in declared.columns if column.name not in apart]
    return sorted(tuple(str(row[name]) for name in names) for row in raw(settings, table))


@pytest.mark.parametrize("provider", ["coinbase", ARCHIVE])
def test_a_history_lands_once(provider: str, sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    plan = planned(settings, SPRING, provider)
    assert sandbox.requests.total() == 0, "a plan asks nobody"
    (report,) = run_plan(plan, settings)
    assert report.failures == report.notes == []
    assert report.requests == report.planned_requests == plan.requests == sandbox.requests.total()
    assert report.new_rows == report.rows_read
    rows = raw(settings, rest="ORDER BY bar_open_at")
    served = sandbox.data.bars["BTC"][3600].open_time
    first, last = (int(moment.timestamp()) for moment in SPRING)
    wanted = [int(time) for time in served if first <= time < last]
    assert [int(row["bar_open_at"].timestamp()) for row in rows] == wanted
    assert all(row["available_at"] == row["bar_open_at"] + HOUR for row in rows)
    assert all(row["is_sample"] for row in rows)
    assert {row["quote_currency"] for row in rows} == {"USD" if provider == "coinbase" else "USDT"}
    again = planned(settings, SPRING, provider)
    assert (again.chunks, again.requests) == (0, 0)
    assert run_plan(again, settings)[0].requests == 0
    ledger = raw(settings, "backfill_intervals")
    assert {row["provider"] for row in ledger} == {provider}
    assert sum(row["rows_read"] for row in ledger) == len(rows)
    assert sum(row["requests_used"] for row in ledger) == plan.requests


@pytest.mark.parametrize("minutes", [5, 60])
def test_coinbase_takes_the_fewest_requests(
    minutes: int, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """Each request gives 300 candles, as many as the provider allows."""
    settings = settings_for(sandbox, tmp_path, CFW_PRICE_INTERVALS=str(minutes))
    bars = SPRING.length // timedelta(minutes=minutes)
    report = backfilled(settings, SPRING, "coinbase", minutes)
    assert report.planned_requests == -(-bars // 300)
    assert report.requests == sandbox.requests.total() == report.planned_requests


def test_forward_cursors_are_not_disturbed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    start = (sandbox.state.now - timedelta(days=10)).isoformat()
    settings = settings_for(sandbox, tmp_path, CFW_HISTORY_START=start)
    forward = run_step("coinbase", settings)
    report = backfilled(settings, Interval(APRIL.first, sandbox.state.now), "coinbase")
    assert report.new_rows == report.rows_read - forward.rows["price_bars"]
    sandbox.requests.clear()
    again = run_step("coinbase", settings)
    assert again.rows == {"price_bars": 0, "rejected_rows": 0}
    assert again.requests == 1, "the newest bars alone"


def test_the_running_bar_and_day_are_not_called_done(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    now = sandbox.state.now
    window = Interval(now - timedelta(days=2), now)
    backfilled(settings, window, "coinbase")
    (entry,) = entries_of(Warehouse(settings), "coinbase")["BTC@60"]
    assert entry.interval.last == now.replace(minute=0, second=0, microsecond=0)
    (item,) = planned(settings, window).items
    assert item.missing[-1].last == now.replace(hour=0, minute=0, second=0, microsecond=0)


def test_what_may_still_come_is_read_but_not_called_done(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    final = APRIL.last - timedelta(days=10)
    source = replace(SOURCES["coinbase"], final=lambda _item, _clock: final)
    for new_rows in (True, False):
        plan = make_plan(settings, [source], Wanted(APRIL))
        (report,) = run_plan(plan, settings)
        assert report.done == report.chunks > 0
        assert bool(report.new_rows) == new_rows
        (item,) = make_plan(settings, [source], Wanted(APRIL)).items
        assert item.missing == [Interval(final, APRIL.last)]


def test_a_part_that_fails_keeps_its_rows_but_is_not_called_done(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)

    class Half:
        """Coinbase, which says of every chunk that a part of it failed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(SOURCES["coinbase"].module, name)

        def backfill(self, run: Extraction, *asked: Any) -> Iterator[Any]:
            yield from SOURCES["coinbase"].module.backfill(run, *asked)
            run.failures.append(run.client.error("a metric is unknown", "correct it"))

    source = replace(SOURCES["coinbase"], module=Half())
    (report,) = run_plan(make_plan(settings, [source], Wanted(APRIL)), settings)
    assert len(raw(settings)) == report.new_rows > 700
    assert set(report.failures) == {"coinbase: a metric is unknown; correct it"}
    assert report.done == 0
    assert make_plan(settings, [source], Wanted(APRIL)).chunks == report.chunks


def test_five_minutes_add_up_to_the_hours(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    days = Interval(datetime(2024, 6, 26, tzinfo=UTC), datetime(2024, 6, 29, tzinfo=UTC))
    report = backfilled(settings, days, minutes=None)
    assert report.chunks == 2 * 3, "days where the month has no file yet"
    warehouse = Warehouse(settings)
    (made,) = warehouse.query(
        "WITH made AS (SELECT date_trunc('hour', bar_open_at) AS hour, "
        "arg_min(open, bar_open_at) AS open, arg_max(close, bar_open_at) AS close, "
        "max(high) AS high, min(low) AS low, sum(volume_base) AS volume, count(*) AS n "
        f"FROM {warehouse.table('price_bars')} WHERE interval_minutes = 5 GROUP BY 1) "
        "SELECT count(*) AS n, count(*) FILTER (made.open = b.open AND "
        "made.close = b.close AND made.high = b.high AND made.low = b.low AND "
        # Volumes are whole millionths: their sum is exact when it is counted in them.
        "round(made.volume * 1e6) = round(b.volume_base * 1e6)) AS same, "
        # An hour in which next to nobody traded has gaps, any other has all twelve.
        "count(*) FILTER (made.n = 12) AS whole, count(*) FILTER (made.n > 12) AS odd "
        f"FROM {warehouse.table('price_bars')} b "
        "JOIN made ON made.hour = b.bar_open_at WHERE b.interval_minutes = 60"
    )
    assert made["n"] == made["same"] == 72
    assert made["odd"] == 0
    assert made["whole"] > 36
    stored = raw(settings, rest="WHERE interval_minutes = 5")
    assert len(stored) == len(archived(sandbox, [f"BTCUSDT-5m-2024-06-{d}" for d in (26, 27, 28)]))


def archived(sandbox: RunningSandbox, stems: list[str]) -> list[str]:
    """Return the lines of files of the archive."""
    lines = []
    for stem in stems:
        url = f"{sandbox.base_url}/vision/data/spot/daily/klines/BTCUSDT/5m/{stem}.zip"
        with zipfile.ZipFile(io.BytesIO(requests.get(url, timeout=10).content)) as files:
            lines += files.read(f"{stem}.csv").decode().splitlines()
    return lines


def test_a_replaced_file_is_read_again(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    first = backfilled(settings, SPRING)
    assert backfilled(settings, SPRING, recheck=True).requests == 3
    reupload(sandbox.state, "BTCUSDT-1h-2024-04")
    plan = planned(settings, SPRING, recheck=True)
    assert (plan.chunks, plan.pieces, plan.requests) == (0, 3, 3)
    (report,) = run_plan(plan, settings)
    assert report.notes == ["BTCUSDT-1h-2024-04.zip was replaced and is read again"]
    assert report.requests == 3 + 2
    assert report.new_rows == 1
    rows = raw(settings, rest="ORDER BY bar_open_at, loaded_at")
    assert len(rows) == first.new_rows + 1
    old, new = (row for row in rows if row["bar_open_at"] == APRIL.last - HOUR)
    assert new["volume_base"] == old["volume_base"] + 1
    assert new["available_at"] == settings.clock()
    again = backfilled(settings, SPRING, recheck=True)
    assert (again.new_rows, again.requests) == (0, 3)


def test_what_is_not_there_yet_or_not_yet_listed_is_no_error(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    window = Interval(datetime(2024, 1, 1, tzinfo=UTC), sandbox.state.now)
    report = backfilled(settings, window)
    assert report.failures == []
    assert report.notes == [
        "BTC@60: nothing before 2024-02-01",
        "BTC@60: nothing yet from 2024-06-30",
    ]
    assert planned(settings, window).chunks == 2, "asked again the next time"
    report = backfilled(settings_for(sandbox, tmp_path, CFW_SYMBOLS="AAVE"), APRIL)
    assert (report.failures, report.notes) == ([], ["AAVE@60: no file in this time"])


def test_a_hole_between_files_is_an_error(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    path = "/vision/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04"
    sandbox.faults.add(path, "status", status=404)
    report = backfilled(settings, SPRING)
    assert len(report.failures) == 1
    assert (
        "BTCUSDT-1h-2024-04.zip answered 404, though files before and after" in (report.failures[0])
    )
    assert report.done == 2
    assert backfilled(settings, SPRING).failures == []
    assert planned(settings, SPRING).chunks == 0


def only_zips(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda body: change(body) if body.startswith(b"PK") else body


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"rewrite": only_zips(lambda body: body[:1000])}, "has the sha256"),
        ({"rewrite": only_zips(lambda _: b"<html>hello</html>")}, "has the sha256"),
        ({"rewrite": lambda _: b"<html>hello</html>"}, "instead of a checksum"),
        ({"kind": "status", "status": 500}, "answered 500"),
    ],
    ids=["truncated", "page", "no checksum", "500"],
)
def test_a_file_that_fails_leaves_the_others(
    fault: dict[str, Any], says: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    path = "/vision/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04"
    sandbox.faults.add(path, **{"kind": "replace", "times": None, **fault})
    report = backfilled(settings, SPRING)
    sandbox.faults.clear()
    assert [says in line for line in report.failures] == [True]
    assert report.done == 2
    healed = backfilled(settings, SPRING)
    assert (healed.failures, healed.done) == ([], 1)


def test_a_zip_replaced_between_two_requests_is_read_anew(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    path = "/vision/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip"
    stale = f"{'0' * 64}  BTCUSDT-1h-2024-04.zip\n".encode()
    sandbox.faults.add(f"{path}.CHECKSUM", "replace", rewrite=lambda _: stale)
    report = backfilled(settings, APRIL)
    assert (report.failures, report.done, report.requests) == ([], 1, 4)


def test_a_provider_that_does_not_answer_is_left_alone(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("/coinbase", "status", times=None, status=503)
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC,ETH,SOL", http_attempts=1)
    report = backfilled(settings, SPRING, "coinbase")
    assert sandbox.requests.total() == 3
    assert "2 more items not asked: the provider fails as a whole" in report.notes
    assert (report.done, report.new_rows) == (0, 0)


def saved(sandbox: RunningSandbox, folder: Path, *stems: str, checksum: bool = True) -> None:
    """Save files of the archive as a person would, by their names alone."""
    folder.mkdir(exist_ok=True)
    for stem in stems:
        pair, interval, period = stem.split("-", 2)
        kind = "monthly" if len(period) == 7 else "daily"
        base = f"{sandbox.base_url}/vision/data/spot/{kind}/klines/{pair}/{interval}"
        for ending in ("zip", "zip.CHECKSUM")[: 1 + checksum]:
            reply = requests.get(f"{base}/{stem}.{ending}", timeout=10)
            assert reply.status_code == 200
            (folder / f"{stem}.{ending}").write_bytes(reply.content)


def test_a_local_folder_takes_the_place_of_the_network(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    months = [f"BTCUSDT-1h-2024-{month:02}" for month in (3, 4, 5)]
    saved(sandbox, files, *months)
    here = settings_for(sandbox, tmp_path, binance_archive_dir=files)
    sandbox.requests.clear()
    plan = planned(here, SPRING)
    assert (plan.requests, plan.seconds) == (0, 0)
    report = run_plan(plan, here)[0]
    assert report.failures == report.notes == []
    there = settings_for(sandbox, tmp_path / "other")
    assert sandbox.requests.total() == 0
    backfilled(there, SPRING)
    # A file on a disk does not tell that the sandbox made it: is_sample, the last column, differs.
    same = [[row[:-1] for row in facts(settings, "price_bars")] for settings in (here, there)]
    assert same[0] == same[1]
    # A replaced file is noticed without being asked to: reading it costs nothing.
    reupload(sandbox.state, months[1])
    saved(sandbox, files, months[1])
    assert backfilled(here, SPRING).new_rows == 1
    # What is not in the folder is missing, and stays so.
    (files / f"{months[1]}.zip").unlink()
    other = settings_for(sandbox, tmp_path / "third", binance_archive_dir=files)
    report = backfilled(other, SPRING)
    assert "BTCUSDT-1h-2024-04.zip is not in the folder, though" in report.failures[0]


def test_local_files_are_checked_where_they_can_be(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tmp_path / "files"
    saved(sandbox, files, "BTCUSDT-1h-2024-04", checksum=False)
    settings = settings_for(sandbox, tmp_path, binance_archive_dir=files)
    report = backfilled(settings, APRIL)
    assert report.notes == [
        "BTCUSDT-1h-2024-04.zip has no .CHECKSUM beside it and was not verified"
    ]
    assert backfilled(settings, APRIL).rows_read == 0, "unchanged"
    saved(sandbox, files, "BTCUSDT-1h-2024-05")
    may = files / "BTCUSDT-1h-2024-05.zip"
    may.write_bytes(may.read_bytes() + b" ")
    report = backfilled(settings, SPRING)
    assert any("has the sha256" in line for line in report.failures)
    monkeypatch.setattr(binance_archive, "MAX_ZIP_BYTES", 1000)
    report = backfilled(settings, SPRING)
    assert any("is above the limit of 1,000 bytes" in line for line in report.failures)


def test_bad_lines_are_counted_not_landed(sandbox: RunningSandbox, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    time = int(APRIL.first.timestamp()) * 1000
    lines = [f"{time + hour * 3_600_000},2,3,1,2,5,0,10,1,0,0,0" for hour in range(3)]
    lines[1] = lines[1].replace(",3,", ",0.5,")
    stem = "BTCUSDT-1h-2024-04"
    (files / f"{stem}.zip").write_bytes(zipped(stem, "\n".join(lines).encode()))
    settings = settings_for(sandbox, tmp_path, binance_archive_dir=files)
    report = backfilled(settings, APRIL)
    assert (report.new_rows, report.rejected) == (2, 1)
    (refused,) = raw(settings, "rejected_rows")
    assert (refused["source"], refused["reason"]) == (ARCHIVE, "high is below low")


def test_every_source_plans_without_a_request(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    for source in SOURCES.values():
        plan = make_plan(settings, [source], Wanted(SPRING))
        assert plan.items or plan.skipped, source.name
        assert all(merge(item.chunks) == list(item.missing) for item in plan.items), (
            "chunks cover what is missing"
        )
        assert plan.requests >= len(plan.items)
    assert sandbox.requests.total() == 0


def test_wrong_names_are_told(sandbox: RunningSandbox) -> None:
    with pytest.raises(SettingsError, match="'weather' has no backfill; choose from prices"):
        sources_of("weather")
    with pytest.raises(SettingsError, match="no provider 'nope' for prices; choose from: coinb"):
        sources_of("prices", "nope")


def test_the_warehouse_is_held_only_while_rows_are_stored(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PLAIN_ROWS", 500)
    settings = settings_for(sandbox, tmp_path)
    log: list[str] = []

    @contextmanager
    def hold() -> Iterator[None]:
        log.append("take")
        yield
        log.append("free")

    def heard(progress: Progress) -> None:
        log.append(f"read {progress.pieces}")

    run_plan(planned(settings, APRIL, "coinbase"), settings, hold=hold, on_progress=heard)
    assert log[:6] == ["read 1", "take", "free", "read 2", "take", "free"]
    assert log.count("take") == log.count("free") == len(log) - log.count("take") * 2


def test_a_chunk_is_in_the_ledger_only_after_its_rows(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(sandbox, tmp_path)
    real = Warehouse.load

    def fails(*_args: Any, **_options: Any) -> Any:
        msg = "the disk is full"
        raise WarehouseError(msg)

    monkeypatch.setattr(Warehouse, "load", fails)
    with pytest.raises(WarehouseError, match="the disk is full"):
        backfilled(settings, APRIL)
    landed = len(raw(settings))
    assert landed > 700
    assert planned(settings, APRIL).chunks == 1
    monkeypatch.setattr(Warehouse, "load", real)
    report = backfilled(settings, APRIL)
    assert (report.rows_read, report.new_rows) == (landed, 0)
    assert len(raw(settings)) == landed
    assert planned(settings, APRIL).chunks == 0


#: A backfill in small batches, which tells each piece that it read.
BACKFILL = """
import sys
from ingestion.backfill import runner
from ingestion.backfill.intervals import Interval
from ingestion.backfill.planning import Wanted, make_plan
from ingestion.backfill.sources import sources_of
from ingestion.config import Settings
from datetime import datetime
runner.ARROW_ROWS = runner.PLAIN_ROWS = 1500
settings = Settings(_env_file=None)
window = Interval(*map(datetime.fromisoformat, sys.argv[2:4]))
plan = make_plan(settings, sources_of("prices", sys.argv[1]), Wanted(window, 60))
say = lambda progress: print(progress.pieces, flush=True)
runner.run_plan(plan, settings, on_progress=say)
print("end", flush=True)
"""
KILLS = 3


@pytest.mark.parametrize("provider", ["coinbase", ARCHIVE])
def test_killed_at_random_moments_it_equals_an_undisturbed_one(
    provider: str, sample: SandboxData, tmp_path: Path
) -> None:
    bars = {symbol: sample.bars[symbol] for symbol in ("BTC", "ETH", "SOL")}
    with running_sandbox(replace(sample, bars=bars)) as sandbox:
        calm = settings_for(sandbox, tmp_path / "calm", CFW_SYMBOLS="BTC,ETH,SOL")
        rough = settings_for(sandbox, tmp_path / "rough", CFW_SYMBOLS="BTC,ETH,SOL")
        window = Interval(datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC))
        backfilled(calm, window, provider)
        chance = random.Random()
        for _ in range(KILLS):
            with _process(sandbox, rough, provider, window) as process:
                assert process.stdout is not None
                pieces = chance.randint(0, 4)
                for _line in zip(range(pieces), process.stdout, strict=False):
                    pass
                try:
                    process.wait(chance.uniform(0.0, 1.0))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                assert process.wait() in (0, -signal.SIGKILL)
        with _process(sandbox, rough, provider, window) as process:
            assert process.stdout is not None
            assert process.stdout.read().split()[-1] == "end"
    for table in ("price_bars", "backfill_intervals"):
        assert facts(rough, table) == facts(calm, table)
    for entries in entries_of(Warehouse(rough), provider).values():
        assert subtract(window, [entry.interval for entry in entries]) == []


@contextmanager
def _process(
    sandbox: RunningSandbox, settings: Settings, provider: str, window: Interval
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BACKFILL, provider]
    command += [moment.isoformat() for moment in window]
    env = {
        **os.environ,
        **sandbox.env(),
        "CFW_WAREHOUSE_URL": settings.warehouse_url,
        "CFW_DATA_DIR": str(settings.data_dir),
        "CFW_SYMBOLS": "BTC,ETH,SOL",
    }
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        yield process
