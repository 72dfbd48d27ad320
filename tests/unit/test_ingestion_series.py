"""On-chain days, macro vintages and the fear and greed index, without I/O."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.config import Settings
from ingestion.macro import alfred, fear_greed, fred
from ingestion.onchain.cursors import Cursors
from ingestion.onchain.days import available_at
from ingestion.onchain.wide_rows import parse_metrics
from ingestion.validate import Invalid

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
SYMBOLS = {"btc": "BTC", "eth": "ETH"}
METRICS = ("TxCnt", "FlowInExUSD")


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def day_row(day: str, **values: Any) -> dict[str, Any]:
    return {"asset": "btc", "time": f"{day}T00:00:00.000000000Z", **values}


def test_a_wide_row_becomes_one_row_per_metric() -> None:
    data = [day_row("2024-03-12", TxCnt="661420", FlowInExUSD=None, Other="1")]
    parsed = parse_metrics(data, SYMBOLS, METRICS, CLOCK)
    (row,) = parsed.rows
    assert (row["symbol"], row["metric"], row["day"], row["value"]) == (
        "BTC",
        "TxCnt",
        date(2024, 3, 12),
        661420.0,
    )


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 3, 12), CLOCK),
        (date(2024, 3, 10), CLOCK),
        (date(2024, 3, 9), datetime(2024, 3, 11, tzinfo=UTC)),
        (date(2020, 1, 1), datetime(2020, 1, 3, tzinfo=UTC)),
    ],
)
def test_a_day_is_known_from_now_or_by_its_declared_lag(day: date, expected: datetime) -> None:
    assert available_at(day, CLOCK) == expected


def test_the_running_day_waits() -> None:
    parsed = parse_metrics([day_row("2024-03-13", TxCnt="1")], SYMBOLS, METRICS, CLOCK)
    assert (parsed.rows, parsed.rejections) == ([], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (day_row("2024-03-12", TxCnt="abc"), "TxCnt is a malformed number"),
        (day_row("2024-03-12", TxCnt="NaN"), "TxCnt is not finite"),
        (day_row("2024-03-14", TxCnt="1"), "time lies in the future"),
        ({**day_row("2024-03-12", TxCnt="1"), "asset": "xyz"}, "unknown symbol: xyz"),
        ({"asset": "btc", "TxCnt": "1"}, "time is missing"),
        ({"asset": "btc", "time": "2024-03-12T05:00:00Z"}, "time is not the start of a day"),
        ("row", "the row is not an object"),
    ],
)
def test_bad_days_are_refused(row: Any, reason: str) -> None:
    good = day_row("2024-03-11", FlowInExUSD="1.4E3")
    parsed = parse_metrics([row, good], SYMBOLS, METRICS, CLOCK)
    assert [bad.reason[: len(reason)] for bad in parsed.rejections] == [reason]
    assert [row["value"] for row in parsed.rows] == [1400.0]


def test_a_bad_number_costs_its_metric_alone() -> None:
    data = [day_row("2024-03-12", TxCnt="x", FlowInExUSD="2.5")]
    parsed = parse_metrics(data, SYMBOLS, METRICS, CLOCK)
    assert [row["metric"] for row in parsed.rows] == ["FlowInExUSD"]


def test_the_lag_is_read_again_and_a_new_metric_from_the_start() -> None:
    start, lag = date(2024, 1, 1), date(2024, 2, 11)
    cursor = {"from": "2024-01-01", "through": "2024-03-12", "metrics": ["TxCnt"]}

    def stretches(cursor: Any, *metrics: str) -> list[tuple[date, tuple[str, ...]]]:
        return Cursors({"btc": cursor} if cursor else {}, start, CLOCK).stretches("btc", metrics)

    assert stretches(None, "TxCnt") == [(start, ("TxCnt",))]
    assert stretches(cursor, "TxCnt") == [(lag, ("TxCnt",))]
    both = [(lag, ("TxCnt",)), (start, ("AdrActCnt",))]
    assert stretches(cursor, "AdrActCnt", "TxCnt") == both
    assert stretches({**cursor, "from": "2024-02-01"}, "TxCnt") == [(start, ("TxCnt",))]


def test_windows_are_cut_on_vintage_dates() -> None:
    days = [date(2020, 1, 1) + timedelta(days=3 * n) for n in range(7)]
    assert alfred.spans(days, size=3) == [
        (days[0], days[3] - timedelta(days=1)),
        (days[3], days[6] - timedelta(days=1)),
        (days[6], date(9999, 12, 31)),
    ]
    assert alfred.spans([]) == []


@given(st.sets(st.dates(date(1990, 1, 1), date(2030, 1, 1)), min_size=1), st.integers(1, 50))
def test_windows_cover_each_vintage_once(days: set[date], size: int) -> None:
    spans = alfred.spans(list(days), size)
    for span in spans:
        assert sum(span.first <= day <= span.last for day in days) <= size
        assert span.first in days
    assert all(sum(s.first <= day <= s.last for s in spans) == 1 for day in days)


def observation(value: Any = "4.26", **changes: Any) -> dict[str, Any]:
    row = {"date": "2024-01-01", "realtime_start": "2024-02-13", "value": value}
    return {**row, **changes}


def test_a_vintage_is_known_the_day_after() -> None:
    (row,) = alfred.parse_observations([observation()], "CPIAUCSL", CLOCK, None).rows
    assert (row["value"], row["vintage_date"], row["is_vintage"]) == (
        4.26,
        date(2024, 2, 13),
        True,
    )
    assert row["available_at"] == datetime(2024, 2, 14, tzinfo=UTC)


def test_without_vintages_the_declared_lag_counts_but_never_the_future() -> None:
    lag = timedelta(hours=36)
    rows = alfred.parse_observations(
        [observation(), observation(date="2024-03-13")], "SP500", CLOCK, lag
    ).rows
    assert [row["available_at"] for row in rows] == [datetime(2024, 1, 2, 12, tzinfo=UTC), CLOCK]
    assert [row["vintage_date"] for row in rows] == [date(2024, 1, 2), date(2024, 3, 13)]
    assert not any(row["is_vintage"] for row in rows)


@pytest.mark.parametrize("value", [".", "", " . ", None])
def test_a_missing_value_is_no_row(value: Any) -> None:
    parsed = alfred.parse_observations([observation(value)], "X", CLOCK, None)
    assert (parsed.rows, parsed.rejections) == ([], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (observation("n/a"), "value is a malformed number"),
        (observation(math.nan), "value is not finite"),
        (observation([]), "value is not a number"),
        ({"date": "2024-01-01", "realtime_start": "2024-02-13"}, "value is missing"),
        (observation(date="2024-1-1"), "date is not a date"),
        (observation(date="2025-01-01"), "date lies in the future"),
        (observation(realtime_start="2025-01-01"), "realtime_start lies in the future"),
        (None, "the observation is not an object"),
    ],
)
def test_bad_observations_are_refused(row: Any, reason: str) -> None:
    parsed = alfred.parse_observations([row], "X", CLOCK, None)
    assert [bad.reason for bad in parsed.rejections] == [reason]


def test_vintage_dates_are_read() -> None:
    page = {"count": 3, "vintage_dates": ["1958-12-21", "1959-02-19"]}
    assert alfred.parse_vintage_dates(page) == ([date(1958, 12, 21), date(1959, 2, 19)], 3)
    with pytest.raises(Invalid):
        alfred.parse_vintage_dates({"vintage_dates": "1958-12-21"})


def test_every_default_series_has_a_declared_lag() -> None:
    lags = fred.declared_lags()
    assert set(Settings().fred_series) <= set(lags)
    assert min(lags.values()) > timedelta(hours=24)


def test_without_a_key_fred_is_skipped() -> None:
    assert "CFW_FRED_API_KEY" in str(fred.skip_reason(Settings(fred_api_key=None)))
    assert fred.skip_reason(Settings(fred_api_key="x")) is None


def test_the_mood_index_is_read_in_both_spellings() -> None:
    data = [
        {"value": "40", "timestamp": str(int(CLOCK.timestamp()) // 86400 * 86400)},
        {"value": "41", "timestamp": "2024-03-12"},
        {"value": "42", "timestamp": int(datetime(2024, 3, 11, 5, tzinfo=UTC).timestamp())},
    ]
    rows = fear_greed.parse_index(data, CLOCK).rows
    assert [(row["observation_date"].day, row["value"]) for row in rows] == [
        (11, 42.0),
        (12, 41.0),
        (13, 40.0),
    ]
    assert rows[0]["available_at"] == datetime(2024, 3, 11, 1, tzinfo=UTC)
    assert (rows[0]["series_id"], rows[0]["is_vintage"]) == ("FNG", False)


def test_a_mood_just_published_is_not_known_before_now() -> None:
    early = datetime(2024, 3, 13, 0, 20, tzinfo=UTC)
    (row,) = fear_greed.parse_index([{"value": "1", "timestamp": "2024-03-13"}], early).rows
    assert row["available_at"] == early


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": "101", "timestamp": "2024-03-12"}, "value is not between 0 and 100"),
        ({"value": "x", "timestamp": "2024-03-12"}, "value is a malformed number"),
        ({"value": "1", "timestamp": "2024-03-14"}, "timestamp lies in the future"),
        ({"value": "1", "timestamp": "9" * 30}, "timestamp is not a time"),
        ({"value": "1"}, "timestamp is missing"),
        ([], "the row is not an object"),
    ],
)
def test_bad_moods_are_refused(row: Any, reason: str) -> None:
    assert [bad.reason for bad in fear_greed.parse_index([row], CLOCK).rejections] == [reason]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["asset", "time", "TxCnt", "value", "date", "timestamp"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.lists(_JSON, max_size=5))
def test_no_payload_breaks_the_parsers(payload: list[Any]) -> None:
    parse_metrics(payload, SYMBOLS, METRICS, CLOCK)
    alfred.parse_observations(payload, "X", CLOCK, None)
    alfred.parse_observations(payload, "X", CLOCK, timedelta(hours=1))
    fear_greed.parse_index(payload, CLOCK)
