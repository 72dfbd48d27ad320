"""Answers that are well-formed and wrong: what they cannot spoil, and that the next run heals."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from ingestion.sandbox import Article, MacroVintage, SandboxData
from ingestion.sandbox.model import HOUR
from tests.support.days import SERVED, Days, edited


def test_an_empty_list_in_the_middle_of_history_is_asked_for_again(
    days: Days, undisturbed: Days
) -> None:
    changes = {
        "CFW_SYMBOLS": "BTC",
        "CFW_HISTORY_START": (days.sandbox.state.now - timedelta(days=40)).isoformat(),
    }
    undisturbed.run("coinbase", **changes)
    hole = (days.sandbox.state.now - timedelta(days=27, hours=12)).date().isoformat()
    days.fault("coinbase", "status", times=None, status=200, body=[], contains=f"start={hole}")
    bad = days.run("coinbase", **changes)
    assert bad.line == ""
    assert 600 < bad.rows < len(undisturbed.facts("coinbase")) - 290
    assert days.run("coinbase", **changes).rows == 0  # still empty, and nothing is erased
    days.sandbox.faults.clear()
    healed = days.run("coinbase", **changes)
    assert healed.rows > 290
    assert days.facts("coinbase") == undisturbed.facts("coinbase")


def test_what_stays_empty_is_believed_after_three_runs(days: Days) -> None:
    now = days.sandbox.state.now
    changes = {"CFW_SYMBOLS": "BTC", "CFW_HISTORY_START": (now - timedelta(days=40)).isoformat()}
    hole = (now - timedelta(days=27, hours=12)).date().isoformat()
    days.fault("coinbase", "status", times=None, status=200, body=[], contains=f"start={hole}")
    requests = []
    for _ in range(5):
        before = days.requests("coinbase")
        days.run("coinbase", **changes)
        requests.append(days.requests("coinbase") - before)
    assert requests == [4, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("step", "empty"),
    [
        ("coinbase", []),
        ("coingecko", []),
        ("coinmetrics", {"data": []}),
        ("fear_greed", {"name": "x", "data": [], "metadata": {"error": None}}),
        ("stocktwits", {"response": {"status": 200}, "cursor": {"more": False}, "messages": []}),
    ],
)
def test_an_empty_list_erases_nothing_and_skips_nothing(
    step: str, empty: Any, days: Days, undisturbed: Days
) -> None:
    now = days.sandbox.state.now
    days.sandbox.set_clock(now - timedelta(days=3))
    start = {"CFW_HISTORY_START": (now - timedelta(days=20)).isoformat()}
    days.run(step, **start)
    undisturbed.run(step, **start)
    before = days.facts(step)
    assert before
    for day in (2, 1):
        days.sandbox.set_clock(now - timedelta(days=day))
        days.fault(step, "status", times=None, status=200, body=empty)
        assert days.run(step, **start).rows == 0
        assert days.facts(step) == before
        days.sandbox.faults.clear()
    days.sandbox.set_clock(now)
    healed = days.run(step, **start)
    undisturbed.run(step, **start)
    assert healed.rows > 0
    assert days.facts(step) == undisturbed.facts(step)


@pytest.mark.parametrize(
    ("step", "empty"),
    [
        ("coinmetrics", {"data": []}),
        ("fred", {"count": 0, "observations": []}),
        ("stocktwits", {"response": {"status": 200}, "cursor": {"more": False}, "messages": []}),
    ],
)
def test_nothing_at_the_first_contact_is_not_the_whole_history(
    step: str, empty: Any, days: Days, undisturbed: Days
) -> None:
    undisturbed.run(step)
    path = "/fred/series/observations" if step == "fred" else SERVED[step][0]
    days.sandbox.faults.add(path, "status", times=None, status=200, body=empty)
    assert days.run(step).rows == 0
    days.sandbox.faults.clear()
    days.run(step)
    days.run(step)
    assert days.facts(step) == undisturbed.facts(step)


@pytest.mark.parametrize(
    "step", ["coinbase", "coinmetrics", "coingecko", "fear_greed", "fred", "rss", "stocktwits"]
)
def test_last_weeks_cache_heals_with_the_next_run(step: str, days: Days, undisturbed: Days) -> None:
    now = days.sandbox.state.now
    start = {"CFW_HISTORY_START": (now - timedelta(days=20)).isoformat()}
    days.sandbox.set_clock(now - timedelta(days=8))
    for one in (days, undisturbed):
        one.run(step, **start)
    days.sandbox.set_clock(now)
    days.fault(step, "stale", times=None, hours=168.0)
    days.run(step, **start)
    days.sandbox.faults.clear()
    days.run(step, **start)
    undisturbed.run(step, **start)
    if step == "coingecko":  # a snapshot is what was told when it was asked for
        newest = [
            {row["symbol"]: row["circulating_supply"] for row in rows}
            for rows in (
                one.stored("asset_snapshots", "ORDER BY captured_at, loaded_at")
                for one in (days, undisturbed)
            )
        ]
        assert newest[0] == newest[1]
    elif step in ("rss", "stocktwits"):  # the old copy showed what the later one shows no more
        assert days.facts(step) >= undisturbed.facts(step)
    else:
        assert days.facts(step) == undisturbed.facts(step)


def test_a_page_repeated_for_ever_ends_and_is_stored_once(days: Days, undisturbed: Days) -> None:
    undisturbed.run("stocktwits", CFW_SYMBOLS="BTC", stocktwits_max_pages=5)
    days.fault("stocktwits", "repeat_page", times=None)
    bad = days.run("stocktwits", CFW_SYMBOLS="BTC", stocktwits_max_pages=50)
    assert len(days.facts("stocktwits")) == 30
    assert days.requests("stocktwits") <= 2 + 50
    assert days.facts("stocktwits") <= undisturbed.facts("stocktwits") | days.facts("stocktwits")
    assert bad.line == ""
    days.sandbox.faults.clear()
    days.sandbox.set_clock(days.sandbox.state.now + timedelta(hours=1))
    assert days.run("stocktwits", CFW_SYMBOLS="BTC").line == ""


def _constant(page: Any) -> dict[str, Any]:
    return {"kind": "status", "times": None, "status": 200, "body": page}


def test_a_token_that_loops_is_refused_and_the_next_run_heals(
    days: Days, undisturbed: Days
) -> None:
    undisturbed.run("coinmetrics", CFW_SYMBOLS="BTC")
    asked = days.requests("coinmetrics")
    day = (days.sandbox.state.now - timedelta(days=9)).date()
    row = {"asset": "btc", "time": f"{day}T00:00:00.000000000Z", "TxCnt": "1"}
    days.fault("coinmetrics", **_constant({"data": [row], "next_page_token": "again"}))
    bad = days.run("coinmetrics", CFW_SYMBOLS="BTC")
    assert "repeats its page token; run it again later" in bad.line
    assert bad.rows > 0
    assert len(days.stored("onchain_metrics")) == 1
    assert days.requests("coinmetrics") - asked == 2
    days.sandbox.faults.clear()
    assert days.run("coinmetrics", CFW_SYMBOLS="BTC").line == ""
    assert days.facts("coinmetrics") == undisturbed.facts("coinmetrics")


def test_an_offset_that_is_ignored_is_refused(days: Days, undisturbed: Days) -> None:
    undisturbed.run("fred")
    day = str((days.sandbox.state.now - timedelta(days=90)).date())
    row = {"realtime_start": day, "realtime_end": "9999-12-31", "date": day, "value": "1"}
    page = {"count": 10**6, "observations": [row]}
    days.sandbox.faults.add("/fred/series/observations", **_constant(page))
    bad = days.run("fred")
    assert "repeats a page; run it again later" in bad.line
    assert bad.rows == 0
    days.sandbox.faults.clear()
    assert days.run("fred").line == ""
    assert days.facts("fred") == undisturbed.facts("fred")


def test_numbers_of_every_size_and_spelling(days: Days, undisturbed: Days) -> None:
    undisturbed.run("coinbase", CFW_SYMBOLS="BTC")
    huge, tiny = 2**70, 1.25e-7

    def candles(page: list[Any]) -> list[Any]:
        page[1][5] = huge
        page[2][5] = tiny
        page[3][0] = 3600 * 2**60
        page[4][1:5] = ["1e4"] * 4
        return page

    days.fault("coinbase", "replace", rewrite=edited(candles))
    bad = days.run("coinbase", CFW_SYMBOLS="BTC")
    assert bad.rows >= 400
    assert days.reasons() == [
        "low is a string where a number belongs",
        "time is not a time",
    ]
    volumes = {row["volume_base"] for row in days.stored("price_bars")}
    assert {float(huge), tiny} <= volumes
    days.run("coinbase", CFW_SYMBOLS="BTC")
    assert {row[3] for row in days.facts("coinbase")} == {
        row[3] for row in undisturbed.facts("coinbase")
    }


def test_counts_beyond_64_bits_are_refused_alone(days: Days, undisturbed: Days) -> None:
    undisturbed.run("stocktwits", CFW_SYMBOLS="BTC")

    def posts(page: dict[str, Any]) -> dict[str, Any]:
        page["messages"][0]["likes"] = {"total": 2**63}
        page["messages"][1]["id"] = 2**70
        page["messages"][2]["user"]["id"] = 2**63 - 1
        return page

    days.fault("stocktwits", "replace", rewrite=edited(posts))
    days.run("stocktwits", CFW_SYMBOLS="BTC")
    assert days.reasons() == ["id is missing or not a whole number", "likes is not a count"]
    missing = undisturbed.facts("stocktwits") - days.facts("stocktwits")
    assert len(missing) == 1


def test_text_numbers_in_scientific_notation(days: Days) -> None:
    def figures(page: dict[str, Any]) -> dict[str, Any]:
        page["data"][0]["SplyCur"] = "1.9E+7"
        page["data"][1]["SplyCur"] = "1_000"
        page["data"][2]["SplyCur"] = "9" * 400
        return page

    days.fault("coinmetrics", "replace", rewrite=edited(figures))
    days.run("coinmetrics", CFW_SYMBOLS="BTC")
    supply = days.stored("onchain_metrics", "WHERE metric = 'SplyCur'")
    assert 1.9e7 in {row["value"] for row in supply}
    assert days.reasons() == ["SplyCur is a malformed number", "SplyCur is not finite"]
    days.run("coinmetrics", CFW_SYMBOLS="BTC")
    healed = days.stored("onchain_metrics", "WHERE metric = 'SplyCur'")
    assert len({row["day"] for row in healed}) == len({row["day"] for row in supply}) + 2


@pytest.mark.parametrize(("step", "field"), [("coinmetrics", "asset"), ("coingecko", "id")])
def test_ids_that_change_case_are_the_same_ids(
    step: str, field: str, days: Days, undisturbed: Days
) -> None:
    def shouting(page: Any) -> Any:
        rows = page["data"] if isinstance(page, dict) else page
        for row in rows:
            row[field] = row[field].upper()
        return page

    undisturbed.run(step)
    days.fault(step, "replace", times=None, rewrite=edited(shouting))
    bad = days.run(step)
    assert (bad.line, bad.report.rejected) == ("", 0)
    assert days.facts(step) == undisturbed.facts(step)
    days.sandbox.faults.clear()
    assert days.run(step).rows == 0


def test_a_symbol_delisted_and_relisted(days: Days, sample: SandboxData) -> None:
    """While it is delisted there are no bars; after it, they go on, and the gap stays a gap."""
    now = sample.default_now()
    hourly = sample.bars["BTC"][HOUR]
    away = (hourly.open_time < int((now - timedelta(days=9)).timestamp())) | (
        hourly.open_time >= int((now - timedelta(days=2)).timestamp())
    )
    bars = {**sample.bars, "BTC": {HOUR: hourly.select(away)}}
    days.sandbox.set_data(replace(sample, bars=bars))
    start = {"CFW_HISTORY_START": (now - timedelta(days=20)).isoformat()}
    days.sandbox.set_clock(now - timedelta(days=8))
    assert days.run("coinbase", **start).rows > 400
    days.sandbox.set_clock(now - timedelta(days=5))
    days.sandbox.faults.add("/coinbase/products/BTC-USD", "status", times=None, status=404)
    delisted = days.run("coinbase", **start)
    assert "answered 404" in delisted.line
    assert "compare the id with cfw doctor's findings" in delisted.line
    assert delisted.rows > 60  # the other symbol goes on
    days.sandbox.faults.clear()
    days.sandbox.set_clock(now - timedelta(days=4))
    assert days.run("coinbase", **start).line == ""
    days.sandbox.set_clock(now)
    assert days.run("coinbase", **start).line == ""
    stored = {
        int(row["bar_open_at"].timestamp())
        for row in days.stored("price_bars", "WHERE symbol = 'BTC'")
    }
    first = int((now - timedelta(days=20)).timestamp())
    served = set(hourly.open_time[away & (hourly.open_time >= first)].tolist())
    assert stored == served


def test_a_clock_an_hour_behind_takes_nothing_from_the_future(
    days: Days, undisturbed: Days
) -> None:
    """Ours is behind: what the provider already knows lies in our future."""
    undisturbed.run("coinbase", CFW_SYMBOLS="BTC")
    ours = days.sandbox.state.now - timedelta(hours=1)

    def with_future(page: list[Any]) -> list[Any]:
        return [[page[0][0] + 2 * HOUR, *page[0][1:]], *page]

    days.fault("coinbase", "replace", times=None, rewrite=edited(with_future))
    bad = days.run("coinbase", now=ours, CFW_SYMBOLS="BTC")
    assert days.reasons() == ["time lies in the future"]
    assert bad.rows == len(undisturbed.facts("coinbase")) - 1
    days.sandbox.faults.clear()
    assert days.run("coinbase", CFW_SYMBOLS="BTC").rows == 1
    assert days.facts("coinbase") == undisturbed.facts("coinbase")


@pytest.mark.parametrize("hours", [1.0, -1.0])
def test_a_clock_that_differs_is_noted(hours: float, days: Days) -> None:
    days.fault("fear_greed", "skew", times=None, hours=hours)
    skewed = days.run("fear_greed", now=None)
    assert skewed.rows > 0
    assert "the provider's clock differs by" in skewed.report.note
    told = re.search(r"differs by ([+-]\d+) s", skewed.report.note)
    assert told is not None
    assert abs(int(told[1]) - hours * 3600) < 30  # whole seconds, and the way of the answer
    assert "synchronise this machine's (NTP)" in skewed.report.note
    days.sandbox.faults.clear()
    assert days.run("fear_greed", now=None).report.note == ""


def _renamed(article: Article) -> Article:
    return replace(article, guid=f"https://new-system.example/{article.guid[::-1]}")


def test_a_feed_that_changes_its_guid_scheme_counts_nothing_twice(
    days: Days, sample: SandboxData
) -> None:
    now = sample.default_now()
    days.sandbox.set_clock(now - timedelta(days=1))
    start = {"CFW_HISTORY_START": (now - timedelta(days=20)).isoformat()}
    days.run("rss", **start)
    before = {(row["feed"], row["guid"], row["text_version"]) for row in days.stored("articles")}
    renamed = tuple(_renamed(article) for article in sample.articles)
    days.sandbox.set_data(replace(sample, articles=renamed))
    assert days.run("rss", **start).rows == 0
    days.sandbox.set_clock(now)
    new = days.run("rss", **start)
    assert new.rows > 0
    stored = days.stored("articles")
    after = {(row["feed"], row["guid"], row["text_version"]) for row in stored}
    assert before <= after
    assert all("new-system" in guid for _, guid, _ in after - before)
    pages = [(row["feed"], row["canonical_url"], row["text_version"]) for row in stored]
    assert len(pages) == len(set(pages))
    days.sandbox.set_data(sample)  # and back again
    assert days.run("rss", **start).rows == 0


def test_a_vintage_that_revises_ten_years_at_once(days: Days, sample: SandboxData) -> None:
    now = sample.default_now()
    series = sample.macro["UNRATE"]
    dates = sorted({vintage.observation_date for vintage in series.vintages})[-120:]
    day = (now - timedelta(days=2)).date()
    newest = {vintage.observation_date: vintage.value for vintage in series.vintages}
    known = [date for date in dates if newest[date] != "."]
    revised = [MacroVintage(date, str(float(newest[date]) + 0.1), day) for date in known]
    vintages = tuple(sorted((*series.vintages, *revised), key=lambda v: (v[0], v[2])))
    start = {"CFW_HISTORY_START": dates[0].isoformat()}
    days.sandbox.set_clock(now - timedelta(days=4))
    days.run("fred", **start)
    before = len(days.stored("macro_observations"))
    days.sandbox.set_clock(now)
    macro = {**sample.macro, "UNRATE": replace(series, vintages=vintages)}
    days.sandbox.set_data(replace(sample, macro=macro))
    asked = days.requests("fred")
    report = days.run("fred", **start)
    assert report.rows >= len(known) > 12
    assert days.requests("fred") - asked == 2
    assert len(days.stored("macro_observations")) == before + report.rows
    of_the_day = days.stored("macro_observations", f"WHERE vintage_date = DATE '{day}'")
    assert {row["observation_date"] for row in of_the_day} == set(known)
    public = {row["available_at"].date() for row in of_the_day}
    assert public == {day + timedelta(days=1)}
    assert days.run("fred", **start).rows == 0


def test_the_sample_is_long_enough(sample: SandboxData) -> None:
    """The days above look back 40 days."""
    opens = sample.bars["BTC"][HOUR].open_time
    assert np.ptp(opens) > 45 * 86_400
