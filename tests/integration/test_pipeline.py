"""The flow `pipeline` end to end: sandbox to tested mart, with sources and tests that fail."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows.errors import LockedError, PipelineError, TransformError
from flows.lock import run_lock
from flows.pipeline import PipelineReport, ingest, pipeline
from flows.summary import summarise_mart
from ingestion.sandbox import RunningSandbox
from tests.support.marts import assert_same, read_mart
from tests.support.warehouses import TestWarehouse

pytestmark = [
    pytest.mark.xdist_group("pipeline"),
    pytest.mark.usefixtures("prefect_harness", "no_faults"),
]
SYMBOLS = "BTC,DOGE"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, pair_sandbox: RunningSandbox) -> TestWarehouse:
    """A warehouse after one whole run; tests that change it work on a copy."""
    warehouse = _warehouse(tmp_path_factory.mktemp("built"), pair_sandbox)
    _run(warehouse)
    return warehouse


def _warehouse(folder: Path, pair_sandbox: RunningSandbox, **overrides: Any) -> TestWarehouse:
    return TestWarehouse(
        folder,
        pair_sandbox,
        symbols=SYMBOLS,
        history_start="2024-05-20",
        http_attempts=2,
        **overrides,
    )


def _copy(built: TestWarehouse, folder: Path) -> TestWarehouse:
    shutil.copy(built.path, folder / "warehouse.duckdb")
    return _warehouse(folder, built.sandbox)


def _run(warehouse: TestWarehouse, **options: Any) -> PipelineReport:
    return pipeline(overrides=warehouse.overrides(), **options)


def test_one_run_fills_every_layer(built: TestWarehouse) -> None:
    """Raw, scores and mart are there, every row marked as the sample's, one mart row per bar."""
    counts = built.raw_counts()
    for table in (
        "price_bars",
        "asset_snapshots",
        "onchain_metrics",
        "macro_observations",
        "articles",
        "social_posts",
        "social_engagement",
        "sentiment_scores",
        "asset_mentions",
    ):
        assert counts[table] > 0, table
        real = built.query(f"select count(*) as n from crypto_raw.{table} where not is_sample")
        assert real[0]["n"] == 0, table
    mart = read_mart(built.path)
    assert len(mart) == counts["price_bars"]
    assert mart.avg_vader_score.notna().any()
    assert mart.avg_cryptobert_score.isna().all(), "no weights here: unknown, not zero"


def test_a_new_column_is_refused_until_a_full_refresh(tmp_path: Path, built: TestWarehouse) -> None:
    """After an upgrade: a build names the columns in one line and leaves the mart as it is."""
    warehouse = _copy(built, tmp_path)
    before = read_mart(warehouse.path)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "alter table crypto_intermediate.int_prices__bars drop column previous_bar_hour"
        )
    with pytest.raises(TransformError, match=r"new: previous_bar_hour; gone: none.*full-refresh"):
        warehouse.transform()
    assert_same(before, read_mart(warehouse.path))
    assert_same(before, warehouse.transform(full_refresh=True))


def test_a_second_run_adds_and_changes_nothing(built: TestWarehouse) -> None:
    """Same clock, same answers: no new raw row, the same content hash."""
    before = summarise_mart(built.settings)
    report = _run(built)
    assert report.new_rows == 0
    assert report.failures == {}
    assert summarise_mart(built.settings).content_hash == before.content_hash


def test_a_failed_source_fails_the_run_but_not_the_others(
    tmp_path: Path, pair_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable source fails its own step; the mart is built; the end names the source."""
    monkeypatch.setattr(ingest, "retry_delay_seconds", 0)
    pair_sandbox.faults.add("/alternative_me", "status", status=503, times=None)
    pair_sandbox.faults.add("/rss", "html", times=None)
    warehouse = _warehouse(tmp_path, pair_sandbox)
    with pytest.raises(PipelineError) as failure:
        _run(warehouse)
    lines = str(failure.value).splitlines()
    assert len(lines) >= 2
    assert any("alternative_me" in line or "fear_greed" in line for line in lines)
    counts = warehouse.raw_counts()
    assert counts["articles"] == 0
    assert counts["price_bars"] == len(read_mart(warehouse.path)) > 0
    pair_sandbox.faults.clear()
    healed = _run(warehouse)
    assert healed.failures == {}
    assert warehouse.raw_counts()["articles"] > 0


def _restate_newest_bar(warehouse: TestWarehouse, low: str, minutes: int) -> None:
    """Land a newer version of BTC's newest bar, past the checks of ingestion."""
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into crypto_raw.price_bars by name "
            "select newest.* replace ("
            f"(select {low} from crypto_raw.price_bars as v where v.symbol = 'BTC' and "
            "v.bar_open_at = newest.bar_open_at) as low, "
            f"newest.loaded_at + interval {minutes} minute as loaded_at) "
            "from (select * from crypto_raw.price_bars where symbol = 'BTC' "
            "order by bar_open_at desc, loaded_at desc limit 1) as newest"
        )


def test_a_failed_dbt_test_fails_the_flow_and_the_next_run_heals(
    tmp_path: Path, built: TestWarehouse
) -> None:
    """A bar outside the contract stops the run with the test's name, and nothing is marked done."""
    warehouse = _copy(built, tmp_path)
    _restate_newest_bar(warehouse, low="min(-1.0)", minutes=1)
    with pytest.raises(PipelineError, match=r"dbt: .* failed: test pricing_columns_in_range"):
        _run(warehouse, sources=[])
    _restate_newest_bar(warehouse, low="arg_min(low, loaded_at)", minutes=2)
    assert _run(warehouse, sources=[]).failures == {}
    assert_same(read_mart(built.path), read_mart(warehouse.path))


def test_rows_of_a_load_that_was_finished_late_are_not_lost(
    tmp_path: Path, built: TestWarehouse
) -> None:
    """An interrupted load, finished after a build that came between, lands rows dated before it."""
    warehouse = _copy(built, tmp_path)
    hole = (
        "select bar_open_at + interval 1 hour as at from crypto_raw.price_bars as bars "
        "where symbol = 'BTC' and not exists (select 1 from crypto_raw.price_bars as later "
        "where later.symbol = 'BTC' and later.bar_open_at = bars.bar_open_at + interval 1 hour) "
        "order by bar_open_at limit 1"
    )
    at = warehouse.query(hole)[0]["at"]
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into crypto_raw.price_bars by name select * replace ("
            "bar_open_at + interval 1 hour as bar_open_at, "
            "available_at + interval 1 hour as available_at, "
            "loaded_at - interval 1 hour as loaded_at) from crypto_raw.price_bars "
            "where symbol = 'BTC' and bar_open_at = ?",
            [at - timedelta(hours=1)],
        )
    assert _run(warehouse, sources=[]).failures == {}
    mart = read_mart(warehouse.path)
    assert len(mart) == len(read_mart(built.path)) + 1
    late = mart[(mart.symbol == "BTC") & (mart.timestamp_iso == at.replace(tzinfo=None))]
    assert len(late) == 1


def test_bad_rows_are_kept_apart_and_the_rest_arrives(
    tmp_path: Path, pair_sandbox: RunningSandbox
) -> None:
    """One page with a broken bar: the bar is in rejected_rows with reason and payload."""
    pair_sandbox.faults.add(
        "/coinbase/products/BTC-USD/candles",
        "replace",
        times=1,
        rewrite=lambda body: body.replace(b"[[", b'[[1718000000,"x",1,1,1,1],[', 1),
    )
    warehouse = _warehouse(tmp_path, pair_sandbox)
    report = _run(warehouse, sources=["coinbase"])
    assert report.sources[0].rejected == 1
    rejected = warehouse.query("select reason, payload from crypto_raw.rejected_rows")
    assert len(rejected) == 1
    assert "1718000000" in rejected[0]["payload"]
    assert len(read_mart(warehouse.path)) == warehouse.raw_counts()["price_bars"] > 1000


def test_a_second_writer_is_kept_out_with_a_clear_line(built: TestWarehouse) -> None:
    """While one run holds the warehouse another refuses, names the holder, and changes nothing."""
    with run_lock(built.settings), pytest.raises(LockedError, match=r"in use by process \d+ since"):
        _run(built)
    with run_lock(built.settings):
        pass


def _hold(overrides: dict[str, Any], ready: Any) -> None:
    from ingestion.config import Settings

    with run_lock(Settings(**overrides)):
        ready.set()
        time.sleep(600)


def test_a_killed_holder_leaves_no_lock(built: TestWarehouse) -> None:
    """The lock dies with its process: nothing to clean by hand."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(built.overrides(), ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(LockedError), run_lock(built.settings):
        pass
    holder.kill()
    holder.join()
    with run_lock(built.settings, wait_seconds=10):
        pass


@pytest.mark.parametrize("seconds", [2.0, 5.0, 8.0, 11.0, 15.0])
def test_a_run_killed_anywhere_is_finished_by_the_next(
    tmp_path: Path, built: TestWarehouse, seconds: float
) -> None:
    """SIGKILL in ingestion, scoring or dbt; the next run gives the undisturbed mart."""
    warehouse = _warehouse(tmp_path, built.sandbox)
    script = (
        "import json, sys\n"
        "from flows import steps\n"
        "from ingestion.config import Settings\n"
        "from ingestion.steps import STEPS, run_step\n"
        "settings = Settings(**json.loads(sys.argv[1]))\n"
        "steps.prepare(settings)\n"
        "[run_step(name, settings) for name in STEPS]\n"
        "steps.score(settings)\n"
        "steps.transform(settings)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(warehouse.overrides())],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
        process.wait()
    assert _run(warehouse).failures == {}
    assert_same(read_mart(built.path), read_mart(warehouse.path))
