"""Clamped vintages, the keyless CSV and annual indicators, without I/O."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.config import Settings
from ingestion.history import unseen
from ingestion.macro import alfred, fred, fredgraph, worldbank
from ingestion.macro.alfred import Span, coalesced, parse_observations, spans
from ingestion.tables import MACRO_OBSERVATIONS, Row

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
LAG = timedelta(hours=36)

# --- vintages

#: Per observation date, the vintages as days from the first one with their values, small on purpose
#: so that values repeat.
Truth = dict[date, dict[int, int]]
BASE = date(2020, 1, 1)
truths = st.dictionaries(
    st.dates(BASE, BASE + timedelta(days=5)),
    st.dictionaries(st.integers(10, 30), st.integers(1, 3), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


def vintage(offset: int) -> date:
    return BASE + timedelta(days=offset)


def answer(truth: Truth, window: Span) -> list[dict[str, str]]:
    """Return what ALFRED answers: values with their validity, clamped to the window."""
    rows = []
    for day, versions in truth.items():
        starts = sorted(versions)
        for start, following in zip_longest(starts, starts[1:]):
            end = vintage(following) - timedelta(days=1) if following else alfred.END_OF_TIME
            if vintage(start) <= window.last and end >= window.first:
                shown = max(vintage(start), window.first)
                rows.append(
                    {"date": str(day), "realtime_start": str(shown), "value": str(versions[start])}
                )
    return rows


def read(truth: Truth, windows: list[Span]) -> list[Row]:
    rows = [
        row
        for window in windows
        for row in parse_observations(answer(truth, window), "X", CLOCK, None).rows
    ]
    return coalesced(rows, windows)


def facts(rows: list[Row]) -> set[tuple[date, date, float]]:
    return {(row["observation_date"], row["vintage_date"], row["value"]) for row in rows}


def changes(truth: Truth) -> set[tuple[date, date, float]]:
    """Return the vintages that say something new."""
    found = set()
    for day, versions in truth.items():
        last = None
        for start in sorted(versions):
            if versions[start] != last:
                found.add((day, vintage(start), float(versions[start])))
            last = versions[start]
    return found


def landed(stored: list[Row], rows: list[Row]) -> None:
    fresh = unseen(MACRO_OBSERVATIONS, rows, stored, CLOCK)
    stored += [{**row, "loaded_at": CLOCK} for row in fresh]


@given(truths, st.integers(1, 12))
def test_windows_of_any_size_give_the_vintages_of_one(truth: Truth, size: int) -> None:
    days = sorted({vintage(offset) for versions in truth.values() for offset in versions})
    stored: list[Row] = []
    landed(stored, read(truth, spans(days, size)))
    assert facts(stored) == changes(truth)
    assert all(
        row["available_at"].date() == row["vintage_date"] + timedelta(days=1) for row in stored
    )


@given(truths, st.integers(1, 12), st.lists(st.integers(10, 30), max_size=4))
def test_runs_that_end_anywhere_give_the_same(truth: Truth, size: int, stops: list[int]) -> None:
    """Each run starts at the newest vintage of the one before, as the step does."""
    stored: list[Row] = []
    seen: date | None = None
    for stop in [*sorted(stops), 30, 30]:
        known = {
            day: {n: value for n, value in versions.items() if n <= stop}
            for day, versions in truth.items()
        }
        days = sorted({vintage(n) for versions in known.values() for n in versions})
        days = [day for day in days if seen is None or day >= seen]
        if days:
            landed(stored, read(known, spans(days, size)))
            seen = days[-1]
    assert facts(stored) == changes(truth)


def test_what_a_backfill_of_fred_costs() -> None:
    settings = Settings(_env_file=None, now="2024-01-01T00:00:00Z")
    first, last = datetime(1999, 1, 1, tzinfo=UTC), datetime(2009, 1, 1, tzinfo=UTC)
    assert fred.backfill_requests("DGS10", first, last, settings) == 1 + 4
    assert fred.backfill_requests("DGS10", last, last, settings) == 0
    assert fredgraph.backfill_requests("DGS10", first, last, settings) == 1
    assert worldbank.backfill_requests("US:X", first, last, settings) == 1


# --- fredgraph


def test_one_of_the_two_reads_the_series() -> None:
    with_key = Settings(_env_file=None, fred_api_key="a" * 32)
    without = Settings(_env_file=None)
    assert fred.skip_reason(with_key) is None
    assert "with their vintages" in str(fredgraph.skip_reason(with_key))
    assert "fredgraph reads the series" in str(fred.skip_reason(without))
    assert fredgraph.skip_reason(without) is None


def test_lines_become_observations_after_their_lag() -> None:
    lines = [["2024-03-11", "16.1"], ["2024-03-12", "."], ["2024-03-08", ""], ["2024-03-07", "-2"]]
    parsed = fredgraph.parse_table(lines, "VIXCLS", CLOCK, LAG)
    assert [(row["observation_date"].day, row["value"]) for row in parsed.rows] == [
        (7, -2.0),
        (11, 16.1),
    ]
    newest = parsed.rows[-1]
    assert newest["available_at"] == datetime(2024, 3, 12, 12, tzinfo=UTC)
    assert (newest["provider"], newest["is_vintage"]) == ("fredgraph", False)
    assert parsed.rejections == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["2024-03-11"], "the line has 1 fields instead of 2"),
        (["2024-03-11", "1", "2"], "the line has 3 fields instead of 2"),
        (["2024-03-1", "1"], "date is not a date"),
        (["2024-03-14", "1"], "date lies in the future"),
        (["2024-03-11", "n/a"], "value is a malformed number"),
    ],
)
def test_bad_lines_are_refused(line: list[str], reason: str) -> None:
    parsed = fredgraph.parse_table([line, ["2024-03-10", "1"]], "X", CLOCK, LAG)
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert len(parsed.rows) == 1


@given(st.lists(st.lists(st.text(), max_size=3), max_size=5))
def test_no_line_breaks_the_table(lines: list[list[str]]) -> None:
    fredgraph.parse_table(lines, "X", CLOCK, LAG)


def test_a_value_changed_without_vintages_is_known_from_when_it_was_seen() -> None:
    stored: list[Row] = []
    landed(stored, fredgraph.parse_table([["2024-03-04", "1"]], "X", CLOCK, LAG).rows)
    for _ in range(2):
        landed(stored, fredgraph.parse_table([["2024-03-04", "2"]], "X", CLOCK, LAG).rows)
    assert [(row["value"], row["vintage_date"], row["available_at"]) for row in stored] == [
        (1.0, date(2024, 3, 5), datetime(2024, 3, 5, 12, tzinfo=UTC)),
        (2.0, CLOCK.date(), CLOCK),
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6), st.data())
def test_any_windows_and_repeats_give_the_same_values(
    windows: list[tuple[int, int]], data: st.DataObject
) -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(30)]
    table = [[str(day), "." if n % 7 == 3 else f"{n}.5"] for n, day in enumerate(days)]
    stored: list[Row] = []
    for first, last in [*windows, (0, 30)]:
        lines = data.draw(st.permutations(table[first:last]))
        landed(stored, fredgraph.parse_table(lines + lines[:3], "X", CLOCK, LAG).rows)
    expected = [(day, n + 0.5) for n, day in enumerate(days) if n % 7 != 3]
    assert sorted((row["observation_date"], row["value"]) for row in stored) == expected


# --- World Bank

ITEM = "US:FP.CPI.TOTL.ZG"


def figure(year: str = "2020", value: Any = 1.25, **more: Any) -> dict[str, Any]:
    return {"indicator": {"id": "FP.CPI.TOTL.ZG"}, "date": year, "value": value, **more}


def test_a_year_is_known_two_years_after_its_start() -> None:
    rows = worldbank.parse_rows([figure("2023"), figure("2021", 29184890000000)], ITEM, CLOCK).rows
    assert [(row["observation_date"], row["value"]) for row in rows] == [
        (date(2021, 1, 1), 29184890000000.0),
        (date(2023, 1, 1), 1.25),
    ]
    assert rows[0]["available_at"] == datetime(2023, 1, 2, tzinfo=UTC)
    assert rows[1]["available_at"] == CLOCK
    assert {row["series_id"] for row in rows} == {ITEM}


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024", date(2024, 1, 1)),
        ("2024Q3", date(2024, 7, 1)),
        ("2024M03", date(2024, 3, 1)),
    ],
)
def test_periods_are_read_by_their_start(text: str, day: date) -> None:
    assert worldbank.period_start(text) == day


def test_a_figure_that_is_not_there_is_no_row() -> None:
    parsed = worldbank.parse_rows([figure(value=None)], ITEM, CLOCK)
    assert (parsed.rows, parsed.rejections) == ([], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ([], "the row is not an object"),
        ({"date": "2020", "value": 1}, "the row is of another indicator"),
        (figure("2020Q5"), "date is not a year, a quarter or a month"),
        (figure("0000"), "date is not a year, a quarter or a month"),
        (figure("2025"), "date lies in the future"),
        (figure(value="many"), "value is a malformed number"),
    ],
)
def test_bad_figures_are_refused(row: Any, reason: str) -> None:
    parsed = worldbank.parse_rows([row], ITEM, CLOCK)
    assert [bad.reason for bad in parsed.rejections] == [reason]


def test_errors_are_lists_of_one() -> None:
    error = [{"message": [{"id": "120", "key": "Invalid value", "value": "not valid"}]}]
    assert worldbank.error_in(error) == "not valid"
    assert worldbank.error_in([{"page": 0}, None]) is None
    assert worldbank.error_in({"data": []}) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["indicator", "id", "date", "value"]), inner)
    ),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=5))
def test_no_payload_breaks_the_parser(payload: list[Any]) -> None:
    worldbank.parse_rows(payload, ITEM, CLOCK)
    worldbank.error_in(payload)
