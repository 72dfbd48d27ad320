"""The exporter: every figure follows what happened, and bad news shows."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.errors import LockedError, RunError
from flows.journal import Journal
from flows.journal_rows import DbtNode, FlowRun
from flows.lock import reading_lock, run_lock
from flows.metrics.exposition import bound
from flows.metrics.families import FAMILIES, Readings
from flows.metrics.landed import CLASSES, reason_class
from flows.schedules import SCHEDULES
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.gate import HostGate
from ingestion.limits import HostLedger
from tests.support.metrics import NOW, Exporter, Metrics, articles, bars, scores, settings_of

EVENT, LOAD = (
    "cfw_source_newest_event_timestamp_seconds",
    "cfw_source_newest_load_timestamp_seconds",
)
COINBASE = {"table": "price_bars", "source": "coinbase", "stream": "60m"}


@pytest.fixture(autouse=True)
def _read_at_every_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_METRICS_CACHE_SECONDS", "0")
    monkeypatch.setattr("flows.metrics.collector._REST", 0.0)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with every raw table and no row."""
    settings = settings_of(tmp_path_factory.mktemp("empty"))
    Warehouse(settings).ensure_tables()
    return Path(settings.warehouse_url.removeprefix("duckdb:///"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def land(settings: Settings, empty: Path) -> Callable[..., None]:
    """Land rows as if it were some hours later."""
    path = Path(settings.warehouse_url.removeprefix("duckdb:///"))

    def load(hours: float = 0.0, **tables: Any) -> None:
        if not path.exists():
            settings.data_dir.mkdir(exist_ok=True)
            shutil.copy(empty, path)
        later = settings.model_copy(update={"now": NOW + timedelta(hours=hours)})
        if tables:
            Warehouse(later).load("test", {name: list(rows) for name, rows in tables.items()})

    return load


def hour(number: int) -> datetime:
    return NOW.replace(minute=0) + timedelta(hours=number)


def test_without_a_warehouse_nothing_is_claimed(settings: Settings) -> None:
    found = Exporter(settings).scrape()
    assert found.one("cfw_warehouse_up") == 0
    assert found.one("cfw_exporter_up") == 0
    assert not found.has("cfw_exporter_last_read_timestamp_seconds")
    of_the_machine = {"cfw_disk_free_bytes", "cfw_disk_size_bytes"}
    for name in found.names() - of_the_machine:
        assert name.startswith(("cfw_exporter_", "cfw_warehouse_")), f"{name} is not known"


def test_freshness_comes_from_events_and_ages_when_nothing_comes(
    settings: Settings, land: Callable[..., None]
) -> None:
    exporter = Exporter(settings)
    land(price_bars=bars(hour(-5), 3))
    first = exporter.scrape()
    assert first.one(EVENT, **COINBASE) == hour(-2).timestamp(), "the close of the newest bar"
    assert first.one("cfw_rows_in_total", **COINBASE) == 3
    assert first.one("cfw_source_max_age_seconds", **COINBASE) == 7200
    # A load of old bars: work was done, and the source is as stale as before.
    land(2, price_bars=bars(hour(-9), 2))
    second = exporter.scrape()
    assert second.one(EVENT, **COINBASE) == first.one(EVENT, **COINBASE)
    assert second.one(LOAD, **COINBASE) == first.one(LOAD, **COINBASE) + 7200
    assert second.one("cfw_rows_in_total", **COINBASE) == 5
    land(3, price_bars=bars(hour(0), 2))
    assert exporter.scrape().one(EVENT, **COINBASE) == hour(2).timestamp()


def test_a_source_that_never_came_is_told_until_it_comes(
    settings: Settings, land: Callable[..., None]
) -> None:
    exporter = Exporter(settings)
    land()
    pair = {"table": "price_bars", "source": "coinbase"}
    feed = {"table": "articles", "source": "paper"}
    found = exporter.scrape()
    assert found.one("cfw_source_never_delivered", **pair) == 1
    assert found.one("cfw_source_never_delivered", **feed) == 1
    assert not found.has(EVENT)
    assert not found.has("cfw_source_never_delivered", source="kraken"), "it is not switched on"
    land(1, price_bars=bars(hour(-2), 1), articles=articles(1, NOW))
    found = exporter.scrape()
    assert found.one("cfw_source_never_delivered", **pair) == 0
    assert found.one("cfw_source_never_delivered", **feed) == 0


def test_an_article_of_tomorrow_is_not_fresher_than_its_reading(
    settings: Settings, land: Callable[..., None]
) -> None:
    land(articles=articles(1, NOW, published_at=NOW + timedelta(days=1)))
    found = Exporter(settings).scrape()
    assert found.one(EVENT, table="articles", source="paper") == NOW.timestamp()


def test_counters_are_the_stored_rows_however_they_came(
    settings: Settings, land: Callable[..., None]
) -> None:
    """Loads over days, read after each: an old exporter and a new one say the same."""
    exporter = Exporter(settings)
    first = hour(-2000)
    stored = 0
    for day, count in enumerate((3, 1, 0, 30, 2, 1)):
        land(36 * day, price_bars=bars(first + timedelta(hours=stored), count))
        stored += count
        lived, new = exporter.scrape(), Exporter(settings).scrape()
        for name in ("cfw_rows_in_total", EVENT, LOAD):
            assert lived.one(name, **COINBASE) == new.one(name, **COINBASE)
        assert lived.one("cfw_rows_in_total", **COINBASE) == stored


def test_a_new_warehouse_in_the_old_ones_place_starts_the_counters_again(
    settings: Settings, land: Callable[..., None], tmp_path: Path
) -> None:
    exporter = Exporter(settings)
    for days in (0, 3):
        land(24 * days, price_bars=bars(hour(-500 + days), 40))
    assert exporter.scrape().one("cfw_rows_in_total", **COINBASE) > 40
    (tmp_path / "metrics.duckdb").unlink()
    shutil.rmtree(settings.data_dir)
    land(price_bars=bars(hour(-5), 2))
    assert exporter.scrape().one("cfw_rows_in_total", **COINBASE) == 2


def test_refused_rows_count_by_class_of_reason(
    settings: Settings, land: Callable[..., None]
) -> None:
    exporter = Exporter(settings)
    land()
    labels = {"source": "coinbase", "table": "price_bars"}
    assert exporter.scrape().all("cfw_rejected_rows_total", **labels) == [0.0] * len(CLASSES)
    reasons = ("close is missing", "open is missing", "high is not finite", "odd")
    land(
        1,
        rejected_rows=[
            {"source": "coinbase", "table_name": "price_bars", "row_hash": str(n)}
            | {"reason": reason, "payload": "{}", "is_sample": True}
            for n, reason in enumerate(reasons)
        ],
    )
    found = exporter.scrape()
    assert found.one("cfw_rejected_rows_total", reason="missing", **labels) == 2
    assert found.one("cfw_rejected_rows_total", reason="malformed", **labels) == 1
    assert found.one("cfw_rejected_rows_total", reason="other", **labels) == 1
    assert reason_class("contradicts an earlier row with the same key") == "contradiction"


def test_a_feed_that_cannot_be_read_counts_its_failures(
    settings: Settings, land: Callable[..., None]
) -> None:
    exporter = Exporter(settings)
    for number, failures in enumerate((0, 1, 2)):
        land(
            number,
            feed_checks=[
                {"feed": "paper", "category": "crypto", "consecutive_failures": failures}
                | {"checked_at": NOW + timedelta(hours=number), "status": "error", "error": "x"}
                | dict.fromkeys(("etag", "last_modified", "items", "newest_published_at"))
                | {"failing_since": None, "is_sample": True}
            ],
        )
        assert exporter.scrape().one("cfw_feed_failures_in_row", feed="paper") == failures


def test_backlog_and_coverage_follow_the_texts(
    settings: Settings, land: Callable[..., None]
) -> None:
    exporter = Exporter(settings)
    land()
    assert exporter.scrape().one("cfw_texts_waiting", model="vader") == 0
    assert not exporter.scrape().has("cfw_texts_scored_ratio"), "no texts, no share"
    old = NOW - timedelta(days=3)
    land(0, articles=[*articles(6, old), *articles(4, NOW)])
    found = exporter.scrape()
    assert found.one("cfw_texts_waiting", model="vader") == 10
    landed = found.one("cfw_oldest_waiting_text_timestamp_seconds", model="vader")
    assert landed >= NOW.timestamp(), "an old text that has just come has not waited long"
    assert found.one("cfw_texts_collected", model="vader", window="24h") == 4
    assert found.one("cfw_texts_scored_ratio", model="vader", window="24h") == 0
    first = [f"{NOW:%d%H}-{n}" for n in range(3)]
    failed = [
        {"text_id": f"{old:%d%H}-0", "model_id": "vader", "attempt": 3, "error": "no"}
        | {"model_revision": row["model_revision"], "failed_at": NOW, "is_sample": True}
        for row in scores(first[:1], NOW)
    ]
    land(1, sentiment_scores=scores(first, NOW), scoring_failures=failed)
    found = exporter.scrape()
    assert found.one("cfw_texts_waiting", model="vader") == 6
    assert found.one("cfw_texts_given_up", model="vader") == 1
    assert found.one("cfw_texts_scored_ratio", model="vader", window="24h") == 0.75
    assert found.one("cfw_texts_scored_ratio", model="vader", window="7d") == pytest.approx(0.3)
    rest = [f"{NOW:%d%H}-3", *(f"{old:%d%H}-{n}" for n in range(6))]
    land(2, sentiment_scores=scores(rest, NOW))
    found = exporter.scrape()
    assert found.one("cfw_texts_waiting", model="vader") == 0
    assert not found.has("cfw_oldest_waiting_text_timestamp_seconds")


def run(flow: str, minutes: float, state: str = "completed", **changes: Any) -> FlowRun:
    ended = NOW + timedelta(minutes=minutes)
    error = None if state == "completed" else "it failed"
    start = ended - timedelta(seconds=90)
    return FlowRun(f"{flow}-{minutes}", flow, start, ended, state, error, **changes)


def test_flows_tell_their_last_run_and_their_last_success(
    settings: Settings, land: Callable[..., None]
) -> None:
    land()
    exporter, journal = Exporter(settings), Journal(settings)
    assert not exporter.scrape().has("cfw_flow_last_run_timestamp_seconds"), "nothing ever ran"
    journal.record(run("backfill", 0))
    found = exporter.scrape()
    assert found.one("cfw_flow_last_run_state", flow="backfill", state="completed") == 1
    assert not found.has("cfw_flow_max_age_seconds"), "no schedule ever ran, so none is promised"
    journal.record(run("prices", 5))
    journal.record(run("prices", 10, "failed"))
    journal.record(run("news", 12, "crashed"))
    found = exporter.scrape()
    success = "cfw_flow_last_success_timestamp_seconds"
    assert found.one(success, flow="prices") == (NOW + timedelta(minutes=5)).timestamp()
    assert not found.has(success, flow="news"), "it never ended well"
    assert found.one("cfw_flow_last_run_state", flow="prices", state="failed") == 1
    assert found.one("cfw_flow_last_run_state", flow="prices", state="completed") == 0
    assert found.one("cfw_flow_last_run_state", flow="news", state="crashed") == 1
    assert found.one("cfw_flow_last_run_duration_seconds", flow="prices") == 90
    assert len(found.all("cfw_flow_max_age_seconds")) == len(SCHEDULES)
    limit = SCHEDULES["prices"].stale_after.total_seconds()
    assert found.one("cfw_flow_max_age_seconds", flow="prices") == limit
    since = "cfw_flow_scheduled_since_timestamp_seconds"
    assert found.one(since, flow="social") < (NOW + timedelta(minutes=5)).timestamp()
    journal.record(run("prices", 15))
    assert exporter.scrape().one(success, flow="prices") > found.one(success, flow="prices")


def test_failed_tests_and_the_publication_come_from_the_newest_build(
    settings: Settings, land: Callable[..., None]
) -> None:
    land()
    exporter, journal = Exporter(settings), Journal(settings)
    mart = DbtNode("ml_features_materialized", "model", "success", 1.0)
    journal.record(run("transform", 0), [mart, DbtNode("t1", "test", "pass", 0.1)])
    found = exporter.scrape()
    assert found.one("cfw_dbt_tests", status="pass") == 1
    assert found.one("cfw_dbt_tests", status="fail") == 0
    assert found.one("cfw_mart_published_timestamp_seconds") == NOW.timestamp()
    skipped = DbtNode("ml_features_materialized", "model", "skipped", 0.0)
    failing = [DbtNode("t1", "test", "fail", 0.1), DbtNode("t2", "test", "runtime error", 0.1)]
    journal.record(run("transform", 5, "failed"), [skipped, *failing])
    found = exporter.scrape()
    assert found.one("cfw_dbt_tests", status="fail") == 1
    assert found.one("cfw_dbt_tests", status="error") == 1
    assert found.one("cfw_dbt_tests", status="pass") == 0
    assert found.one("cfw_mart_published_timestamp_seconds") == NOW.timestamp(), "nothing new"


def test_hosts_tell_what_they_answered(settings: Settings, land: Callable[..., None]) -> None:
    land()
    exporter = Exporter(settings)
    assert not exporter.scrape().has("cfw_host_circuit_open"), "nobody was asked"
    ledger = HostLedger(settings.data_dir)
    with ledger.change("doctor"):
        pass
    assert not exporter.scrape().has("cfw_host_circuit_open"), "nor by a trial of the file"
    gate = HostGate(ledger, "api.example.com", 100.0, most_failures=3)
    gate.answered(200, skew=1.5)
    found = exporter.scrape()
    host = {"host": "api.example.com"}
    assert found.one("cfw_http_requests_total", status="200", **host) == 1
    assert found.one("cfw_host_clock_ahead_seconds", **host) == 1.5
    assert found.one("cfw_host_circuit_open", **host) == 0
    assert found.one("cfw_host_last_answer_timestamp_seconds", **host) == pytest.approx(
        time.time(), abs=60
    )
    for _ in range(3):
        gate.failed("no answer", "none")
    for _ in range(2):
        gate.answered(503, skew=-3600.0)
    gate.hold(500.0, "asked")
    found = exporter.scrape()
    assert found.one("cfw_http_requests_total", status="none", **host) == 3
    assert found.one("cfw_http_requests_total", status="503", **host) == 2
    assert found.one("cfw_host_circuit_open", **host) == 1
    assert found.one("cfw_host_failures_in_row", **host) == 3
    assert found.one("cfw_host_clock_ahead_seconds", **host) == -3600
    assert found.one("cfw_host_held_until_timestamp_seconds", **host) > time.time() + 400
    gate.answered(401)
    gate.answered(403)
    assert exporter.scrape().one("cfw_host_refused_in_row", **host) == 2
    gate.answered(200)
    found = exporter.scrape()
    assert found.one("cfw_host_refused_in_row", **host) == 0
    assert found.one("cfw_host_circuit_open", **host) == 0


def test_the_disk_is_measured_at_every_scrape(
    settings: Settings, land: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    land()
    exporter = Exporter(settings)
    usage = shutil.disk_usage(settings.data_dir)
    assert exporter.scrape().one("cfw_disk_size_bytes", place="data_dir") == usage.total
    full = type(usage)(usage.total, usage.total - 4096, 4096)
    monkeypatch.setattr("flows.metrics.machine.shutil.disk_usage", lambda _: full)
    found = exporter.scrape()
    assert found.all("cfw_disk_free_bytes") == [4096.0, 4096.0]


def test_while_a_run_writes_the_last_values_stay_and_are_seen_to_be_old(
    settings: Settings, land: Callable[..., None]
) -> None:
    land(price_bars=bars(hour(-5), 3))
    exporter = Exporter(settings)
    before = exporter.scrape()
    with run_lock(settings):
        during = exporter.scrape()
    assert during.one("cfw_exporter_up") == 0
    assert during.one("cfw_warehouse_up") == 1, "a writer at work is no failure"
    assert during.one("cfw_exporter_section_up", section="landed") == 0
    assert during.one("cfw_exporter_section_up", section="hosts") == 1
    read_at = "cfw_exporter_last_read_timestamp_seconds"
    assert during.one(read_at) == before.one(read_at)
    assert during.one("cfw_rows_in_total", **COINBASE) == 3
    after = exporter.scrape()
    assert after.one("cfw_exporter_up") == 1
    assert after.one(read_at) > before.one(read_at)


def test_a_run_that_begins_while_the_exporter_reads_waits_for_it(settings: Settings) -> None:
    held, done = threading.Event(), threading.Event()

    def read() -> None:
        with reading_lock(settings):
            held.set()
            done.wait(10)

    Path(settings.warehouse_url.removeprefix("duckdb:///")).touch()
    reader = threading.Thread(target=read)
    reader.start()
    assert held.wait(10)
    with pytest.raises(LockedError, match="in use by another run"), reading_lock(settings):
        pass  # a second reader does not wait
    threading.Timer(0.5, done.set).start()
    with run_lock(settings, 0.0):
        assert done.is_set(), "it was let in when the reader had gone"
    reader.join()


def test_a_section_that_fails_keeps_its_values_and_spares_the_others(
    settings: Settings, land: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    land(price_bars=bars(hour(-5), 3))
    exporter = Exporter(settings)
    exporter.scrape()
    monkeypatch.setattr(
        "flows.metrics.runs.Journal.latest",
        lambda _: (_ for _ in ()).throw(OSError("broken")),
    )
    found = exporter.scrape()
    assert found.one("cfw_exporter_section_up", section="runs") == 0
    assert found.one("cfw_exporter_section_up", section="landed") == 1
    assert found.one("cfw_exporter_up") == 0
    assert found.one("cfw_warehouse_up") == 1
    monkeypatch.undo()


def test_the_warehouse_is_left_alone_between_two_readings(
    settings: Settings, land: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    land(price_bars=bars(hour(-5), 3))
    monkeypatch.setenv("CFW_METRICS_CACHE_SECONDS", "60")
    exporter = Exporter(settings)
    exporter.scrape()
    land(1, price_bars=bars(hour(-2), 1))
    assert exporter.scrape().one("cfw_rows_in_total", **COINBASE) == 3, "of the last reading"
    later = time.monotonic() + 61
    monkeypatch.setattr("flows.metrics.collector.time.monotonic", lambda: later)
    assert exporter.scrape().one("cfw_rows_in_total", **COINBASE) == 4


def test_a_metric_needs_its_labels() -> None:
    with pytest.raises(ValueError, match="cfw_gap_bars has the labels"):
        Readings().set("cfw_gap_bars", 1)
    assert all(name == family.name for name, family in FAMILIES.items())
    counters = [name for name, family in FAMILIES.items() if family.is_counter]
    assert all(name.endswith("_total") for name in counters)


def test_scrapes_are_answered_over_http(settings: Settings, land: Callable[..., None]) -> None:
    import urllib.request

    land(price_bars=bars(hour(-5), 3))
    with bound(settings, "127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            found = Metrics(answer.read().decode())
        assert found.one("cfw_rows_in_total", **COINBASE) == 3
        with (
            pytest.raises(RunError, match=f"--port {port}: cannot listen on 127.0.0.1"),
            bound(settings, "127.0.0.1", port),
        ):
            pass
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "it is closed with the block"
