"""The exporter over a warehouse that was really built: names that the rules use, marts that age."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import steps
from flows.journal import Journal
from flows.journal_rows import FlowRun
from flows.metrics.families import FAMILIES
from flows.metrics.streams import STREAMS, max_age, shown
from flows.schedules import MART_MAX_AGE
from flows.watch import Health
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.gate import HostGate
from ingestion.limits import HostLedger
from ingestion.sandbox import generate_sample, running_sandbox
from scoring.report import ModelReport, Progress
from tests.support.metrics import Exporter, Metrics, articles
from tests.support.promtool import ROOT, Scrape, expressions, firing, metric_names
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("pipeline")
#: Tables whose promise depends on the metric or series.
_BY_STREAM = ("onchain_metrics", "macro_observations")
#: Only a server has them; test_metrics_server.py holds them to it.
OF_A_SERVER = {name for name in FAMILIES if name.startswith("cfw_database_")}


@pytest.fixture(autouse=True)
def _read_at_every_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_METRICS_CACHE_SECONDS", "0")
    monkeypatch.setattr("flows.metrics.collector._REST", 0.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWarehouse]:
    """Ten days of two symbols, scored, built, tested and recorded."""
    data = generate_sample()
    some = replace(data, bars={symbol: data.bars[symbol] for symbol in ("BTC", "DOGE")})
    with running_sandbox(some) as sandbox:
        start = (sandbox.state.now - timedelta(days=10)).isoformat()
        warehouse = TestWarehouse(
            tmp_path_factory.mktemp("built"), sandbox, symbols="BTC,DOGE", history_start=start
        )
        warehouse.feed()
        began = warehouse.settings.clock()
        report = steps.transform(warehouse.settings)
        run = FlowRun("1", "transform", began, began + timedelta(seconds=40), "completed")
        Journal(warehouse.settings).record(run, report.nodes)
        yield warehouse


@pytest.fixture
def copied(built: TestWarehouse, tmp_path: Path) -> TestWarehouse:
    """A copy that a test may spoil."""
    shutil.copy(built.path, tmp_path / "warehouse.duckdb")
    shutil.copy(built.settings.data_dir / "hosts.sqlite", tmp_path)
    overrides = {"symbols": "BTC,DOGE", "history_start": built.overrides()["history_start"]}
    return TestWarehouse(tmp_path, built.sandbox, **overrides)


def change(warehouse: TestWarehouse, sql: str) -> None:
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(sql)


def worker() -> Metrics:
    """What a scoring worker answers that has scored a chunk and misses a model."""
    health = Health(60.0, Settings().clock)
    health.loaded({"vader": 0.25}, ["finbert"])
    report = ModelReport("vader", "vader", "1", queued=2, scored=2)
    health.note(Progress("vader", 0, 2, report))
    health.note(Progress("vader", 2, 2, report))
    return Metrics(health.metrics().decode())


def test_every_metric_of_the_rules_and_the_dashboard_is_exported(copied: TestWarehouse) -> None:
    """By name, with a value, from a built warehouse in which something waits."""
    settings = copied.settings
    now = settings.clock()
    Warehouse(settings).load("test", {"articles": list(articles(2, now))})
    HostGate(HostLedger(settings.data_dir), "h", 1.0).hold(3600.0, "asked")
    exported = Exporter(settings).scrape().names() | worker().names() | OF_A_SERVER
    panels = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    for expression in (*expressions().values(), *queries):
        assert metric_names(expression) <= exported
    assert set(FAMILIES) <= exported, "and nothing is declared that is never told"


def test_a_built_warehouse_is_healthy_and_its_labels_are_bounded(built: TestWarehouse) -> None:
    exporter = Exporter(built.settings)
    now = built.settings.clock()
    found = exporter.scrape()
    assert found.one("cfw_exporter_up") == 1
    assert found.one("cfw_mart_newest_row_timestamp_seconds") <= now.timestamp()
    assert found.one("cfw_mart_max_age_seconds") == MART_MAX_AGE.total_seconds()
    assert found.one("cfw_mart_rows") == len(built.query("select 1 from crypto_raw.price_bars"))
    assert found.one("cfw_dbt_tests", status="pass") > 50
    assert found.one("cfw_mart_published_timestamp_seconds") > now.timestamp()
    assert set(found.all("cfw_health_failed_checks")) == {0.0}
    assert found.one("cfw_gap_bars", group="core") == 0
    assert len(found.samples) < 500, "by source, not by symbol or column"
    fired = firing([Scrape(0, found.text, now.timestamp())], 3)
    assert not fired & {"MartStale", "SourceStale", "DbtTestsFailing", "ClockSkew"}


def test_the_promises_are_those_of_data_health(built: TestWarehouse) -> None:
    """What the models allow a stream is what the exporter allows it."""
    rows = built.query(
        "select subject, expected_value from crypto_marts.data_health "
        "where check_name = 'freshness'"
    )
    streams = {stream.table: stream for stream in STREAMS}
    for row in rows:
        table, source, *rest = row["subject"].split(" ")
        raw = rest[0] if rest else "60" if table == "price_bars" else ""
        source, name = shown(streams[table], source, raw)
        assert max_age(streams[table], source, name) == row["expected_value"] * 3600, row
    promised = {stream.table for stream in STREAMS if stream.max_age} | set(_BY_STREAM)
    assert {row["subject"].split(" ")[0] for row in rows} == promised, "every kind of stream"


def test_a_mart_that_is_not_published_grows_old(copied: TestWarehouse) -> None:
    exporter = Exporter(copied.settings)
    now = copied.settings.clock().timestamp()
    before = exporter.scrape()
    change(
        copied,
        "delete from crypto_marts.ml_features_materialized where timestamp_iso > "
        "(select max(timestamp_iso) - interval 5 hour from crypto_marts.ml_features_materialized)",
    )
    after = exporter.scrape()
    name = "cfw_mart_newest_row_timestamp_seconds"
    assert before.one(name) - after.one(name) == 5 * 3600
    assert after.one("cfw_mart_rows") < before.one("cfw_mart_rows")
    assert "MartStale" in firing([Scrape(0, after.text, now)], 8)
    change(copied, "drop table crypto_marts.ml_features_materialized")
    gone = exporter.scrape()
    assert not gone.has(name)
    assert "MartMissing" in firing([Scrape(0, gone.text, now)], 65)


def test_gaps_and_failing_checks_are_counted_by_group(copied: TestWarehouse) -> None:
    """A hole in the bars goes through the models into the figures and to the alert."""
    exporter = Exporter(copied.settings)
    now = copied.settings.clock().timestamp()
    before = exporter.scrape()
    hole = "bar_open_at >= (select max(bar_open_at) - interval 30 hour from crypto_raw.price_bars)"
    end = "bar_open_at < (select max(bar_open_at) - interval 20 hour from crypto_raw.price_bars)"
    change(copied, f"delete from crypto_raw.price_bars where symbol = 'DOGE' and {hole} and {end}")
    steps.transform(
        copied.settings,
        full_refresh=True,
        select=["int_prices__resampled", "int_prices__bars", "int_health__bars", "data_health"],
    )
    after = exporter.scrape()
    assert after.one("cfw_gap_bars", group="other") == 10
    assert after.one("cfw_gap_symbols", group="other") == 1
    assert after.one("cfw_gap_bars", group="core") == 0
    scrapes = [Scrape(0, before.text, now), Scrape(365, after.text, now + 365 * 60)]
    assert "GapsGrowing" in firing(scrapes, 385)
    change(
        copied,
        "update crypto_marts.data_health set is_ok = false where check_name = 'coverage' "
        "and day = (select max(day) from crypto_marts.data_health where check_name = 'coverage') "
        "and subject in ('vix', 'rsi_14')",
    )
    assert exporter.scrape().one("cfw_health_failed_checks", check="coverage") == 2


def environment(settings: Settings, **changes: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CFW_")}
    own = {
        "CFW_WAREHOUSE_URL": settings.warehouse_url,
        "CFW_DATA_DIR": str(settings.data_dir),
        "CFW_SCORE_MODELS": "vader",
        "PYTHONUNBUFFERED": "1",
    }
    return {**plain, **own, **changes}


COMMAND = [sys.executable, "-m", "flows.cli.main", "metrics"]


def test_the_command_prints_once_or_serves_until_it_is_told_to_end(built: TestWarehouse) -> None:
    env = environment(built.settings)
    done = subprocess.run([*COMMAND, "--once"], env=env, capture_output=True, text=True, check=True)
    assert Metrics(done.stdout).one("cfw_exporter_up") == 1
    assert "password" not in done.stdout
    process = subprocess.Popen(
        [*COMMAND, "--port", "0"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line: Any = process.stdout.readline()
        url = line.split(" at ")[1].strip()
        assert url.startswith("http://127.0.0.1:"), "loopback unless a host is named"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
            assert Metrics(answer.read().decode()).one("cfw_warehouse_up") == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_worker_tells_what_it_loaded_and_what_it_misses() -> None:
    found = worker()
    assert found.one("cfw_model_load_seconds", model="vader") == 0.25
    assert found.one("cfw_model_missing", model="vader") == 0
    assert found.one("cfw_model_missing", model="finbert") == 1
    assert not found.has("cfw_model_load_seconds", model="finbert"), "it was not loaded"
    assert found.one("cfw_score_chunk_seconds_count", model="vader") == 1
