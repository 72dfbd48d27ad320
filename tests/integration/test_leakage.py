"""No column looks ahead, none leans on its start longer than it declares: `cfw leakage` on a part
of the sample that lived through restatements, edits and captures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows.catalogue import read_catalogue
from flows.errors import RunError
from flows.leakage import Proof, page, prove
from ingestion.sandbox import generate_sample, running_sandbox
from tests.support.scores import stand_in_scores
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("leakage")

SYMBOLS = ("BTC", "DOGE")
SLICES = ("2024-03-28T06:30Z", "2024-03-29T00:10Z", "2024-06-08T13:30Z", "2024-06-09T02:00Z")
MADE_UP = ("cryptobert", "finbert", "minilm")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestWarehouse]:
    """Four slices of the sample, every text scored for every role."""
    sample = generate_sample()
    data = replace(sample, bars={symbol: sample.bars[symbol] for symbol in SYMBOLS})
    with running_sandbox(data) as sandbox:
        lived = TestWarehouse(
            tmp_path_factory.mktemp("leakage"),
            sandbox,
            symbols=",".join(SYMBOLS),
            history_start="2024-03-01",
        )
        for moment in SLICES:
            lived.feed(moment)
        assert stand_in_scores(lived.path, MADE_UP) > 500
        _correct_a_bar(lived.path)
        yield lived


def _correct_a_bar(path: Path) -> None:
    """Land a correction, two months later: no prefix before it can know it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            """insert into crypto_raw.price_bars
            select * replace (close * 1.2 as close, high * 1.2 as high,
                '2024-06-09 01:00:00+00'::timestamptz as available_at,
                '2024-06-09 03:00:00+00'::timestamptz as loaded_at)
            from crypto_raw.price_bars
            where symbol = 'DOGE' and bar_open_at = '2024-04-10 05:00:00+00'"""
        )


@pytest.fixture(scope="module")
def proof(warehouse: TestWarehouse) -> Proof:
    """Two prefixes and a late start."""
    before = hashlib.sha256(warehouse.path.read_bytes()).hexdigest()
    found = prove(warehouse.settings, moments=2, starts=1, seed=1)
    assert hashlib.sha256(warehouse.path.read_bytes()).hexdigest() == before, "it only reads"
    assert not list(warehouse.path.parent.glob("leakage-*")), "it clears up"
    return found


@pytest.mark.parametrize("name", [one.name for one in read_catalogue()])
def test_the_column_keeps_both_promises(proof: Proof, name: str) -> None:
    """0 rewritten values; after the declared warm-up no difference; nothing before its time."""
    found = next(one for one in proof.columns if one.name == name)
    assert found.rewritten == 0
    assert found.early == 0
    assert found.error <= 1e-9
    assert found.replayed > 50, "the test would prove nothing"
    assert found.settled > 50, "the test would prove nothing"


def test_the_page_tells_what_was_found(proof: Proof, tmp_path: Path) -> None:
    """A section per warehouse, replaced by its name; the rest of the page stays."""
    target = tmp_path / "leakage.md"
    page.write_page(target, page.block(proof, "sample", date(2024, 7, 1)))
    page.write_page(target, page.block(proof, "mine", date(2024, 7, 2), "My own."))
    page.write_page(target, page.block(proof, "sample", date(2024, 7, 3)))
    text = target.read_text("utf-8")
    assert text.startswith("# Leakage and warm-up")
    assert "2024-07-01" not in text
    assert text.index("Made on 2024-07-03") < text.index("Made on 2024-07-02")
    assert "**0 values rewritten; " in text
    rows = [line for line in text.splitlines() if line.startswith("| rsi_14 |")]
    assert len(rows) == 2
    assert "388 bars (first value at 15)" in rows[0]


def test_rows_of_a_corrected_bar_are_left_out_and_told(proof: Proof, tmp_path: Path) -> None:
    """The one exception of the contract: they are counted, not compared."""
    assert proof.restated > 24
    target = tmp_path / "leakage.md"
    page.write_page(target, page.block(proof, "sample", date(2024, 7, 1)))
    assert f"{proof.restated:,} rows that a corrected bar restates" in target.read_text("utf-8")


def test_what_cannot_be_proved_is_said_in_a_line(warehouse: TestWarehouse, tmp_path: Path) -> None:
    missing = {"warehouse_url": f"duckdb:///{tmp_path / 'none.duckdb'}"}
    with pytest.raises(RunError, match=r"no warehouse at .*make demo"):
        prove(warehouse.settings.model_copy(update=missing))
    server = {"warehouse_url": "mysql://reader@127.0.0.1:1"}
    with pytest.raises(RunError, match="duckdb:///path"):
        prove(warehouse.settings.model_copy(update=server))
