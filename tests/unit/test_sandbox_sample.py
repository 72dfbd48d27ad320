"""The built-in sample: the same every time, and shaped like the real thing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from ingestion.sandbox import SandboxData, generate_sample, sandbox_env

HOUR = 3600
SYMBOLS = ["ADA", "AVAX", "BTC", "DOGE", "DOT", "ETH", "LINK", "LTC", "SOL", "XRP"]


@pytest.fixture(scope="module")
def sample() -> SandboxData:
    return generate_sample()


def digest(data: SandboxData) -> str:
    found = hashlib.sha256()
    for symbol in data.symbols():
        bars = data.hourly(symbol)
        for column in (bars.open_time, bars.open, bars.high, bars.low, bars.close, bars.volume):
            found.update(column.tobytes())
        found.update(data.snapshots[symbol].cap.tobytes())
    rest = (data.onchain, data.macro, data.fear_greed, data.articles, data.posts)
    found.update(repr(rest).encode())
    return found.hexdigest()


def test_same_seed_gives_the_same_data_and_another_seed_does_not(sample: SandboxData) -> None:
    assert digest(generate_sample()) == digest(sample)
    assert digest(generate_sample(8)) != digest(sample)


def test_ten_symbols_over_150_days_and_marked_as_sample(sample: SandboxData) -> None:
    assert sample.is_sample
    assert sample.symbols() == SYMBOLS
    bars = sample.hourly("BTC")
    assert bars.open_time[-1] == datetime(2024, 6, 30, 23, tzinfo=UTC).timestamp()
    assert (bars.open_time[-1] - bars.open_time[0] + HOUR) / (24 * HOUR) == 150
    assert sample.hourly("AVAX").open_time[0] - bars.open_time[0] == 30 * 24 * HOUR


def test_bars_are_ascending_positive_and_consistent(sample: SandboxData) -> None:
    for symbol in sample.symbols():
        bars = sample.hourly(symbol)
        assert (np.diff(bars.open_time) > 0).all()
        assert (bars.open_time % HOUR == 0).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.low > 0).all()
        assert (bars.volume > 0).all()
        assert np.abs(np.diff(np.log(bars.close))).max() < 0.2


def test_gaps_are_outages_of_all_and_single_hours_of_thin_pairs(sample: SandboxData) -> None:
    first = int(sample.first_moment().timestamp())
    every = set(range(first, int(sample.hourly("BTC").open_time[-1]) + 1, HOUR))
    missing = {s: every - set(sample.hourly(s).open_time.tolist()) for s in sample.symbols()}
    outage = set.intersection(*(missing[s] for s in missing if s != "AVAX"))
    assert len(outage) == 8
    assert missing["BTC"] == outage
    assert len(missing["DOT"] - outage) == 9
    flat = sample.hourly("DOT").high == sample.hourly("DOT").low
    assert flat.sum() >= 3
    newest = max(every)
    assert all(max(gone) < newest - 48 * HOUR for gone in missing.values())


def test_volatility_comes_in_clusters(sample: SandboxData) -> None:
    moves = np.abs(np.diff(np.log(sample.hourly("BTC").close)))
    assert np.corrcoef(moves[1:], moves[:-1])[0, 1] > 0.1


def test_onchain_flows_exist_for_two_assets_and_some_are_restated(sample: SandboxData) -> None:
    with_flows = {a for a, metrics in sample.onchain.items() if "FlowInExUSD" in metrics}
    assert with_flows == {"btc", "eth"}
    versions = sample.onchain["btc"]["FlowInExUSD"]
    restated = [v for v in versions if v.known_at is not None]
    assert len(restated) >= 10
    assert all(v.known_at.date() - v.day >= timedelta(days=3) for v in restated)


def test_macro_has_vintages_holidays_lags_and_revisions(sample: SandboxData) -> None:
    names = "VIXCLS SP500 DTWEXBGS DGS10 DFF DGS2 T10Y2Y CPIAUCSL UNRATE GDPC1 M2SL DCOILWTICO"
    assert set(sample.macro) == set(names.split())
    for series in sample.macro.values():
        assert all(v.realtime_start > v.observation_date for v in series.vintages)
        keys = [(v.observation_date, v.realtime_start) for v in series.vintages]
        assert keys == sorted(set(keys))
    holiday = [v for v in sample.macro["DGS10"].vintages if v.observation_date == date(2024, 5, 27)]
    assert [v.value for v in holiday] == ["."]
    gdp = [v for v in sample.macro["GDPC1"].vintages if v.observation_date == date(2023, 1, 1)]
    assert len({v.value for v in gdp}) == 3
    days = {v.observation_date.weekday() for v in sample.macro["DFF"].vintages}
    assert days == set(range(7))


def test_articles_are_many_dense_at_the_end_and_name_coins(sample: SandboxData) -> None:
    assert len(sample.articles) >= 700
    kinds = sorted(sample.feeds().values())
    assert kinds == ["crypto"] * 3 + ["market"] * 2
    assert len({(a.feed, a.guid) for a in sample.articles}) == len(sample.articles)
    assert all("{" not in a.title + a.summary for a in sample.articles)
    text = "\n".join(f"{a.title}. {a.summary}" for a in sample.articles)
    for name in ("Bitcoin", "$BTC", "(ETH)", r"\bether\b", "XRP Ledger", "Cardano's ADA"):
        assert re.search(name.replace("$", r"\$").replace("(", r"\(").replace(")", r"\)"), text)
    newest = sample.default_now()
    late = [a.published_at for a in sample.articles if a.published_at > newest - timedelta(days=7)]
    assert max(b - a for a, b in pairwise(late)) < timedelta(hours=6)
    edits = [edit for a in sample.articles for edit in a.edits if edit.at > a.published_at]
    assert len(edits) >= 20


def test_posts_gain_engagement_and_some_authors_are_verified(sample: SandboxData) -> None:
    assert len(sample.posts) >= 1200
    assert [p.id for p in sample.posts] == sorted({p.id for p in sample.posts})
    assert any("verified" in p.user.classification for p in sample.posts)
    assert {p.sentiment for p in sample.posts} == {None, "Bullish", "Bearish"}
    popular = max(sample.posts, key=lambda p: p.likes)
    hours = (0, 1, 5, 24, 240)
    likes = [popular.engagement_at(popular.created_at + timedelta(hours=h))[0] for h in hours]
    assert likes[0] == 0
    assert likes == sorted(likes)
    assert likes[-1] == popular.likes


def test_env_points_at_the_sandbox_just_after_the_newest_close(sample: SandboxData) -> None:
    env = sandbox_env(sample, "http://127.0.0.1:1234/")
    assert env["CFW_NOW"] == "2024-07-01T00:01:00Z"
    assert env["CFW_HISTORY_START"] == "2024-02-02T00:00:00Z"
    assert env["CFW_COINGECKO_BASE_URL"] == "http://127.0.0.1:1234/coingecko/api/v3"
    assert "block-courier|crypto|http://127.0.0.1:1234/rss/block-courier" in env["CFW_FEEDS"]
    assert re.fullmatch("[0-9a-z]{32}", env["CFW_FRED_API_KEY"])


def test_a_corrected_bar_leaves_the_original_alone(sample: SandboxData) -> None:
    bars = sample.hourly("BTC")
    moment = int(bars.open_time[10])
    changed = bars.corrected(moment, close=1.0)
    assert changed.close[10] == 1.0
    assert bars.close[10] != 1.0
    with pytest.raises(KeyError):
        bars.corrected(moment + 1, close=1.0)
    data = replace(sample, bars={"BTC": {HOUR: bars.select(slice(0, 5))}})
    assert data.default_now() == sample.first_moment() + timedelta(hours=5, minutes=1)
