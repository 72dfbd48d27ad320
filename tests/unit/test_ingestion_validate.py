"""Row rules, one table of cases per rule."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import validate
from ingestion.conform import conform
from ingestion.rejections import MAX_PAYLOAD, json_text, plain_json, reject, unique
from ingestion.tables import ASSET_MENTIONS, PRICE_BARS, SENTIMENT_SCORES
from ingestion.validate import Invalid

CLOCK = datetime(2024, 1, 1, tzinfo=UTC)
BAR = {"open": 2.0, "high": 3.0, "low": 1.0, "close": 2.5, "volume_base": 0.0}


@pytest.mark.parametrize(
    ("value", "as_text", "expected"),
    [
        (1, False, 1.0),
        (1.5, False, 1.5),
        (2**63 + 1, False, 9.223372036854775808e18),
        (657661688251465000000, False, 6.57661688251465e20),
        ("1.46277E7", True, 14627700.0),
        ("13446.375", True, 13446.375),
        ("-36.98", True, -36.98),
        (5, True, 5.0),
    ],
)
def test_numbers_of_every_spelling(value: Any, as_text: bool, expected: float) -> None:
    assert validate.number(value, "x", as_text=as_text) == expected


@pytest.mark.parametrize(
    ("value", "as_text", "reason"),
    [
        (None, False, "x is missing"),
        ("1.5", False, "x is a string where a number belongs"),
        ("abc", True, "x is a malformed number"),
        ("", True, "x is a malformed number"),
        ("1_000", True, "x is a malformed number"),
        ("\uff11\uff12", True, "x is a malformed number"),
        (True, False, "x is not a number"),
        ([1], False, "x is not a number"),
        (math.nan, False, "x is not finite"),
        (math.inf, False, "x is not finite"),
        ("NaN", True, "x is not finite"),
        ("-Infinity", True, "x is not finite"),
        (10**400, False, "x is a malformed number"),
    ],
)
def test_what_is_no_number(value: Any, as_text: bool, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate.number(value, "x", as_text=as_text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"high": 0.5}, "high is below low"),
        ({"high": 2.2}, "high is below the open or the close"),
        ({"low": 2.2}, "low is above the open or the close"),
        ({"close": 0.0}, "close is not above zero"),
        ({"low": -1.0}, "low is not above zero"),
        ({"volume_base": -0.1}, "volume is negative"),
    ],
)
def test_impossible_bars(change: dict[str, float], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        validate.check_bar({**BAR, **change})
    assert str(caught.value) == reason


def test_a_flat_bar_without_volume_is_possible() -> None:
    validate.check_bar({**BAR, "high": 2.0, "low": 2.0, "open": 2.0, "close": 2.0})


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: validate.count(1.5, "n"), "n is not a count"),
        (lambda: validate.count(-1, "n"), "n is not a count"),
        (lambda: validate.count(2**63, "n"), "n is not a count"),
        (lambda: validate.text(None, "t"), "t is missing"),
        (lambda: validate.text(5, "t"), "t is not text"),
        (lambda: validate.text(" \x00 ", "t"), "t is empty"),
        (lambda: validate.text("a" * 100_001, "t"), "t is longer than 100000 bytes"),
        (lambda: validate.text("€" * 40_000, "t"), "t is longer than 100000 bytes"),
        (lambda: validate.text("abc", "t", length=2), "t is longer than 2 characters"),
        (lambda: validate.iso_time("2024-01-01T00:00:00", "at"), "at has no time zone"),
        (lambda: validate.iso_time("soon", "at"), "at is not a time"),
        (lambda: validate.iso_date("2024-13-01", "day"), "day is not a date"),
        (lambda: validate.unix_time(1e18, "at"), "at is not a time"),
        (lambda: validate.unix_time("1", "at"), "at is a string where a number belongs"),
        (
            lambda: validate.not_future(CLOCK + timedelta(minutes=6), "at", CLOCK),
            "at lies in the future",
        ),
    ],
)
def test_refusals(call: Any, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        call()
    assert str(caught.value) == reason


def test_times_are_turned_to_utc_and_texts_cleaned() -> None:
    assert validate.iso_time("2024-01-01T02:00:00.5+02:00", "at") == CLOCK.replace(
        microsecond=500_000
    )
    assert validate.iso_time("2021-09-14T00:00:00.000000000Z", "at") == datetime(
        2021, 9, 14, tzinfo=UTC
    )
    assert validate.text("a\x00b 🚀", "t") == "ab 🚀"
    assert validate.not_future(CLOCK + timedelta(minutes=4), "at", CLOCK) > CLOCK


def _bar_row(close: float) -> dict[str, Any]:
    return {
        **BAR,
        "provider": "p",
        "symbol": "BTC",
        "interval_minutes": 60,
        "bar_open_at": CLOCK,
        "close": close,
        "volume_quote": None,
        "trade_count": None,
        "quote_currency": "USD",
    }


def test_an_equal_repetition_counts_once_a_contradictory_one_is_refused() -> None:
    pairs = [(_bar_row(2.5), "a"), (_bar_row(2.5), "b"), (_bar_row(2.6), "c")]
    parsed = unique(PRICE_BARS, pairs)
    assert [row["close"] for row in parsed.rows] == [2.5]
    assert [bad.payload for bad in parsed.rejections] == ['"c"']
    assert "contradicts" in parsed.rejections[0].reason


def test_a_payload_is_cut_but_hashed_whole() -> None:
    one = reject("t", "why", {"text": "a" * 1_000_000 + "b"})
    other = reject("t", "why", {"text": "a" * 1_000_000 + "c"})
    assert len(one.payload) == MAX_PAYLOAD
    assert one.payload == other.payload
    assert one.row_hash != other.row_hash
    assert one == reject("t", "why", {"text": "a" * 1_000_000 + "b"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_any_payload_can_be_stored(value: Any) -> None:
    json_text(value).encode("utf-8")
    plain = plain_json(value)
    text = json.dumps(plain, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": None}, "symbol is missing"),
        ({"symbol": 5}, "symbol is not of type text"),
        ({"symbol": "X" * 21}, "symbol is too long"),
        ({"start_offset": True}, "start_offset is not of type bigint"),
        ({"is_sample": 1}, "is_sample is not of type bool"),
        ({"colour": "red"}, "column colour is not declared"),
    ],
)
def test_a_row_must_fit_its_table(change: dict[str, Any], reason: str) -> None:
    row = {
        "text_id": "t",
        "symbol": "BTC",
        "rule": "name",
        "matched": "Bitcoin",
        "start_offset": 0,
        "end_offset": 7,
        "is_sample": False,
    }
    assert conform(ASSET_MENTIONS, dict(row)) is None
    assert conform(ASSET_MENTIONS, {**row, **change}) == reason


def test_times_and_numbers_of_a_row_are_checked() -> None:
    row: dict[str, Any] = {
        "text_id": "t",
        "model_id": "m",
        "model_revision": "r",
        "precision": "fp32",
        "scored_at": CLOCK,
        "is_sample": False,
    }
    assert conform(SENTIMENT_SCORES, row) is None
    assert row["p_neutral"] is None
    assert conform(SENTIMENT_SCORES, {**row, "score": math.nan}) == "score is not finite"
    naive = CLOCK.replace(tzinfo=None)
    assert conform(SENTIMENT_SCORES, {**row, "scored_at": naive}) == "scored_at has no time zone"
    day = date(2024, 1, 1)
    assert "not of type" in str(conform(SENTIMENT_SCORES, {**row, "scored_at": day}))
