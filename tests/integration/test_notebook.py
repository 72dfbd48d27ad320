"""The notebook of the guides runs from its first cell to its last, and is honest about chance."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.notebook import run_notebook
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("leakage")

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.ipynb"


def test_the_notebook_runs_and_does_not_flatter(
    scored_sample: TestWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored_sample.transform()
    monkeypatch.setenv("CFW_WAREHOUSE_URL", f"duckdb:///{scored_sample.path}")
    cells = run_notebook(NOTEBOOK)
    assert len(cells) == 7
    assert all(printed for _, printed in cells), "every cell tells something"
    told = "\n".join(printed for _, printed in cells)
    assert re.search(r"[\d,]{4,} rows are settled", told)
    shuffled, forward = map(
        float, re.search(r"R2 shuffled ([+-][\d.]+), walking forward ([+-][\d.]+)", told).groups()
    )
    assert shuffled > forward, "on a random walk only the careless way finds skill"
    assert re.search(r"verdict: (no evidence of skill|worth a longer test)", told)


def test_the_stored_outputs_are_of_all_cells() -> None:
    """What a reader sees on the repository's page, without running anything."""
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in code)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
