"""A series that two providers have: the better one counts from when its value was available."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows import steps
from flows.dbt import run_dbt
from ingestion.sandbox import RunningSandbox, SandboxData, generate_sample, running_sandbox
from ingestion.steps import run_step
from tests.support.warehouses import TestWarehouse

EARLY, LATE = "2024-05-20T12:30:00+00:00", "2024-05-28T12:30:00+00:00"
SERIES = "VIXCLS,DGS10"
MODEL = "int_macro__hourly"


def build(warehouse: TestWarehouse) -> dict[int, tuple[Any, ...]]:
    """Build the model anew, without its tests, and return its values by hour."""
    kinds = ["--resource-type", "seed", "--resource-type", "model"]
    select = ["build", "--full-refresh", "--select", f"+{MODEL}", *kinds]
    run_dbt(warehouse.settings, select, steps.transform_vars(None, None, "", "batch"))
    rows = warehouse.query(f"select bar_hour, vix, tnx from crypto_intermediate.{MODEL}")
    return {row["bar_hour"]: (row["vix"], row["tnx"]) for row in rows}


@pytest.fixture(scope="module")
def data() -> SandboxData:
    sample = generate_sample()
    sample.bars = {"BTC": sample.bars["BTC"]}
    return sample


def land(sandbox: RunningSandbox, folder: Path, clock: str, **changes: Any) -> TestWarehouse:
    sandbox.set_clock(datetime.fromisoformat(clock))
    warehouse = TestWarehouse(
        folder, sandbox, symbols="BTC", history_start="2024-05-06", fred_series=SERIES, **changes
    )
    steps.prepare(warehouse.settings)
    for name in ("coinbase", "fred", "fredgraph"):
        run_step(name, warehouse.settings)
    return warehouse


def test_vintages_take_over_from_the_values_without(data: SandboxData, tmp_path: Path) -> None:
    """No hour has two values, none is lost, and FRED's own are used wherever they were known."""
    with running_sandbox(data) as sandbox:
        both = land(sandbox, tmp_path / "both", EARLY, fred_api_key=None)
        keyless = build(both)
        assert any(value is not None for value, _ in keyless.values())
        both = land(sandbox, tmp_path / "both", LATE)
        assert {
            row["provider"]
            for row in both.query("select distinct provider from crypto_raw.macro_observations")
        } == {"fred", "fredgraph"}
        mixed = build(both)
        alone = build(land(sandbox, tmp_path / "alone", LATE))
    assert mixed.keys() == alone.keys()
    assert mixed == alone
    shared = keyless.keys() & alone.keys()
    assert any(keyless[hour] != alone[hour] for hour in shared), "the lags differ from the vintages"
