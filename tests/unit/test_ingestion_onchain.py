"""Refusals, cursors and points of the on-chain providers, without I/O."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.config import Settings
from ingestion.days import days_within
from ingestion.errors import SettingsError, SourceError
from ingestion.history import unseen
from ingestion.onchain import blockchain_com, coinmetrics, glassnode
from ingestion.onchain.blockchain_com import parse_chart
from ingestion.onchain.cursors import Cursors
from ingestion.onchain.days import available_at
from ingestion.onchain.glassnode_points import Metric, parse_metric, parse_points
from ingestion.onchain.refusals import Refusals, Wanted, halves
from ingestion.tables import ONCHAIN_METRICS

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
DAY = date(2024, 3, 12)
ASSETS, METRICS = ("ada", "btc", "eth", "ltc", "xrp"), ("A", "B", "C", "D")


def seconds(day: date, hour: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp())


# --- refusals


def wanted(assets: tuple[str, ...] = ASSETS, metrics: tuple[str, ...] = METRICS) -> Wanted:
    return Wanted(assets, metrics, date(2024, 1, 1), DAY)


def refusal(text: str, status: int = 403) -> SourceError:
    return SourceError("coinmetrics", text, "wait", status=status, provider_wide=True)


Pairs = set[tuple[str, str]]


def asked_until_done(forbidden: Pairs, mode: str) -> tuple[Pairs, int, Refusals]:
    """Return what a provider that refuses ``forbidden`` gives, and the requests it took."""
    refusals = Refusals({}, CLOCK)
    waiting, read, requests = refusals.split(wanted()), set(), 0
    while waiting:
        part = waiting.pop(0)
        requests += 1
        pairs = {(asset, metric) for asset in part.assets for metric in part.metrics}
        if bad := sorted(pairs & forbidden):
            names = f"metric '{bad[0][1]}' for asset '{bad[0][0]}' " if mode == "named" else ""
            rest, is_wrong = refusals.narrow(part, refusal(f"{names}is not available"))
            assert not is_wrong
            waiting = rest + waiting
        else:
            assert not read & pairs, "nothing is read twice"
            read |= pairs
    return read, requests, refusals


EVERY_PAIR = {(asset, metric) for asset in ASSETS for metric in METRICS}


@given(st.sets(st.sampled_from(sorted(EVERY_PAIR))), st.sampled_from(["named", "nameless"]))
def test_only_what_is_forbidden_is_missing(forbidden: Pairs, mode: str) -> None:
    read, _, refusals = asked_until_done(forbidden, mode)
    assert read == EVERY_PAIR - forbidden
    assert {pair for pair in EVERY_PAIR if refusals.has(*pair)} == forbidden


def test_a_refused_pair_costs_two_requests_named_and_a_search_nameless() -> None:
    one = {("eth", "C")}
    assert asked_until_done(one, "named")[1] == 3
    assert asked_until_done(one, "nameless")[1] <= 2 * (2 + 3) + 1
    assert asked_until_done(set(), "nameless")[1] == 1


def test_a_wrong_id_is_named_and_left_out_for_all() -> None:
    memory: dict[str, Any] = {}
    refusals = Refusals(memory, CLOCK)
    text = "Bad parameter '{}'. Value '{}' is not supported."
    rest, is_wrong = refusals.narrow(wanted(), refusal(text.format("metrics", "B"), 400))
    assert (rest, is_wrong) == ([wanted(metrics=("A", "C", "D"))], True)
    rest, is_wrong = refusals.narrow(rest[0], refusal(text.format("assets", "eth"), 400))
    left = ("ada", "btc", "ltc", "xrp")
    assert (rest, is_wrong) == ([wanted(left, ("A", "C", "D"))], True)
    assert refusals.split(wanted()) == rest
    (note,) = refusals.notes()
    assert note == "refused by the provider, not asked again before 2024-03-20: B, eth"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Bad parameter 'start_time'. Value 'x' is not supported.", 400),
        ("answered 403: an HTML page", 403),
        ("answered 404: no such path", 404),
        ("Requested metric 'A' is not available", 401),
        ("internal", 500),
    ],
)
def test_what_is_about_neither_metrics_nor_assets_stays_an_error(text: str, status: int) -> None:
    memory: dict[str, Any] = {}
    with pytest.raises(SourceError):
        Refusals(memory, CLOCK).narrow(wanted(), refusal(text, status))
    assert memory == {}


def test_a_refusal_is_remembered_for_a_week() -> None:
    memory: dict[str, Any] = {}
    Refusals(memory, CLOCK).add("btc", "A", 403)
    later = Refusals(memory, CLOCK + timedelta(days=6))
    assert later.allowed("btc", METRICS) == ("B", "C", "D")
    assert later.allowed("eth", METRICS) == METRICS
    assert Refusals(memory, CLOCK + timedelta(days=7)).allowed("btc", METRICS) == METRICS
    assert memory == {}


@given(st.integers(1, 9), st.integers(1, 9))
def test_halves_ask_for_the_same(assets: int, metrics: int) -> None:
    part = wanted(tuple(f"a{n}" for n in range(assets)), tuple(f"m{n}" for n in range(metrics)))
    if assets == metrics == 1:
        return
    pairs = [(a, m) for side in halves(part) for a in side.assets for m in side.metrics]
    assert sorted(pairs) == sorted((a, m) for a in part.assets for m in part.metrics)
    assert len(halves(part)) == 2


# --- cursors


def test_a_metric_that_appears_later_is_read_from_its_start() -> None:
    state: dict[str, Any] = {}
    start = date(2024, 1, 1)
    cursors = Cursors(state, start, CLOCK)
    cursors.advance("btc", ("A", "B"), {"A"}, start, DAY)
    assert state["btc"]["absent"] == ["B"]
    assert cursors.absent_everywhere(["btc"], ("A", "B")) == ["B"]
    reread = DAY - timedelta(days=30)
    assert cursors.stretches("btc", ("A", "B")) == [(reread, ("A", "B"))]
    cursors.advance("btc", ("A", "B"), {"A", "B"}, reread, DAY)
    assert cursors.stretches("btc", ("A", "B")) == [(reread, ("A",)), (start, ("B",))]
    cursors.advance("btc", ("B",), {"B"}, start, DAY)
    assert cursors.stretches("btc", ("A", "B")) == [(reread, ("A", "B"))]
    assert cursors.absent_everywhere(["btc"], ("A", "B")) == []


def test_a_new_metric_does_not_move_the_cursor_of_the_others() -> None:
    state: dict[str, Any] = {}
    start, late = date(2024, 1, 1), DAY + timedelta(days=5)
    cursors = Cursors(state, start, CLOCK)
    cursors.advance("btc", ("A",), {"A"}, start, DAY)
    cursors.advance("btc", ("B",), {"B"}, start, late)
    assert state["btc"]["through"] == DAY.isoformat()
    cursors.advance("btc", ("A",), {"A"}, DAY, late)
    assert state["btc"]["through"] == late.isoformat()


def test_what_gave_nothing_was_not_read() -> None:
    state: dict[str, Any] = {}
    start = date(2024, 1, 1)
    cursors = Cursors(state, start, CLOCK)
    cursors.advance("btc", ("A",), (), start, DAY)
    assert state == {}
    cursors.advance("btc", ("A",), {"A"}, start, DAY)
    before = dict(state["btc"])
    cursors.advance("btc", ("A",), (), DAY, DAY + timedelta(days=9))
    assert state["btc"] == before
    cursors.advance("btc", ("B",), (), start, DAY)
    assert state["btc"]["absent"] == ["B"], "a metric that the asset does not have was read"


# --- availability


@pytest.mark.parametrize(
    ("day", "fresh", "archive"),
    [
        (date(2024, 3, 12), CLOCK, CLOCK),
        (date(2024, 3, 10), CLOCK, datetime(2024, 3, 12, tzinfo=UTC)),
        (date(2024, 3, 9), datetime(2024, 3, 11, tzinfo=UTC), datetime(2024, 3, 11, tzinfo=UTC)),
    ],
)
def test_an_archive_is_known_a_day_after_its_day(
    day: date, fresh: datetime, archive: datetime
) -> None:
    assert available_at(day, CLOCK) == fresh
    assert available_at(day, CLOCK, archive=True) == archive


def test_days_of_a_half_open_period() -> None:
    midnight = datetime(2024, 3, 1, tzinfo=UTC)
    hours = timedelta(hours=1)
    assert days_within(midnight, midnight + 48 * hours) == (date(2024, 3, 1), date(2024, 3, 2))
    assert days_within(midnight + hours, midnight + 49 * hours) == (
        date(2024, 3, 2),
        date(2024, 3, 3),
    )
    assert days_within(midnight + hours, midnight + 24 * hours) is None


# --- Glassnode


@pytest.mark.parametrize(
    ("spelled", "metric"),
    [
        ("supply/current", Metric("supply/current")),
        ("fees/volume_sum:usd", Metric("fees/volume_sum", "usd")),
        ("market/mvrv=CapMVRVCur", Metric("market/mvrv", None, "CapMVRVCur")),
        ("fees/volume_sum:native=FeeTotNtv", Metric("fees/volume_sum", "native", "FeeTotNtv")),
    ],
)
def test_metrics_are_spelled_by_path_currency_and_name(spelled: str, metric: Metric) -> None:
    assert parse_metric(spelled) == metric


def test_values_are_stored_under_glassnodes_own_name_or_the_one_given() -> None:
    volume = parse_metric("fees/volume_sum:usd")
    assert volume.name_of(volume.pit_path) == "fees/volume_sum_pit:usd"
    assert volume.name_of(volume.path) == "fees/volume_sum:usd"
    assert parse_metric("market/mvrv=CapMVRVCur").name_of("market/mvrv_pit") == "CapMVRVCur"


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"glassnode_metrics": "mvrv"}, "CFW_GLASSNODE_METRICS: mvrv is not CATEGORY/METRIC"),
        ({"glassnode_metrics": f"a/{'b' * 64}"}, "is longer than 64 characters"),
        (
            {"glassnode_metrics": "market/mvrv=CapMVRVCur"},
            "CapMVRVCur is in CFW_COINMETRICS_METRICS too; take it out there",
        ),
        ({"blockchain_com_charts": "Hash Rate"}, "CFW_BLOCKCHAIN_COM_CHARTS: Hash Rate is not"),
        ({"worldbank_indicators": "FP.CPI.TOTL.ZG"}, "write it as US:FP.CPI.TOTL.ZG"),
    ],
)
def test_a_wrong_setting_is_one_line(values: dict[str, str], part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(_env_file=None, **values)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_key_is_a_secret() -> None:
    settings = Settings(_env_file=None, glassnode_api_key="hush-hush")
    assert "hush-hush" in settings.secrets()
    assert "hush" not in repr(settings)
    assert glassnode.skip_reason(settings) is None
    elsewhere = Settings(_env_file=None, glassnode_api_key="x", symbols="SOL")
    assert "CFW_GLASSNODE_SYMBOLS" in str(glassnode.skip_reason(elsewhere))
    assert "CFW_GLASSNODE_API_KEY" in str(glassnode.skip_reason(Settings(_env_file=None)))


def point(day: date = DAY, value: Any = 1.5, **more: Any) -> dict[str, Any]:
    return {"t": seconds(day), "v": value, **more}


def test_points_become_days_oldest_first() -> None:
    data = [point(DAY, 657661688251465000000), point(date(2024, 3, 11), 3), point(value=None)]
    parsed = parse_points(data, "BTC", "mining/hash_rate_mean", CLOCK)
    assert [(row["day"].day, row["value"]) for row in parsed.rows] == [
        (11, 3.0),
        (12, 6.57661688251465e20),
    ]
    assert parsed.rejections == []
    assert {row["provider"] for row in parsed.rows} == {"glassnode"}


def test_a_value_is_not_known_before_it_was_computed() -> None:
    old = date(2024, 2, 1)
    late = seconds(date(2024, 2, 9), 5)
    rows = [
        parse_points([data], "BTC", "m", CLOCK).rows[0]["available_at"]
        for data in (
            point(old, computed_at=seconds(date(2024, 2, 2), 1)),
            point(old, computed_at=late),
            point(DAY, computed_at=seconds(date(2024, 3, 13), 1)),
        )
    ]
    assert rows == [datetime(2024, 2, 3, tzinfo=UTC), datetime(2024, 2, 9, 5, tzinfo=UTC), CLOCK]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("x", "the point is not an object"),
        ({"v": 1}, "t is missing"),
        ({"t": seconds(DAY, 5), "v": 1}, "t is not the start of a day"),
        ({"t": seconds(date(2024, 3, 14)), "v": 1}, "t lies in the future"),
        ({"t": seconds(DAY), "o": {"c": 1}}, "v is missing"),
        (point(value="1"), "v is a string where a number belongs"),
        (point(computed_at=seconds(date(2025, 1, 1))), "computed_at lies in the future"),
    ],
)
def test_bad_points_are_refused(raw: Any, reason: str) -> None:
    parsed = parse_points([raw, point()], "BTC", "m", CLOCK)
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert len(parsed.rows) == 1


# --- blockchain.com


def test_the_last_point_of_a_day_stands_for_it_and_the_running_day_waits() -> None:
    values = [
        {"x": seconds(DAY, 3), "y": 5},
        {"x": seconds(DAY, 9), "y": 1.46277e7},
        {"x": seconds(date(2024, 3, 13)), "y": 9},
        {"x": seconds(date(2024, 3, 11), 6), "y": None},
    ]
    parsed = parse_chart(values, "hash-rate", CLOCK)
    assert [(row["day"], row["value"], row["metric"]) for row in parsed.rows] == [
        (DAY, 1.46277e7, "hash-rate")
    ]
    assert parsed.rejections == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ([], "the point is not an object"),
        ({"y": 1}, "x is missing"),
        ({"x": 1}, "y is missing"),
        ({"x": seconds(DAY), "y": "1"}, "y is a string where a number belongs"),
        ({"x": seconds(date(2024, 3, 14)), "y": 1}, "x lies in the future"),
        ({"x": 10**30, "y": 1}, "x is not a time"),
    ],
)
def test_bad_chart_points_are_refused(raw: Any, reason: str) -> None:
    parsed = parse_chart([raw, {"x": seconds(DAY), "y": 2}], "n-transactions", CLOCK)
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert [row["value"] for row in parsed.rows] == [2.0]


@given(st.permutations(range(24)))
def test_a_chart_in_any_order_gives_the_same_days(order: list[int]) -> None:
    points = [{"x": seconds(date(2024, 3, 1)) + n * 7 * 3600, "y": n} for n in order]
    parsed = parse_chart(points + points[:5], "hash-rate", CLOCK)
    straight = parse_chart(sorted(points, key=lambda p: p["x"]), "hash-rate", CLOCK)
    assert parsed.rows == straight.rows
    assert parsed.rejections == []
    assert [row["value"] for row in parsed.rows] == [3.0, 6.0, 10.0, 13.0, 17.0, 20.0, 23.0]


def test_charts_are_about_bitcoin_alone() -> None:
    assert blockchain_com.skip_reason(Settings(_env_file=None)) is None
    reason = blockchain_com.skip_reason(Settings(_env_file=None, symbols="ETH"))
    assert "CFW_SYMBOLS does not name BTC" in str(reason)
    none = Settings(_env_file=None, blockchain_com_charts=",")
    assert "names none" in str(blockchain_com.skip_reason(none))


# --- pages, splits and repeats


@given(st.data())
def test_any_pages_and_repeats_give_the_same_days(data: st.DataObject) -> None:
    """The same days land whatever the windows of the reads, and how often they are repeated."""
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(20)]
    points = [point(day, n + 0.5) for n, day in enumerate(days)]
    cuts = data.draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=6))
    stored: list[dict[str, Any]] = []
    for start, end in [*cuts, (0, 20)]:
        page = data.draw(st.permutations(points[start:end]))
        parsed = parse_points([*page, *page[:3]], "BTC", "m", CLOCK)
        assert parsed.rejections == []
        fresh = unseen(ONCHAIN_METRICS, parsed.rows, stored, CLOCK)
        stored += [{**row, "loaded_at": CLOCK} for row in fresh]
    assert sorted((row["day"], row["value"]) for row in stored) == [
        (day, n + 0.5) for n, day in enumerate(days)
    ]
    assert {row["available_at"] for row in stored if row["day"] == days[0]} == {
        datetime(2024, 1, 3, tzinfo=UTC)
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["t", "v", "x", "y", "computed_at"]), inner)
    ),
    max_leaves=10,
)


@given(st.lists(_JSON, max_size=5))
def test_no_payload_breaks_the_parsers(payload: list[Any]) -> None:
    parse_points(payload, "BTC", "m", CLOCK)
    parse_chart(payload, "n-transactions", CLOCK)


def test_what_a_backfill_costs() -> None:
    settings = Settings(_env_file=None, now=CLOCK.isoformat())
    first, last = datetime(2010, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    assert coinmetrics.backfill_requests("BTC", first, last, settings) == 1
    assert glassnode.backfill_requests("BTC", first, last, settings) == 12
    assert blockchain_com.backfill_requests("BTC", first, last, settings) == 5
    for module in (coinmetrics, glassnode, blockchain_com):
        assert module.backfill_requests("BTC", first, first, settings) == 0
