"""FRED's vintages beyond the cap, the keyless CSV and the World Bank: what lands, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError
from ingestion.extraction import Extraction
from ingestion.http import HttpClient
from ingestion.macro import fred, fred_pages, fredgraph, worldbank
from ingestion.sandbox import (
    AnnualValue,
    MacroSeries,
    MacroVintage,
    RunningSandbox,
    SandboxData,
    generate_sample,
    running_sandbox,
)
from ingestion.steps import run_step

FIRST, VINTAGES = date(2016, 1, 1), 2500
REVISED_ON = FIRST + timedelta(days=2100)
MODULES = {"fred": fred, "fredgraph": fredgraph, "worldbank": worldbank}


def long_series() -> MacroSeries:
    """Return a series with a vintage a day and one that revises all the years before it."""
    rows = []
    for n in range(VINTAGES):
        day = FIRST + timedelta(days=n)
        rows.append(MacroVintage(day, f"{n % 7}.5", day + timedelta(days=1)))
        if day < REVISED_ON - timedelta(days=1) and n % 30 == 0:
            rows.append(MacroVintage(day, f"{n % 7}.75", REVISED_ON))
    return MacroSeries("LONG", tuple(rows))


def bare_series() -> MacroSeries:
    """Return a series without vintages."""
    days = [date(2024, 6, 1) + timedelta(days=n) for n in range(28)]
    return MacroSeries("BARE", tuple(MacroVintage(day, f"{day.day}.5") for day in days))


@pytest.fixture(scope="module")
def data() -> SandboxData:
    sample = generate_sample()
    sample.macro.update(LONG=long_series(), BARE=bare_series())
    return sample


@pytest.fixture(scope="module")
def server(data: SandboxData) -> Iterator[RunningSandbox]:
    with running_sandbox(data) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox, data: SandboxData) -> RunningSandbox:
    server.faults.clear()
    server.set_data(data)
    server.set_clock(data.default_now())
    server.requests.clear()
    return server


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "CFW_SYMBOLS": "BTC",
        "CFW_HISTORY_START": "2024-03-01",
        "http_backoff_seconds": 0.0,
        "http_attempts": 2,
        **changes,
    }
    return Settings(_env_file=None, **values)


def observations(settings: Settings, rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table('macro_observations')} {rest}")


def extraction(step: str, settings: Settings) -> Extraction:
    """Return what a step works with, without a warehouse behind it."""
    client = HttpClient(settings, MODULES[step].provider(settings))
    reader = Warehouse(settings)
    return Extraction(step, settings, client, reader, [], settings.clock())


# --- FRED


def published(data: SandboxData, first: date) -> set[tuple[date, date, float]]:
    """Return what the sandbox's long series says from ``first`` on: date, vintage and value."""
    return {
        (v.observation_date, v.realtime_start, float(v.value))
        for v in data.macro["LONG"].vintages
        if v.observation_date >= first and v.realtime_start
    }


def stored(settings: Settings) -> list[tuple[date, date, float]]:
    return [
        (row["observation_date"], row["vintage_date"], row["value"])
        for row in observations(settings)
    ]


def test_more_vintages_than_a_request_may_span_land_as_they_are(
    sandbox: RunningSandbox, data: SandboxData, tmp_path: Path
) -> None:
    """No vintage is lost at a cut, and none is made up by clamping."""
    settings = settings_for(sandbox, tmp_path, fred_series="LONG", CFW_HISTORY_START="2018-12-01")
    report = run_step("fred", settings)
    assert report.requests == 3, "the vintage dates and two windows"
    expected = published(data, FIRST)
    assert len(expected) > VINTAGES
    rows = stored(settings)
    assert len(rows) == len(set(rows))
    assert set(rows) == expected
    again = run_step("fred", settings)
    assert (again.requests, again.rows["macro_observations"]) == (1, 0)


def test_pages_smaller_than_the_answer_give_the_same(
    sandbox: RunningSandbox,
    data: SandboxData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fred_pages, "PAGE_ROWS", 700)
    monkeypatch.setattr(fred_pages, "PAGE_VINTAGES", 999)
    run = extraction("fred", settings_for(sandbox, tmp_path))
    chunks = list(fred.backfill(run, "LONG", at(2016, 1, 1), at(2024, 1, 1)))
    found = [
        (row["observation_date"], row["vintage_date"], row["value"])
        for chunk in chunks
        for row in chunk.rows
    ]
    assert len(found) == len(set(found))
    assert set(found) == published(data, FIRST)
    queries = [parse_qs(query) for path, query in sandbox.requests.log if "vintage" in path]
    assert [query["offset"] for query in queries] == [["0"], ["999"], ["1998"]]


def test_vintages_before_the_first_observation_cost_no_request(
    sandbox: RunningSandbox, data: SandboxData, tmp_path: Path
) -> None:
    start = "2024-11-06"  # three years before it the observations begin
    settings = settings_for(sandbox, tmp_path, fred_series="LONG", CFW_HISTORY_START=start)
    report = run_step("fred", settings)
    assert report.requests == 2
    assert set(stored(settings)) == published(data, date(2021, 11, 7))


def test_runs_that_follow_each_other_give_what_one_gives(
    sandbox: RunningSandbox, data: SandboxData, tmp_path: Path
) -> None:
    """A revision of years arrives with its own vintage; clamped values at each start do not."""
    changes = {"fred_series": "LONG", "CFW_HISTORY_START": "2020-06-01"}
    for day in (REVISED_ON - timedelta(days=40), REVISED_ON, REVISED_ON + timedelta(days=9)):
        sandbox.set_clock(datetime(day.year, day.month, day.day, 20, tzinfo=UTC))
        last = settings_for(sandbox, tmp_path, **changes)
        run_step("fred", last)
    sandbox.set_clock(data.default_now())
    end = settings_for(sandbox, tmp_path, **changes)
    run_step("fred", end)
    rows = stored(end)
    assert len(rows) == len(set(rows))
    assert set(rows) == published(data, date(2017, 6, 2))


def test_without_a_key_the_note_names_the_other_way(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    report = run_step("fred", settings_for(sandbox, tmp_path, CFW_FRED_API_KEY=None))
    assert report.status == "skipped"
    assert "fredgraph" in report.note
    report = run_step("fredgraph", settings_for(sandbox, tmp_path))
    assert report.status == "skipped"
    assert "CFW_FRED_API_KEY is set" in report.note


# --- fredgraph


def keyless(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    own = {"CFW_FRED_API_KEY": None, "fred_series": "DGS10,CPIAUCSL"}
    return settings_for(sandbox, folder, **{**own, **changes})


def test_values_land_without_vintages_and_go_on(sandbox: RunningSandbox, tmp_path: Path) -> None:
    now = sandbox.state.now
    sandbox.set_clock(now - timedelta(days=3))
    early = keyless(sandbox, tmp_path)
    first = run_step("fredgraph", early)
    assert first.requests == 2
    rows = observations(early)
    assert {row["provider"] for row in rows} == {"fredgraph"}
    assert not any(row["is_vintage"] for row in rows)
    assert all(row["available_at"] <= early.clock() for row in rows)
    cpi = [row for row in rows if row["series_id"] == "CPIAUCSL"]
    lag = fredgraph.declared_lags()["CPIAUCSL"]
    day = cpi[0]["observation_date"]
    assert cpi[0]["available_at"] == datetime(day.year, day.month, day.day, tzinfo=UTC) + lag
    assert run_step("fredgraph", early).rows["macro_observations"] == 0
    sandbox.set_clock(now)
    late = keyless(sandbox, tmp_path)
    sandbox.requests.clear()
    assert 1 <= run_step("fredgraph", late).rows["macro_observations"] <= 4
    (query,) = [q for _, q in sandbox.requests.log if "DGS10" in q]
    asked = date.fromisoformat(parse_qs(query)["cosd"][0])
    assert now.date() - asked < timedelta(days=70), "only the newest stretch is read again"


def test_a_changed_value_is_a_row_of_today(
    sandbox: RunningSandbox, data: SandboxData, tmp_path: Path
) -> None:
    settings = keyless(sandbox, tmp_path, fred_series="BARE")
    run_step("fredgraph", settings)
    vintages = list(data.macro["BARE"].vintages)
    vintages[5] = vintages[5]._replace(value="99.5")
    bare = replace(data.macro["BARE"], vintages=tuple(vintages))
    sandbox.set_data(replace(data, macro={**data.macro, "BARE": bare}))
    assert run_step("fredgraph", settings).rows["macro_observations"] == 1
    newest = observations(settings, "WHERE value = 99.5")[0]
    assert newest["observation_date"] == date(2024, 6, 6)
    assert newest["vintage_date"] == settings.clock().date()
    assert newest["available_at"] == settings.clock()
    assert run_step("fredgraph", settings).rows["macro_observations"] == 0


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("html", {}, "answered 200 with an HTML page instead of CSV"),
        ("empty", {}, "answered 200 without a table of the series"),
        ("json_error", {}, "answered 200 without a table of the series"),
        ("slow", {"seconds": 0.8}, "Timeout"),
        ("replace", {"rewrite": lambda _: b"observation_date,VIXCLS\n2024-01-01,1\n"}, "a table"),
    ],
)
def test_no_table_is_a_failure_and_the_next_run_heals(
    kind: str, options: dict[str, Any], text: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = keyless(
        sandbox, tmp_path, fred_series="DGS10", http_timeout_seconds=0.3, http_attempts=1
    )
    sandbox.faults.add("/fredgraph", kind, times=None, **options)
    with pytest.raises(SourceError, match=text) as caught:
        run_step("fredgraph", settings)
    assert "\n" not in str(caught.value)
    sandbox.faults.clear()
    healed = keyless(sandbox, tmp_path, fred_series="DGS10")
    assert run_step("fredgraph", healed).rows["macro_observations"] > 200


def test_an_unknown_series_does_not_lose_the_others(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = keyless(sandbox, tmp_path, fred_series="NOPE,DGS10")
    with pytest.raises(SourceError, match="404"):
        run_step("fredgraph", settings)
    assert {row["series_id"] for row in observations(settings)} == {"DGS10"}


# --- World Bank

ITEM = "US:FP.CPI.TOTL.ZG"


def test_indicators_are_read_once_a_day(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    report = run_step("worldbank", settings)
    assert report.requests == 4
    rows = observations(settings, f"WHERE series_id = '{ITEM}' ORDER BY observation_date")
    assert [row["observation_date"].year for row in rows] == list(range(2014, 2023))
    assert rows[0]["available_at"] == at(2016, 1, 2)
    assert run_step("worldbank", settings).requests == 0
    tomorrow = settings.clock() + timedelta(days=1)
    again = run_step("worldbank", settings.model_copy(update={"now": tomorrow}))
    assert (again.requests, again.rows["macro_observations"]) == (4, 0)


def test_a_wholesale_revision_is_a_row_per_year(
    sandbox: RunningSandbox, data: SandboxData, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, worldbank_indicators=ITEM)
    run_step("worldbank", settings)
    today = sandbox.state.now.date()
    revised = tuple(AnnualValue(year, 7.5, today) for year in range(2014, 2023))
    more = {**data.indicators, ITEM: (*data.indicators[ITEM], *revised)}
    sandbox.set_data(replace(data, indicators=more))
    later = settings.clock() + timedelta(days=1)
    report = run_step("worldbank", settings.model_copy(update={"now": later}))
    assert report.rows["macro_observations"] == 9
    rows = observations(settings, "WHERE value = 7.5")
    assert {row["available_at"] for row in rows} == {later}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([{"message": [{"id": "120", "value": "not valid"}]}], "200 with the error: not valid"),
        ([{"page": 1, "pages": 1}], "without a list of rows"),
        ({"data": []}, "without a list of rows"),
        ([{"page": 2, "pages": 3}, []], "answered page 2 instead of 1"),
    ],
)
def test_an_error_inside_200_fails(
    body: Any, text: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, worldbank_indicators=ITEM)
    sandbox.faults.add(
        "/worldbank", "replace", times=None, rewrite=lambda _: json.dumps(body).encode()
    )
    with pytest.raises(SourceError, match=text):
        run_step("worldbank", settings)


def test_nothing_to_report_is_no_failure(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, worldbank_indicators=ITEM)
    body = [{"page": 0, "pages": 0, "per_page": 0, "total": 0}, None]
    sandbox.faults.add("/worldbank", "replace", rewrite=lambda _: json.dumps(body).encode())
    report = run_step("worldbank", settings)
    assert (report.status, report.rows["macro_observations"]) == ("ok", 0)


def test_pages_are_followed(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worldbank, "PAGE_ROWS", 4)
    settings = settings_for(sandbox, tmp_path, worldbank_indicators=ITEM)
    report = run_step("worldbank", settings)
    assert (report.requests, report.rows["macro_observations"]) == (3, 9)


def test_a_wrong_indicator_does_not_lose_the_others(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, worldbank_indicators=f"US:NOPE,{ITEM}")
    with pytest.raises(SourceError, match="US:NOPE answered 200 with the error"):
        run_step("worldbank", settings)
    assert {row["series_id"] for row in observations(settings)} == {ITEM}


def test_no_indicator_is_read_unless_named(tmp_path: Path) -> None:
    report = run_step("worldbank", Settings(_env_file=None, data_dir=tmp_path))
    assert report.status == "skipped"
    assert "CFW_WORLDBANK_INDICATORS" in report.note


# --- backfill


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("step", "item", "first", "middle", "last"),
    [
        ("fred", "DGS10", at(2024, 1, 3), at(2024, 2, 14), at(2024, 4, 1)),
        ("fred", "BARE", at(2024, 6, 3), at(2024, 6, 9), at(2024, 6, 20)),
        ("fredgraph", "DGS10", at(2024, 1, 3), at(2024, 2, 14), at(2024, 4, 1)),
        ("worldbank", ITEM, at(2012, 1, 2), at(2016, 5, 1), at(2020, 1, 1)),
    ],
)
def test_a_backfill_reads_its_period_and_nothing_of_the_state(
    step: str,
    item: str,
    first: datetime,
    middle: datetime,
    last: datetime,
    sandbox: RunningSandbox,
    tmp_path: Path,
) -> None:
    settings = settings_for(
        sandbox,
        tmp_path,
        fred_series="DGS10,BARE",
        **({"CFW_FRED_API_KEY": None} if step == "fredgraph" else {}),
    )
    module, run = MODULES[step], extraction(step, settings)
    assert item in module.backfill_items(run)
    rows = [row for chunk in module.backfill(run, item, first, last) for row in chunk.rows]
    requests = run.client.requests
    days = {row["observation_date"] for row in rows}
    assert min(days) >= first.date()
    assert max(days) < last.date()
    assert requests <= module.backfill_requests(item, first, last, settings)
    assert (run.state, run.failures) == ({}, [])
    assert all(row["available_at"].date() > row["observation_date"] for row in rows)
    parts = [
        row
        for bounds in ((first, middle), (middle, last))
        for chunk in module.backfill(run, item, *bounds)
        for row in chunk.rows
    ]
    by_key = lambda row: (row["observation_date"], row["vintage_date"])  # noqa: E731
    assert sorted(parts, key=by_key) == sorted(rows, key=by_key)
    run.client.close()


def test_only_the_reader_of_the_series_can_be_backfilled(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    with_key = settings_for(sandbox, tmp_path, fred_series="DGS10")
    without = keyless(sandbox, tmp_path)
    assert fred.backfill_items(extraction("fred", with_key)) == ["DGS10"]
    assert fredgraph.backfill_items(extraction("fredgraph", with_key)) == []
    assert fred.backfill_items(extraction("fred", without)) == []
    assert fredgraph.backfill_items(extraction("fredgraph", without)) == ["DGS10", "CPIAUCSL"]
