"""The exporter on a server: connections, clocks, least privileges, and a server that is away."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from flows.journal import Journal
from flows.journal_rows import FlowRun
from ingestion.server import Server
from tests.support.metrics import NOW, SEED, Exporter, articles, bars
from tests.support.mysql_server import ServerForTest
from tests.support.promtool import Scrape, firing

COINBASE = {"table": "price_bars", "source": "coinbase"}


@pytest.fixture(autouse=True)
def _read_at_every_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_METRICS_CACHE_SECONDS", "0")
    monkeypatch.setattr("flows.metrics.collector._REST", 0.0)


def test_a_reader_of_the_server_sees_everything(server: ServerForTest) -> None:
    """The exporter needs SELECT on the warehouse's schemas and nothing else."""
    settings = server.settings(now=NOW.isoformat(), assets_file=SEED, symbols="BTC")
    warehouse = server.warehouse(now=NOW.isoformat())
    warehouse.ensure_tables()
    landed = {
        "price_bars": list(bars(NOW.replace(minute=0), 2)),
        "articles": list(articles(2, NOW)),
    }
    warehouse.load("test", landed)
    Journal(settings).record(FlowRun("1", "prices", NOW, NOW, "failed", "it failed"))
    url = server.user("SELECT ON `{p}\\_%`.*")
    reader = settings.model_copy(update={"warehouse_url": url})
    exporter = Exporter(reader)
    found = exporter.scrape()
    assert found.one("cfw_exporter_up") == 1
    assert found.one("cfw_rows_in_total", **COINBASE) == 2
    assert found.one("cfw_texts_waiting", model="vader") == 2
    assert found.one("cfw_flow_last_run_state", flow="prices", state="failed") == 1
    assert abs(found.one("cfw_database_clock_ahead_seconds")) < 30
    assert found.one("cfw_database_max_connections") > 10
    before = found.one("cfw_database_connections")
    with contextlib.ExitStack() as held:
        for _ in range(8):
            held.enter_context(Server.of(settings).session())
        assert exporter.scrape().one("cfw_database_connections") >= before + 6
    warehouse.load("test", {"price_bars": list(bars(NOW.replace(minute=0), 5))})
    assert exporter.scrape().one("cfw_rows_in_total", **COINBASE) == 5


def test_a_server_that_is_away_is_told_at_once_and_found_again(
    server: ServerForTest, tmp_path: Path
) -> None:
    """Its last values stay; one reading of it costs seconds, not a scrape's whole time."""
    away = server.settings(warehouse_url="mysql://nobody:secret@127.0.0.1:1", assets_file=SEED)
    started = time.monotonic()
    found = Exporter(away).scrape()
    assert time.monotonic() - started < 10
    assert found.one("cfw_warehouse_up") == 0
    assert found.one("cfw_exporter_up") == 0
    assert "secret" not in found.text
    fired = firing([Scrape(0, found.text, NOW.timestamp())], 15)
    assert {"WarehouseDown", "ExporterBlind"} <= fired
