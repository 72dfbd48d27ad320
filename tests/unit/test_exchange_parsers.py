"""Binance and Kraken: pages, bars and errors, against a stand-in for the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.errors import SettingsError, SourceError
from ingestion.extraction import Extraction
from ingestion.history import Reader
from ingestion.http import HttpClient
from ingestion.prices import binance, kraken
from ingestion.prices.bars import Market
from ingestion.prices.windows import Grid, Window
from ingestion.rejections import Parsed

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = datetime(2024, 3, 13, 0, tzinfo=UTC)
WINDOW = Window(FIRST, FIRST + 11 * HOUR)
PAIR = Market("BTC", "BTCUSDT", "USDT", 60)
XBT = Market("BTC", "XBTUSD", "USD", 60)
BTC = Asset(
    *("BTC", "Bitcoin", (), "BTC-USD", "bitcoin", "btc", "BTC.X", False, None, None),
    binance_id="BTCUSDT",
    kraken_id="XBTUSD",
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=13) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Answers:
    """A client that answers from a function of the path and the parameters."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def get_json(self, path: str, params: dict[str, Any]) -> tuple[Any, Any]:
        self.asked.append(params)
        return self.answer(params), SimpleNamespace(is_sample=True)

    def redact(self, text: str) -> str:
        return text

    def error(self, what: str, remedy: str, **options: Any) -> SourceError:
        options["provider_wide"] = options.pop("wide", False)
        return SourceError("stand-in", what, remedy, **options)


def extraction(answer: Callable[[dict[str, Any]], Any], **changes: Any) -> Extraction:
    values = {"http_backoff_seconds": 0.0, "http_attempts": 3, **changes}
    return Extraction(
        source="test",
        settings=Settings(_env_file=None, now=CLOCK, history_start=FIRST, **values),
        client=cast("HttpClient", Answers(answer)),
        reader=cast("Reader", None),
        assets=[BTC],
        clock=CLOCK,
    )


def asked(run: Extraction) -> list[dict[str, Any]]:
    return cast("Answers", run.client).asked


def ms(hour: float) -> int:
    return int((FIRST + hour * HOUR).timestamp() * 1000)


def kline(hour: float, close: str = "3", **changes: Any) -> list[Any]:
    row = [ms(hour), "2", "4", "1", close, "10.5", ms(hour + 1) - 1, "31.5", 17, "5", "15", "0"]
    for at, value in changes.items():
        row[int(at[1:])] = value
    return row


def parse(*klines: Any, market: Market = PAIR) -> Parsed:
    return binance.parse_klines(list(klines), market, WINDOW, CLOCK)


def test_a_recorded_kline_gives_every_column() -> None:
    text = (
        '[1710327600000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",'
        '1710331199999,"2434.19055334",308,"1756.87402397","28.46694368","0"]'
    )
    (row,) = parse(json.loads(text)).rows
    assert row["bar_open_at"] == datetime(2024, 3, 13, 11, tzinfo=UTC)
    assert row["available_at"] == row["bar_open_at"] + HOUR
    assert (row["open"], row["high"], row["low"]) == (0.0163479, 0.8, 0.015758)
    assert (row["close"], row["volume_base"]) == (0.015771, 148976.11427815)
    assert (row["volume_quote"], row["trade_count"]) == (2434.19055334, 308)
    assert (row["quote_currency"], row["provider"], row["interval_minutes"]) == (
        *("USDT", "binance"),
        60,
    )


def test_what_the_exchange_does_not_tell_is_null_and_no_trade_is_zero() -> None:
    untold, idle = parse(kline(1, _7=None, _8=None), kline(2, _5="0", _7="0.00000000", _8=0)).rows
    assert (untold["volume_quote"], untold["trade_count"]) == (None, None)
    assert (idle["volume_base"], idle["volume_quote"], idle["trade_count"]) == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (kline(1)[:11], "the kline has 11 fields instead of 12"),
        ({"open": 1}, "the kline is not a list"),
        (kline(1, _0=None), "open time is missing"),
        (kline(1, _0=str(ms(1))), "open time is a string where a number belongs"),
        (kline(1, _0=ms(1) * 1000), "time is not a time"),
        (kline(1, _0=ms(1) + 1), "time is not on the 60-minute grid"),
        (kline(1, _6=ms(2)), "close time does not end the interval"),
        (kline(20), "time lies in the future"),
        (kline(1, _4="1e999"), "close is not finite"),
        (kline(1, _4="5"), "high is below the open or the close"),
        (kline(1, _7="-1"), "quote volume is negative"),
        (kline(1, _8=1.5), "trades is not a count"),
        (kline(1, _8=2**64), "trades is not a count"),
    ],
)
def test_bad_klines_are_refused_and_the_others_stay(bad: Any, reason: str) -> None:
    parsed = parse(bad, kline(3))
    assert [found.reason for found in parsed.rejections] == [reason]
    assert len(parsed.rows) == 1
    assert "BTCUSDT" in parsed.rejections[0].payload


def exchange_of(hours: set[int], limit: int) -> Callable[[dict[str, Any]], Any]:
    """Return Binance's paging over the hours that have a kline."""

    def answer(params: dict[str, Any]) -> list[Any]:
        end = params["endTime"]
        start = params.get("startTime")
        inside = sorted(h for h in hours if ms(h) <= end and (start is None or ms(h) >= start))
        return [kline(h) for h in (inside[-limit:] if start is None else inside[:limit])]

    return answer


@given(st.sets(st.integers(-80, 10)), st.integers(1, 9), st.booleans())
def test_pages_cover_a_window_once_whatever_is_missing(
    hours: set[int], limit: int, backwards: bool
) -> None:
    first, last = FIRST - 60 * HOUR, FIRST + 8 * HOUR
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binance, "LIMIT", limit)
        run = extraction(exchange_of(hours, limit))
        pages = list(binance.EXCHANGE.pages(run, PAIR, Window(first, last), backwards))
    found = [row["bar_open_at"] for page in pages for row in page.parsed.rows]
    assert sorted(found) == [FIRST + h * HOUR for h in sorted(hours) if -60 <= h <= 8]
    # The pages are one stretch from end to end, and no more than the contract needs.
    windows = sorted(page.window for page in pages)
    assert (windows[0].first, windows[-1].last) == (first, last)
    assert all(later.first == earlier.last + HOUR for earlier, later in pairwise(windows))
    assert len(asked(run)) <= Grid(HOUR, limit).requests(Window(first, last))


def follow(run: Extraction) -> list[datetime]:
    """Run Binance; return the opens of the bars that came."""
    return [
        row["bar_open_at"]
        for chunk in binance.extract(run)
        for row in chunk.rows
        if "bar_open_at" in row
    ]


def test_a_refused_kline_is_asked_for_again_until_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance, "LIMIT", 3)
    good = exchange_of({0, 2, 3, 5, 6, 7, 8, 9, 10, 11}, 3)

    def bad(params: dict[str, Any]) -> Any:
        return [kline(2, close="9") if row[0] == ms(2) else row for row in good(params)]

    run = extraction(bad)
    assert len(follow(run)) == 9
    assert [hole[2] for hole in run.state["BTCUSDT"]["doubted"]] == [1]
    again = extraction(exchange_of(set(range(12)), 3))  # with klines that were not there before
    again.state = run.state
    came = follow(again)
    assert len(came) == len(set(came)), "a bar is one row, however often it was asked for"
    assert set(came) >= {FIRST + n * HOUR for n in range(4)}
    assert "doubted" not in again.state["BTCUSDT"]


def test_a_kline_that_stays_bad_is_asked_for_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binance, "LIMIT", 3)
    good = exchange_of(set(range(12)), 3)
    state: dict[str, Any] = {}
    times = []
    for _ in range(5):
        run = extraction(
            lambda params: [kline(2, close="9") if r[0] == ms(2) else r for r in good(params)]
        )
        run.state = state
        follow(run)
        times.append(sum(params.get("startTime") == ms(0) for params in asked(run)))
    assert times == [1, 1, 1, 0, 0]


def test_an_empty_answer_for_all_the_rest_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(HOUR, 3)
    monkeypatch.setattr(binance, "LIMIT", grid.buckets)
    monkeypatch.setattr(binance, "EXCHANGE", replace(binance.EXCHANGE, buckets=grid.buckets))
    good = exchange_of(set(range(12)), 3)
    state: dict[str, Any] = {}
    came: set[datetime] = set()
    for answer in (lambda p: good(p) if p["startTime"] < ms(3) else [], good):
        run = extraction(answer)
        run.state = state
        came |= {
            row["bar_open_at"] for chunk in binance.EXCHANGE.extract(run) for row in chunk.rows
        }
    assert came == {FIRST + n * HOUR for n in range(12)}
    assert "doubted" not in state["BTCUSDT"]


@given(st.lists(st.integers(0, 11), max_size=30), st.randoms())
def test_the_order_and_repetition_of_klines_do_not_matter(hours: list[int], random: Any) -> None:
    klines = [kline(hour) for hour in hours]
    random.shuffle(klines)
    parsed = parse(*klines)
    assert [r["bar_open_at"] for r in parsed.rows] == [FIRST + h * HOUR for h in sorted({*hours})]
    assert parsed.rejections == []


@pytest.mark.parametrize("backwards", [False, True])
def test_a_page_repeated_for_ever_is_an_error(
    backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binance, "LIMIT", 3)
    page = [kline(5), kline(6), kline(7)] if backwards else [kline(0), kline(1), kline(2)]
    run = extraction(lambda _: page)
    with pytest.raises(SourceError, match="other klines than those asked for"):
        list(binance.EXCHANGE.pages(run, PAIR, Window(FIRST, FIRST + 7 * HOUR), backwards))
    assert len(asked(run)) == 2


def test_an_object_in_place_of_the_klines_is_an_error() -> None:
    run = extraction(lambda _: {"code": -1, "msg": "?"})
    with pytest.raises(SourceError, match="CFW_BINANCE_BASE_URL"):
        list(binance.backfill(run, "BTC@60", FIRST, CLOCK))


def test_a_backfill_reads_what_it_is_asked_for_and_no_cursor() -> None:
    run = extraction(exchange_of(set(range(-50, 12)), 1000))
    chunks = list(binance.backfill(run, "BTC@60", FIRST - 3 * HOUR, FIRST + 2 * HOUR))
    hours = [row["bar_open_at"] for chunk in chunks for row in chunk.rows]
    assert hours == [FIRST + n * HOUR for n in range(-3, 2)]
    assert all(row["available_at"] == row["bar_open_at"] + HOUR for row in chunks[0].rows)
    assert run.state == {}
    first, last = FIRST - 3 * HOUR, FIRST + 2 * HOUR
    assert binance.backfill_requests("BTC@60", first, last, run.settings) == len(asked(run)) == 1
    assert binance.backfill_requests("BTC@5", last, last, run.settings) == 0
    assert list(binance.backfill(run, "BTC@60", CLOCK, CLOCK + 5 * HOUR)) == []


@pytest.mark.parametrize(
    ("item", "part"),
    [("BTC", "write it as BTC@60"), ("BTC@x", "BTC@60"), ("XRP@60", "has no XRP@60")],
)
def test_an_item_that_is_none_is_named(item: str, part: str) -> None:
    with pytest.raises(SettingsError, match=part):
        list(binance.backfill(extraction(lambda _: []), item, FIRST, CLOCK))


def test_items_are_symbols_and_the_lengths_of_the_settings() -> None:
    assert binance.backfill_items(extraction(lambda _: [])) == ["BTC@60"]
    both = extraction(lambda _: [], price_intervals="5,60")
    assert binance.backfill_items(both) == ["BTC@60", "BTC@5"]


def ohlc(hour: float, close: str = "3", trades: Any = 7) -> list[Any]:
    return [ms(hour) // 1000, "2", "4", "1", close, "2.5", "10.5", trades]


def result(*rows: Any, last: float = 11) -> dict[str, Any]:
    return {"error": [], "result": {"XXBTZUSD": list(rows), "last": ms(last) // 1000}}


def bars(answer: Any, **changes: Any) -> tuple[Extraction, list[Any]]:
    run = extraction(answer if callable(answer) else lambda _: answer, **changes)
    rows = [row for chunk in kraken.extract(run) for row in chunk.rows if "symbol" in row]
    return run, rows


def test_a_final_bar_lands_and_the_running_one_does_not() -> None:
    run, rows = bars(result(ohlc(10), ohlc(11), ohlc(12)))
    assert [row["bar_open_at"] for row in rows] == [FIRST + 10 * HOUR, FIRST + 11 * HOUR]
    assert (rows[0]["quote_currency"], rows[0]["trade_count"]) == ("USD", 7)
    assert rows[0]["volume_quote"] is None
    assert asked(run) == [{"pair": "XBTUSD", "interval": 60, "since": ms(0) // 1000 - 1}]
    assert run.state["XBTUSD"]["through"] == (FIRST + 11 * HOUR).isoformat()


def test_a_bar_is_final_when_kraken_says_so_not_by_our_clock() -> None:
    run, rows = bars(result(ohlc(9), ohlc(10), ohlc(11), last=9))
    assert [row["bar_open_at"] for row in rows] == [FIRST + 9 * HOUR]
    assert run.state["XBTUSD"]["through"] == (FIRST + 9 * HOUR).isoformat()


def test_an_hour_without_a_trade_is_stored_as_kraken_tells_it() -> None:
    idle = [ms(10) // 1000, "3", "3", "3", "3", "0", "0.00000000", 0]
    _, (row,) = bars(result(idle, ohlc(12)))
    assert (row["volume_base"], row["trade_count"]) == (0.0, 0)


@pytest.mark.parametrize(
    ("text", "is_wide", "times"),
    [
        ("EGeneral:Too many requests", True, 3),
        ("EService:Unavailable", True, 3),
        ("EQuery:Unknown asset pair", False, 1),
        ("EGeneral:Invalid arguments:interval", True, 1),
    ],
)
def test_errors_inside_200_are_errors_and_those_that_pass_are_retried(
    text: str, is_wide: bool, times: int
) -> None:
    run, rows = bars({"error": [text]})
    assert rows == []
    (failure,) = run.failures
    assert text in str(failure)
    assert "\n" not in str(failure)
    assert failure.provider_wide is is_wide
    assert len(asked(run)) == times
    assert run.state["XBTUSD"] == {}


def test_a_throttle_that_passes_is_survived() -> None:
    answers = iter([{"error": ["EAPI:Rate limit exceeded"]}, result(ohlc(11), ohlc(12))])
    run, rows = bars(lambda _: next(answers))
    assert (len(rows), run.failures) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"result": {}},
        {"error": []},
        {"error": [], "result": {"last": 1}},
        {"error": [], "result": {"A": [], "B": [], "last": 1}},
        {"error": [], "result": {"XXBTZUSD": {}, "last": 1}},
        {"error": [], "result": {"XXBTZUSD": []}},
        {"error": [], "result": {"XXBTZUSD": [], "last": "soon"}},
    ],
)
def test_an_answer_of_another_shape_is_an_error(answer: Any) -> None:
    run, rows = bars(answer)
    assert rows == []
    assert len(run.failures) == 1


def test_a_bar_that_kraken_spoilt_is_asked_for_again_in_the_same_request() -> None:
    state: dict[str, Any] = {}
    came = []
    for spoilt in (True, False, False):
        close = "9" if spoilt else "3"
        run = extraction(lambda _, close=close: result(ohlc(1, close), ohlc(10), ohlc(11)))
        run.state = state
        rows = [row for chunk in kraken.extract(run) for row in chunk.rows if "symbol" in row]
        came.append([(row["bar_open_at"] - FIRST) // HOUR for row in rows])
        assert len(asked(run)) == 1
        assert asked(run)[0]["since"] == ms(9 if len(came) == 3 else 0) // 1000 - 1
    assert [sorted(hours) for hours in came] == [[10, 11], [1, 10, 11], [10, 11]]


def test_bars_beyond_the_newest_720_are_noted_as_lost() -> None:
    hours = range(11 - 719, 12)
    run = extraction(lambda _: result(*map(ohlc, hours), ohlc(12)))
    through = (FIRST - 900 * HOUR).isoformat()
    run.state["XBTUSD"] = {"from": through, "through": through, "seen": through}
    rows = [row for chunk in kraken.extract(run) for row in chunk.rows]
    assert len(rows) == 720
    (note,) = run.notes
    assert "BTC@60" in note
    assert through in note
    assert (FIRST + hours[0] * HOUR).isoformat() in note


@given(st.lists(st.integers(-5, 12), max_size=30), st.integers(0, 13))
def test_the_order_and_repetition_of_rows_do_not_matter(hours: list[int], final: int) -> None:
    last = FIRST + (final - 1) * HOUR
    parsed = kraken.parse_ohlc([ohlc(h) for h in hours], XBT, WINDOW, last, CLOCK)
    wanted = sorted({h for h in hours if 0 <= h <= min(11, final - 1)})
    assert [row["bar_open_at"] for row in parsed.rows] == [FIRST + h * HOUR for h in wanted]


@settings(max_examples=60, deadline=None)
@given(st.lists(_JSON, max_size=6))
def test_no_payload_breaks_the_parsers(payload: list[Any]) -> None:
    assert parse(*payload).rows == []
    assert kraken.parse_ohlc(payload, XBT, WINDOW, CLOCK, CLOCK).rows == []
    for answer in (payload, {"error": payload}, {"error": [], "result": {"A": payload}}):
        run, rows = bars(answer)
        assert rows == []
        assert all("\n" not in str(failure) for failure in run.failures)
