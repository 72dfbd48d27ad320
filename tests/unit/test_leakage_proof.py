"""The comparisons behind `cfw leakage` see what they are there to see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from flows.catalogue import read_catalogue
from flows.leakage.compare import ColumnProof, compare_late, compare_prefix, prepare

FEATURES = read_catalogue()
UNTIL = "timestamp '2024-02-01'"
START = "2024-01-06"
HOURS = 24 * 40


@pytest.fixture
def marts() -> Iterator[Any]:
    """A mart of two symbols, its prefix, and a late start that settles as declared."""
    numbers = ", ".join(
        f"100 + (n * 7919 % 101) + 1e-3 * {i} as {one.name}"
        for i, one in enumerate(FEATURES)
        if one.group != "key"
    )
    early = ", ".join(
        f"case when n - {5 * 24} >= {one.warm_up.first_value - 1} then {one.name}"
        f" + case when n - {5 * 24} < {one.warm_up.settled - 1} then 1 else 0 end end as {one.name}"
        for one in FEATURES
        if one.group != "key"
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"""create table numbered as
            select symbol, timestamp '2024-01-01' + n * interval 1 hour as timestamp_iso, n,
                {numbers}
            from range({HOURS}) as hours(n), (values ('A'), ('B')) as symbols(symbol)"""
        )
        connection.execute("create table whole as select * exclude (n) from numbered")
        connection.execute(
            "create table prefix as select * from whole "
            f"where timestamp_iso + interval 1 hour <= {UNTIL}"
        )
        connection.execute(
            f"create table late as select * exclude (n) replace ({early}) from numbered "
            f"where timestamp_iso >= '{START}'"
        )
        connection.execute("create table restated (symbol varchar, from_hour timestamp)")
        prepare(connection, FEATURES)
        yield connection


def prefix(connection: Any) -> dict[str, ColumnProof]:
    found = compare_prefix(connection, FEATURES, "prefix", UNTIL)
    return {one.name: one for one in found}


def late(connection: Any) -> dict[str, ColumnProof]:
    return {one.name: one for one in compare_late(connection, FEATURES, "late")}


def bad(found: dict[str, ColumnProof]) -> set[str]:
    return {name for name, one in found.items() if not one.is_good}


def test_equal_marts_are_good(marts: Any) -> None:
    found = prefix(marts)
    assert list(found) == [one.name for one in FEATURES]
    assert bad(found) == set()
    assert {one.replayed for one in found.values()} == {2 * 24 * 31}


def test_a_late_start_may_differ_before_it_is_settled(marts: Any) -> None:
    found = late(marts)
    assert bad(found) == set()
    assert found["sma_20"].settled == 2 * (24 * 35 - 19)
    assert found["rsi_14"].settled == 2 * (24 * 35 - 387)


@pytest.mark.parametrize(
    ("change", "rewritten"),
    [
        ("vix = vix * (1 + 1e-8)", 1),
        ("vix = vix * (1 + 1e-12)", 0),
        ("vix = null", 1),
        ("vix = -vix", 1),
    ],
)
def test_a_value_that_saw_the_future_is_counted(marts: Any, change: str, rewritten: int) -> None:
    marts.execute(
        f"update prefix set {change} where symbol = 'B' and timestamp_iso = '2024-01-20 05:00'"
    )
    found = prefix(marts)
    assert found["vix"].rewritten == rewritten
    assert bad(found) == ({"vix"} if rewritten else set())


def test_a_value_where_there_was_none_is_counted(marts: Any) -> None:
    marts.execute("update whole set dxy = null where timestamp_iso = '2024-01-20 05:00'")
    assert prefix(marts)["dxy"].rewritten == 2


def test_a_row_too_much_or_too_few_is_counted(marts: Any) -> None:
    marts.execute("delete from prefix where symbol = 'A' and timestamp_iso = '2024-01-20 05:00'")
    assert prefix(marts)["symbol"].rewritten == 1
    marts.execute("insert into prefix select * from whole where timestamp_iso = '2024-02-02 05:00'")
    assert prefix(marts)["timestamp_iso"].rewritten == 3


def test_rows_that_a_correction_restates_are_left_out(marts: Any) -> None:
    marts.execute(
        "update prefix set vix = 1 where symbol = 'B' and timestamp_iso >= '2024-01-20 05:00'"
    )
    marts.execute("insert into restated values ('B', '2024-01-20 05:00')")
    found = prefix(marts)
    assert bad(found) == set()
    assert found["vix"].replayed == 2 * 24 * 31 - (24 * 12 - 5)


def test_what_does_not_settle_is_told_by_its_error(marts: Any) -> None:
    marts.execute("update late set atr_14 = atr_14 * 1.001 where timestamp_iso >= '2024-01-30'")
    found = late(marts)
    assert bad(found) == {"atr_14"}
    assert found["atr_14"].error == pytest.approx(1e-3, rel=0.5)


def test_a_null_after_the_warm_up_is_an_infinite_error(marts: Any) -> None:
    marts.execute("update late set sma_20 = null where timestamp_iso = '2024-01-30'")
    assert math.isinf(late(marts)["sma_20"].error)


def test_a_value_before_the_first_one_is_too_early(marts: Any) -> None:
    marts.execute(f"update late set sma_20 = 1 where timestamp_iso = '{START} 03:00'")
    found = late(marts)
    assert found["sma_20"].early == 2
    assert bad(found) == {"sma_20"}


def test_a_missing_row_of_a_late_start_is_an_error(marts: Any) -> None:
    marts.execute("delete from late where symbol = 'B' and timestamp_iso = '2024-01-30'")
    assert math.isinf(late(marts)["symbol"].error)


def test_a_column_that_awaits_is_compared_from_its_first_value(marts: Any) -> None:
    marts.execute("update late set market_cap = null where timestamp_iso < '2024-01-15'")
    found = late(marts)
    assert "market_cap" not in bad(found)
    assert found["market_cap"].settled == 2 * 24 * 26
    marts.execute("update late set market_cap = null where timestamp_iso = '2024-01-20'")
    assert math.isinf(late(marts)["market_cap"].error)


def test_a_difference_from_nothing_is_not_nothing(marts: Any) -> None:
    """Where the usual value is 0 there is no scale: any difference is too large."""
    for table in ("whole", "prefix", "late"):
        marts.execute(f"update {table} set social_post_count = 0")
    prepare(marts, FEATURES)
    assert bad(prefix(marts)) == set()
    marts.execute("update prefix set social_post_count = 1e-12 where symbol = 'A'")
    assert prefix(marts)["social_post_count"].rewritten == 24 * 31


def test_moments_are_as_asked_and_the_same_again() -> None:
    from random import Random

    from flows.leakage.proof import _choose

    span = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    cuts = _choose(span, 4, 3, Random(1))
    assert cuts == _choose(span, 4, 3, Random(1))
    assert [cut.kind for cut in cuts] == ["prefix"] * 4 + ["late"] * 3
    for cut in cuts:
        assert span[0] < cut.moment < span[1]
        assert cut.kind == "prefix" or cut.moment.hour == 0
