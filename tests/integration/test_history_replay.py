"""The two promises about time: a mart grown slice by slice is the mart built at once, and no row
ever uses what was not yet known.

One warehouse lives through four slices of the sample: bars, articles, posts, on-chain days and
macro vintages arrive as time passes; some bars arrive two slices late, one is corrected, on-chain
days are restated and articles edited (the sample does these two by itself).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingestion.sandbox import SandboxData, generate_sample, running_sandbox
from tests.support.marts import assert_same, differences
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("history_replay")

SYMBOLS = ("BTC", "ETH", "DOGE")
SLICES = ("2024-04-20T06:30Z", "2024-05-11T00:01Z", "2024-06-02T13:30Z", "2024-06-20T23:59Z")
HISTORY_START = "2024-03-20"
CORRECTED_AT = "2024-04-30T05:00Z"


@dataclass
class Lived:
    """A warehouse that lived through the slices.

    Attributes:
        marts: the mart as it stood after each slice.
        loaded_through: when the last row of each slice was loaded.
    """

    warehouse: TestWarehouse
    marts: list[pd.DataFrame]
    loaded_through: list[datetime]
    late_hours: list[pd.Timestamp]


def _few(data: SandboxData) -> SandboxData:
    """Return the sample with three symbols: what the tests are about, at a third of the cost."""
    return replace(data, bars={s: data.bars[s] for s in SYMBOLS})


def _later(moment: str) -> str:
    return (datetime.fromisoformat(moment) + timedelta(hours=9)).isoformat()


def _withheld(data: SandboxData, symbol: str, hours: np.ndarray) -> SandboxData:
    bars = data.hourly(symbol)
    kept = bars.select(~np.isin(bars.open_time, hours))
    return replace(data, bars={**data.bars, symbol: {3600: kept}})


def _corrected(data: SandboxData, symbol: str, moment: str) -> SandboxData:
    bars = data.hourly(symbol)
    open_time = int(datetime.fromisoformat(moment).timestamp())
    at = int(np.flatnonzero(bars.open_time == open_time)[0])
    fixed = bars.corrected(open_time, close=float(bars.low[at]))
    return replace(data, bars={**data.bars, symbol: {3600: fixed}})


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Live through the slices once for all tests of this module."""
    folder: Path = tmp_path_factory.mktemp("lived")
    data = _few(generate_sample())
    bars = data.hourly("BTC").open_time
    first = int(datetime(2024, 4, 12, tzinfo=UTC).timestamp())
    late = bars[(bars >= first) & (bars < first + 3 * 86400)][::7]
    with running_sandbox(_withheld(data, "BTC", late)) as sandbox:
        warehouse = TestWarehouse(
            folder, sandbox, symbols=",".join(SYMBOLS), history_start=HISTORY_START
        )
        marts, loaded = [], []
        for number, moment in enumerate(SLICES):
            if number == 2:
                sandbox.set_data(_corrected(data, "ETH", CORRECTED_AT))
                # A late or corrected bar lies behind the cursor: it is found by reading anew.
                warehouse.forget_cursors()
            # Read twice per slice: posts are captured again, articles met again.
            warehouse.feed(moment)
            warehouse.feed(_later(moment))
            marts.append(warehouse.transform())
            loaded.append(warehouse.newest_load())
        yield Lived(warehouse, marts, loaded, [pd.Timestamp(int(t), unit="s") for t in late])


def test_the_slices_hold_late_corrected_restated_and_edited_facts(lived: Lived) -> None:
    """The tests below would prove nothing about revisions if none had happened."""
    query = lived.warehouse.query
    late = query(
        "select count(*) as n from crypto_raw.price_bars where symbol = 'BTC' and "
        "loaded_at > available_at + interval 20 day and available_at < '2024-04-20'"
    )
    assert late[0]["n"] >= len(lived.late_hours)
    versions = (
        "select count(*) as n from (select 1 from crypto_raw.{table} group by {key} "
        "having count(*) > 1)"
    )
    for table, key in (
        ("price_bars", "provider, symbol, interval_minutes, bar_open_at"),
        ("onchain_metrics", "provider, symbol, metric, day"),
        ("macro_observations", "provider, series_id, observation_date"),
        ("articles", "feed, guid"),
        ("social_engagement", "platform, post_id"),
    ):
        assert query(versions.format(table=table, key=key))[0]["n"] > 0, table


def test_growing_slices_give_the_mart_of_one_build(lived: Lived) -> None:
    """Promise: incremental equals full, with late and corrected rows on the way."""
    full = lived.warehouse.transform(full_refresh=True, build_tag="full", tests="all")
    assert len(full) == len(lived.marts[-1]) > 5000
    assert_same(full, lived.marts[-1])


def test_a_second_run_changes_nothing(lived: Lived) -> None:
    """Promise: every step can be run again."""
    before = lived.warehouse.raw_counts()
    lived.warehouse.feed()
    pd.testing.assert_frame_equal(lived.warehouse.transform(), lived.marts[-1])
    assert lived.warehouse.raw_counts() == before
    windows = lived.warehouse.query(
        "select count(*) as n from crypto_intermediate.int_refresh__windows"
    )
    assert windows[0]["n"] == 0, "nothing new, nothing to build"


def _moments() -> list[datetime]:
    picks = np.random.default_rng(20240620).integers(0, 50 * 24 * 60, 10)
    start = datetime(2024, 4, 30, tzinfo=UTC)
    return [start + timedelta(minutes=int(minutes)) for minutes in picks]


@pytest.mark.parametrize("moment", _moments(), ids=lambda m: f"{m:%m-%dT%H%M}")
def test_no_row_uses_what_was_not_known(lived: Lived, moment: datetime) -> None:
    """Promise: built from only what was available by T, the mart equals the full mart up to T."""
    known = lived.warehouse.transform(
        as_of=moment, build_tag="known", select=["+ml_features_materialized"]
    )
    closes = lived.marts[-1].timestamp_iso + pd.Timedelta(hours=1)
    expected = lived.marts[-1][closes <= pd.Timestamp(moment).tz_localize(None)]
    expected = expected.reset_index(drop=True)
    corrected = pd.Timestamp(CORRECTED_AT).tz_localize(None)
    if moment < lived.loaded_through[2]:
        # The one exception the contract names: rows that contain the corrected bar.
        keep = lambda mart: mart[(mart.symbol != "ETH") | (mart.timestamp_iso < corrected)]  # noqa: E731
        expected, known = (keep(m).reset_index(drop=True) for m in (expected, known))
    assert len(expected) > 0
    assert_same(expected, known)


@pytest.mark.parametrize("slice_number", [0, 1, 2])
def test_the_two_vars_rebuild_the_mart_that_stood_then(lived: Lived, slice_number: int) -> None:
    """What the warehouse held and could know after a slice gives that slice's mart, bar for bar."""
    loaded = lived.loaded_through[slice_number]
    rebuilt = lived.warehouse.transform(
        as_of=max(loaded, datetime.fromisoformat(_later(SLICES[slice_number]))),
        loaded_as_of=loaded,
        build_tag="then",
        select=["+ml_features_materialized"],
    )
    assert_same(lived.marts[slice_number], rebuilt)


def test_the_correction_restates_only_rows_that_contain_the_bar(lived: Lived) -> None:
    """Rows before the corrected bar, and other symbols, stand as they were."""
    before, after = lived.marts[1], lived.marts[2]
    corrected = pd.Timestamp(CORRECTED_AT).tz_localize(None)
    late = min(lived.late_hours)
    for symbol, untouched in (
        ("ETH", corrected),
        ("BTC", late),
        ("DOGE", before.timestamp_iso.max()),
    ):
        old = before[(before.symbol == symbol) & (before.timestamp_iso < untouched)]
        new = after[(after.symbol == symbol) & (after.timestamp_iso < untouched)]
        assert_same(old.reset_index(drop=True), new.reset_index(drop=True))
    eth = lambda m: m[(m.symbol == "ETH") & (m.timestamp_iso <= before.timestamp_iso.max())]  # noqa: E731
    assert differences(eth(before).reset_index(drop=True), eth(after).reset_index(drop=True))


def test_the_next_hours_cost_hours(lived: Lived) -> None:
    """Cost follows new data: two more hours open windows of hours, for symbols with bars."""
    bars = "select max(bar_hour) as hour from crypto_intermediate.int_prices__bars"
    newest = lived.warehouse.query(bars)[0]["hour"]
    lived.warehouse.feed(
        (datetime.fromisoformat(_later(SLICES[-1])) + timedelta(hours=2)).isoformat()
    )
    lived.warehouse.transform()
    windows = lived.warehouse.query("select * from crypto_intermediate.int_refresh__windows")
    market = lived.warehouse.query("select * from crypto_intermediate.int_refresh__market")
    assert {row["symbol"] for row in windows} == set(SYMBOLS)
    for row in (*windows, *market):
        assert newest - 12 < row["refresh_from_hour"] <= newest + 2, row
    assert lived.warehouse.query(bars)[0]["hour"] == newest + 2
