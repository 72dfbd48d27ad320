"""The feature catalogue: whole, true to the models' range tests, and its page current."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.catalogue import GROUPS, MART_YAML, PAGE, Feature, page, read_catalogue
from ingestion.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
CANDIDATE_YAML = Path("dbt_project/models/intermediate/int_features__candidate.yml")
CATALOGUE = {one.name: one for one in read_catalogue()}
#: What is left of a seed once a recursive column counts as settled.
LEFT_OF_THE_SEED = 1e-12
RECURSIVE = ("rsi_14", "ema_12", "ema_26", "atr_14")


def test_every_column_has_a_whole_entry() -> None:
    assert len(CATALOGUE) == 53
    for one in CATALOGUE.values():
        assert one.group in GROUPS, one.name
        assert set(one.source) <= set(TABLES), f"{one.name}: no raw tables: {one.source}"
        assert one.warm_up.unit in {"bars", "hours"}, one.name
        assert 1 <= one.warm_up.first_value <= one.warm_up.settled, one.name
        assert set(one.warm_up.awaits) <= set(CATALOGUE), one.name


def test_the_page_is_current() -> None:
    written = (ROOT / PAGE).read_text("utf-8")
    assert written == page(list(CATALOGUE.values())), "run `make docs` and commit docs/features.md"


def test_units_agree_with_descriptions_and_bounds() -> None:
    for one in CATALOGUE.values():
        if told := re.search(r"Unit: ([^.]+(?:\.\.\d+)?)\.$", one.description):
            assert told.group(1) == one.unit, one.name
        if bounds := re.fullmatch(r"(-?\d+)\.\.(\d+)", one.unit):
            assert one.bounds == tuple(map(float, bounds.groups())), one.name


def _tested_ranges(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    declared = yaml.safe_load((ROOT / path).read_text("utf-8"))
    for test in declared["models"][0]["tests"]:
        yield from test.get("cf_ranges", {}).get("ranges", {}).items()


@pytest.mark.parametrize("path", [MART_YAML, CANDIDATE_YAML], ids=lambda path: path.stem)
def test_the_models_range_tests_are_the_catalogues_ranges(path: Path) -> None:
    tested = dict(_tested_ranges(path))
    assert set(tested) == {one.name for one in CATALOGUE.values() if one.group != "key"}
    for name, limits in tested.items():
        for bound, key in zip(CATALOGUE[name].bounds, ("min_value", "max_value"), strict=True):
            # rounding may carry a value past a closed bound: the test may allow a millionth
            given = limits.get(key)
            assert (bound is None) == (given is None), f"{name}.{key}"
            assert bound is None or abs(float(given) - bound) <= 1e-6, f"{name}.{key}"
        assert limits.get("is_required", False) == (CATALOGUE[name].null_rule == "never"), name


def _settled(feature: Feature) -> int:
    alpha = float(Fraction(feature.parameters["alpha"]))
    halvings = math.log(LEFT_OF_THE_SEED) / math.log1p(-alpha)
    return feature.warm_up.first_value + math.ceil(halvings)


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_recursion_is_settled_when_its_seed_has_faded(name: str) -> None:
    assert CATALOGUE[name].warm_up.settled == _settled(CATALOGUE[name])


def test_macd_settles_with_its_slowest_part() -> None:
    """The signal is a mean of the line: what the line owes to its seed, 1.5 times over."""
    slow = CATALOGUE["ema_26"].warm_up
    assert CATALOGUE["macd_line"].warm_up.settled == slow.settled
    kept = 25 / 27
    amplified = 0.2 / (1 - 0.8 / kept)
    wait = slow.settled - slow.first_value + math.ceil(math.log(amplified) / -math.log(kept))
    seeded = CATALOGUE["macd_signal"].warm_up.first_value
    for name in ("macd_signal", "macd_histogram"):
        assert CATALOGUE[name].warm_up.settled >= seeded + wait - 1


def test_windows_are_settled_when_they_are_full() -> None:
    for one in CATALOGUE.values():
        if one.seed_rule.startswith("none") and (bars := one.parameters.get("bars")):
            assert one.warm_up.settled >= bars, one.name
            assert one.warm_up.first_value == one.warm_up.settled, one.name


def test_dbt_asks_for_every_entry() -> None:
    macro = (ROOT / "dbt_project/macros/catalogue/cf_require_catalogue.sql").read_text("utf-8")
    asked = re.findall(r"'(\w+)'", macro.split("return([")[1].split("])")[0])
    declared = yaml.safe_load((ROOT / MART_YAML).read_text("utf-8"))
    for column in declared["models"][0]["columns"]:
        assert list(column["meta"]) == asked, column["name"]


def test_the_build_ends_at_a_missing_entry(tmp_path: Path) -> None:
    """dbt refuses the mart and names the column and what it lacks."""
    project = tmp_path / "dbt_project"
    shutil.copytree(ROOT / "dbt_project", project, ignore=shutil.ignore_patterns("target", "logs"))
    mart = tmp_path / MART_YAML
    declared = yaml.safe_load(mart.read_text("utf-8"))
    columns = {one["name"]: one for one in declared["models"][0]["columns"]}
    del columns["vwap"]["meta"]["null_rule"]
    mart.write_text(yaml.safe_dump(declared, sort_keys=False), "utf-8")
    assert "column vwap has no 'null_rule' in its catalogue entry" in _build(project, tmp_path)


def _build(project: Path, folder: Path) -> str:
    """Return what dbt says when it builds the mart in an empty warehouse."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CFW_", "DBT_"))}
    env |= {
        "CFW_WAREHOUSE_URL": f"duckdb:///{folder / 'empty.duckdb'}",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
    }
    command = [sys.executable, "-m", "dbt.cli.main", "run", "--select", "ml_features_materialized"]
    command += ["--project-dir", str(project), "--profiles-dir", str(ROOT)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
