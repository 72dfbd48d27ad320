"""The dbt project as dbt reads it: grains, keys, the contract, SQL that runs on every engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
SQL = MODELS + sorted((PROJECT / "tests").rglob("*.sql"))
MACROS = sorted((PROJECT / "macros").rglob("*.sql"))
CROSS_DB = sorted((PROJECT / "macros" / "cross_db").glob("*.sql"))
KEY_TESTS = {"cf_unique_combination", "cf_unique_in_window"}

#: The contract of the mart: names, types and their order. A change here breaks those who read it.
MART_COLUMNS = """
symbol varchar(20)
timestamp_iso datetime
open_price double
high_price double
low_price double
current_price double
hourly_volume double
volume_24h double
market_cap double
price_change_24h double
price_change_percentage_24h double
rsi_14 double
sma_20 double
sma_50 double
ema_12 double
ema_26 double
macd_line double
macd_signal double
macd_histogram double
bb_upper double
bb_middle double
bb_lower double
stoch_k double
stoch_d double
atr_14 double
vwap double
price_volatility_7d double
active_addresses_24h double
transaction_count_24h double
exchange_net_flow_24h double
onchain_mvrv_ratio double
vix double
spx double
dxy double
tnx double
fed_funds_rate double
crypto_sentiment_count bigint
avg_cryptobert_score double
avg_minilm_score double
avg_vader_score double
stock_sentiment_count bigint
avg_finbert_sentiment_score double
fear_greed_index double
general_crypto_sentiment_count bigint
avg_general_cryptobert_score double
avg_general_vader_score double
social_post_count bigint
social_avg_sentiment double
social_engagement_weighted_sentiment double
social_verified_user_sentiment double
social_total_engagement bigint
social_unique_authors bigint
data_quality_score decimal(5,2)
"""

_ARGUMENT = r"(?:[^(),]|\([^()]*\))*"
#: Words that one of the engines does not know, or knows as something else.
BANNED = {
    r"\bqualify\b": "a row_number CTE",
    r"\bfilter\s*\(": "case inside the aggregate",
    r"\|\|": "concat()",
    r"\bstddev\s*\(": "stddev_pop() or stddev_samp()",
    r"\bvariance\s*\(": "var_pop() or var_samp()",
    r"\blog\s*\(": "ln() or log10()",
    rf"\b(?:lag|lead)\s*\({_ARGUMENT},{_ARGUMENT},": "coalesce(lag(...) over (...), 0)",
    r"\bignore\s+nulls\b": "max() over the rows that count",
    r"\bis\s+(?:not\s+)?distinct\s+from\b": "an explicit test for null",
    r"\blateral\b": "a join",
    r"::": "cast(... as ...)",
    r"\bround\s*\(": "no rounding in models",
    r"\binterval\s+'?\d": "hours as whole numbers",
    r"\bdate_trunc\s*\(": "cf_epoch_hours() and cf_floor_div()",
    r"\bcast\([^()]*\bas\s+timestamp\b": "a cross_db macro",
    r"\bfull\s+(?:outer\s+)?join\b": "a union of both sides",
    r"\bcorr\s*\(": "the sums it is made of",
}


@cache
def manifest(folder: Path) -> dict[str, Any]:
    """Return dbt's manifest of the project, parsed into a folder of its own."""
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("CFW_", "DBT_"))
    }
    env |= {
        "CFW_WAREHOUSE_URL": f"duckdb:///{folder / 'unused.duckdb'}",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "parse"]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(ROOT)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    parsed: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text("utf-8"))
    return parsed


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the project's nodes by unique id."""
    parsed: dict[str, dict[str, Any]] = manifest(tmp_path_factory.getbasetemp())["nodes"]
    return parsed


@pytest.fixture(scope="module")
def models(nodes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the models by name."""
    return {n["name"]: n for n in nodes.values() if n["resource_type"] == "model"}


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the project's macros by name."""
    parsed = manifest(tmp_path_factory.getbasetemp())["macros"]
    return {m["name"]: m for m in parsed.values() if m["package_name"] == "crypto_features"}


def plain(path: Path) -> str:
    """Return a model's SQL in lower case, without comments and quoted text."""
    text = re.sub(r"\{#.*?#\}", " ", path.read_text("utf-8").lower(), flags=re.DOTALL)
    text = re.sub(r"--[^\n]*", " ", text)
    return re.sub(r"'[^'\n]*'", "''", text)


def named(path: Path) -> str:
    """Return a path as a test id."""
    return path.relative_to(PROJECT).as_posix()


def test_every_model_says_its_grain(models: dict[str, dict[str, Any]]) -> None:
    first = {name: (model["description"].splitlines() or [""])[0] for name, model in models.items()}
    assert [name for name, line in first.items() if not re.match(r"One row\b.*[.:]", line)] == []


def test_every_model_has_a_yaml_file_of_its_name() -> None:
    assert [named(path) for path in MODELS if not path.with_suffix(".yml").is_file()] == []


def test_every_column_of_staging_and_marts_is_described(models: dict[str, dict[str, Any]]) -> None:
    bare = [
        f"{model['name']}.{name}"
        for model in models.values()
        for name, column in model["columns"].items()
        if len(column["description"]) < 5
    ]
    assert bare == []
    assert [n for n, m in models.items() if not m["columns"]] == []


def test_the_mart_is_its_contract(models: dict[str, dict[str, Any]]) -> None:
    mart = models["ml_features_materialized"]
    expected = [tuple(line.split(" ", 1)) for line in MART_COLUMNS.strip().splitlines()]
    assert [(n, c["data_type"]) for n, c in mart["columns"].items()] == expected
    assert len(expected) == 53
    assert mart["config"]["contract"]["enforced"] is True


@pytest.mark.parametrize("name", ["ml_features_materialized", "data_health"])
def test_contracts_are_enforced(models: dict[str, dict[str, Any]], name: str) -> None:
    assert models[name]["config"]["contract"]["enforced"] is True
    assert all(column["data_type"] for column in models[name]["columns"].values())


def test_incremental_models_and_marts_have_a_key_test(nodes: dict[str, dict[str, Any]]) -> None:
    tested = {
        node["attached_node"]
        for node in nodes.values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in KEY_TESTS
    }
    keyed = {
        name
        for name, node in nodes.items()
        if node["resource_type"] == "model"
        and (node["config"]["materialized"] == "incremental" or node["schema"].endswith("_marts"))
    }
    assert len(keyed) > 10
    assert sorted(keyed - tested) == []


def test_incremental_models_clear_what_they_write_again(models: dict[str, dict[str, Any]]) -> None:
    bare = [
        name
        for name, model in models.items()
        if model["config"]["materialized"] == "incremental" and not model["config"]["pre-hook"]
    ]
    # Built once: an increment of it writes nothing, as its own SQL says.
    assert bare == ["int_numbers"]
    assert "where 1 = 0" in models["int_numbers"]["raw_code"]


@pytest.mark.parametrize("path", SQL, ids=named)
def test_models_hold_portable_sql(path: Path) -> None:
    text = plain(path)
    found = [
        f"{pattern}: use {instead}"
        for pattern, instead in BANNED.items()
        if re.search(pattern, text)
    ]
    assert found == []


@pytest.mark.parametrize("path", [p for p in SQL + MACROS if p not in CROSS_DB], ids=named)
def test_engines_are_named_in_cross_db_alone(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", " ", path.read_text("utf-8").lower(), flags=re.DOTALL)
    text = re.sub(r"--[^\n]*", " ", text)
    found = re.findall(
        r"duckdb|mysql|mariadb|spark|target\.type|adapter\.type|adapter\.dispatch", text
    )
    assert found == []


@pytest.mark.parametrize("path", CROSS_DB, ids=named)
def test_dispatched_macros_have_a_body_per_engine(path: Path) -> None:
    text = path.read_text("utf-8")
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'", text))
    written = set(re.findall(r"\{%-?\s*macro duckdb__(\w+)", text))
    assert dispatched == written


def test_macros_are_documented_with_their_arguments(macros: dict[str, dict[str, Any]]) -> None:
    public = {
        name: macro
        for name, macro in macros.items()
        if "__" not in name
        and not name.startswith("materialization_")
        and not macro["original_file_path"].startswith("tests/")
    }
    assert [name for name, macro in public.items() if not macro["description"]] == []
    for name, macro in public.items():
        head = re.search(r"\{%-?\s*(?:macro|test)\s+\w+\(([^)]*)\)", macro["macro_sql"])
        assert head is not None, name
        written = [part.split("=")[0].strip() for part in head.group(1).split(",") if part.strip()]
        assert [a["name"] for a in macro["arguments"]] == written, name


def test_models_are_short() -> None:
    long = {
        named(path): n for path in MODELS if (n := len(path.read_text("utf-8").splitlines())) > 100
    }
    # a line per column or per raw table; nothing to split
    allowed = {
        "models/intermediate/int_indicators__windows.sql",
        "models/intermediate/int_refresh__changes.sql",
        "models/intermediate/int_refresh__windows.sql",
        "models/marts/data_health.sql",
        "models/marts/ml_features_materialized.sql",
        "models/intermediate/int_features__candidate.sql",
        "models/intermediate/int_prices__bars.sql",
    }
    assert set(long) - allowed == set()


def test_sentiment_models_are_those_of_the_registry() -> None:
    declared = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"][
        "sentiment_models"
    ]
    registry = tomllib.loads((ROOT / "scoring" / "models.toml").read_text("utf-8"))["models"]
    by_key = {model["key"]: model for model in registry if model["enabled"]}
    assert set(by_key) <= set(declared), "an enabled model has no role in the marts"
    for key, model in by_key.items():
        assert declared[key]["id"] == model["id"], key
        if "revision" in model:
            assert declared[key]["revision"] == model["revision"], key


def test_sentiment_routes_are_those_of_the_registry() -> None:
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
    assert set(variables["sentiment_routes"]) == set(variables["sentiment_models"])
    registry = tomllib.loads((ROOT / "scoring" / "models.toml").read_text("utf-8"))["models"]
    for model in registry:
        if model["key"] in variables["sentiment_routes"]:
            assert variables["sentiment_routes"][model["key"]] == model["routes"], model["key"]


def test_lexicon_revision_is_the_installed_package() -> None:
    from importlib.metadata import version

    declared = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"][
        "sentiment_models"
    ]
    assert declared["vader"]["revision"] == version("vaderSentiment")
