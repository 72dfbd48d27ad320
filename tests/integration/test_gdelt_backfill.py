"""GDELT from the sandbox: windows narrowed, throttling waited for, the same rows in any order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingestion import steps
from ingestion.backfill.intervals import Interval
from ingestion.backfill.planning import Wanted, make_plan
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import sources_of
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SettingsError, SourceError
from ingestion.extraction import Extraction
from ingestion.http import HttpClient
from ingestion.news import gdelt
from ingestion.sandbox import Article, RunningSandbox, SandboxData, running_sandbox
from ingestion.sandbox.gdelt import THROTTLED, seen_at
from ingestion.tables import ARTICLES
from tests.support.days import Clock

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
START = datetime(2024, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def article(number: int, at: datetime) -> Article:
    title = f"Bitcoin moves, story {number}"
    return Article(
        "wire", "crypto", str(number), f"https://wire.example/{number}", title, "", None, at
    )


#: A busy morning, a quiet afternoon, and one quarter of an hour with more than an answer holds.
QUIET = [article(n, START + timedelta(minutes=2 * n)) for n in range(600)]
BURST = [article(1000 + n, START + DAY + timedelta(hours=5, seconds=n + 1)) for n in range(300)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(
        SandboxData(articles=(*QUIET, *BURST)), now=START + timedelta(days=9)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _clean(sandbox: RunningSandbox) -> None:
    sandbox.faults.clear()
    sandbox.requests.clear()


def extraction(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Extraction:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC,ETH",
        "http_backoff_seconds": 0.0,
        "http_attempts": 3,
        **changes,
    }
    settings = Settings(_env_file=None, **values)
    return Extraction(
        source="gdelt",
        settings=settings,
        client=HttpClient(settings, gdelt.provider(settings)),
        reader=Warehouse(settings),
        assets=steps.selected_assets(settings),
        clock=settings.clock(),
    )


def found(run: Extraction, first: datetime, last: datetime) -> list[dict[str, Any]]:
    chunks = gdelt.backfill(run, "bitcoin", first, last)
    return [row for table, rows in chunks if table is ARTICLES for row in rows]


def test_full_windows_are_asked_for_again_in_parts(sandbox: RunningSandbox, tmp_path: Path) -> None:
    run = extraction(sandbox, tmp_path)
    rows = found(run, START, START + DAY)
    expected = {a.url for a in QUIET if START <= seen_at(a) < START + DAY}
    assert {row["url"] for row in rows} == expected
    assert len(rows) == len(expected) == 600
    assert run.notes == []
    least = gdelt.backfill_requests("bitcoin", START, START + DAY, run.settings)
    assert least <= run.client.requests <= least + 3
    assert run.state == {}, "the forward cursors are left alone"
    assert all(row["is_sample"] is False for row in rows)


def test_more_than_an_answer_holds_in_one_quarter_is_told(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    run = extraction(sandbox, tmp_path)
    rows = found(run, START + DAY, START + 2 * DAY)
    assert len(rows) == 250
    (note,) = run.notes
    assert "2024-06-02 05:15; the rest was cut" in note
    assert found(run, START + 4 * DAY, START + 5 * DAY) == [], "no match is no failure"


def test_pieces_in_any_order_give_the_rows_of_the_whole(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    def key(row: dict[str, Any]) -> Any:
        return (row["guid"], row["available_at"], row["text_version"])

    cuts = [START + timedelta(minutes=minutes) for minutes in (0, 37, 400, 405, 1440)]
    pieces = list(pairwise(cuts))
    whole = sorted(map(key, found(extraction(sandbox, tmp_path), START, START + DAY)))
    run = extraction(sandbox, tmp_path)
    parts = [key(row) for first, last in reversed(pieces) for row in found(run, first, last)]
    assert sorted(parts) == whole


def test_a_request_to_slow_down_is_waited_for(sandbox: RunningSandbox, tmp_path: Path) -> None:
    run = extraction(sandbox, tmp_path, http_backoff_seconds=1.0)
    slept: list[float] = []
    clock = Clock()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.sleep(seconds)

    run.client = HttpClient(run.settings, gdelt.provider(run.settings), sleep=sleep, clock=clock)
    sandbox.faults.add("/gdelt", "html", body=THROTTLED)
    sandbox.faults.add("/gdelt", "status", status=429, body=THROTTLED)
    assert len(found(run, START, START + timedelta(hours=3))) > 80
    assert [wait for wait in slept if wait >= 1] == pytest.approx([60.0, 60.0], abs=0.001)

    sandbox.faults.add("/gdelt", "html", times=None, body=THROTTLED)
    with pytest.raises(SourceError, match="asked less often, in spite of long waits") as caught:
        found(run, START, START + DAY)
    assert (caught.value.status, caught.value.provider_wide) == (429, True)


def test_faults_of_the_json_cost_nothing_or_the_chunk(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    run = extraction(sandbox, tmp_path)
    hours = (START, START + timedelta(hours=2))
    plain = found(run, *hours)
    sandbox.faults.add(
        "/gdelt", "replace", rewrite=lambda body: body.replace(b"story 1", b"st\\ory\x02 1")
    )
    repaired = found(run, *hours)
    assert len(repaired) == len(plain)
    assert any("st\\ory 1" in row["title"] for row in repaired)
    sandbox.faults.add("/gdelt", "truncated")
    with pytest.raises(SourceError, match="cannot be repaired"):
        found(run, *hours)


def test_the_searches_of_the_table_and_of_the_assets(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    assert gdelt.backfill_items(extraction(sandbox, tmp_path)) == ["bitcoin", "crypto"]
    run = extraction(sandbox, tmp_path, gdelt_per_asset=True)
    items = gdelt.backfill_items(run)
    assert items == ["bitcoin", "crypto", "asset-BTC", "asset-ETH"]
    for item in items:
        assert list(gdelt.backfill(run, item, START, START + timedelta(hours=1)))
    asked = [query for path, query in sandbox.requests.log if path.startswith("/gdelt")]
    assert any("%22Ethereum%22" in query for query in asked)
    with pytest.raises(SettingsError, match="choose from bitcoin, crypto"):
        list(gdelt.backfill(run, "nope", START, START + DAY))


def test_headlines_land_once_as_an_archive(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = extraction(sandbox, tmp_path).settings
    hours = timedelta(hours=4)
    for length, new_rows in ((hours, 113), (DAY, 600 - 113)):
        plan = make_plan(settings, sources_of("news"), Wanted(Interval(START, START + length)))
        assert [item.item for item in plan.items] == ["bitcoin", "crypto"]
        (report,) = run_plan(plan, settings)
        assert (report.failures, report.done, report.new_rows) == ([], report.chunks, new_rows)
    again = make_plan(settings, sources_of("news"), Wanted(Interval(START, START + DAY)))
    assert (again.chunks, again.requests) == (0, 0)
    warehouse = Warehouse(settings)
    rows = warehouse.query(f"SELECT * FROM {warehouse.table('articles')}")
    assert {row["feed"] for row in rows} == {"gdelt:bitcoin"}
    assert all(row["is_backfilled"] and row["published_at"] is None for row in rows)
    assert all(START <= row["available_at"] < START + DAY for row in rows)
