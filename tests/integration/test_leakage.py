"""No column looks ahead, none leans on its start longer than it declares: `cfw leakage` on a part
of the sample that lived through restatements, edits and captures."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from flows.catalogue import read_catalogue
from flows.errors import RunError
from flows.leakage import Proof, page, prove
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("leakage")


@pytest.fixture(scope="module")
def proof(scored_sample: TestWarehouse) -> Proof:
    """Two prefixes and a late start."""
    before = hashlib.sha256(scored_sample.path.read_bytes()).hexdigest()
    found = prove(scored_sample.settings, moments=2, starts=1, seed=1)
    assert hashlib.sha256(scored_sample.path.read_bytes()).hexdigest() == before, "it only reads"
    assert not list(scored_sample.path.parent.glob("leakage-*")), "it clears up"
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


def test_what_cannot_be_proved_is_said_in_a_line(
    scored_sample: TestWarehouse, tmp_path: Path
) -> None:
    missing = {"warehouse_url": f"duckdb:///{tmp_path / 'none.duckdb'}"}
    with pytest.raises(RunError, match=r"no warehouse at .*make demo"):
        prove(scored_sample.settings.model_copy(update=missing))
    server = {"warehouse_url": "mysql://reader@127.0.0.1:1"}
    with pytest.raises(RunError, match="duckdb:///path"):
        prove(scored_sample.settings.model_copy(update=server))
