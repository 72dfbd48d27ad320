"""What defines the mart, and that nothing reaches it past the two moments."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import definition, past, steps
from flows.errors import RunError
from ingestion.config import PROJECT_ROOT, Settings
from ingestion.tables import TABLES
from tests.unit.test_dbt_project import manifest

MODELS = PROJECT_ROOT / "dbt_project" / "models"
#: They say when what was built, and are empty of facts: a past state is always built whole.
BOOKKEEPING = {"int_refresh__watermarks", "int_refresh__changes"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return manifest(tmp_path_factory.getbasetemp())


def _upstream(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    waiting = [f"model.crypto_features.{definition.MART}"]
    found: dict[str, dict[str, Any]] = {}
    while waiting:
        name = waiting.pop()
        if name in graph["nodes"] and name not in found:
            found[name] = graph["nodes"][name]
            waiting += found[name]["depends_on"].get("nodes", [])
    return found


def test_the_definition_covers_what_dbt_builds_the_mart_from(graph: dict[str, Any]) -> None:
    built = {node["name"] for node in _upstream(graph).values()}
    named = {name.split(" ")[1] for name in definition.definition() if name.startswith(("m", "s"))}
    assert built - named == set()
    macros = {
        f"macro {Path(macro['original_file_path']).stem}"
        for macro in graph["macros"].values()
        if macro["package_name"] == "crypto_features"
        and not re.search(r"(^|/)tests/", macro["original_file_path"])
    }
    assert macros - definition.definition().keys() == set()


def test_comments_define_nothing(tmp_path: Path) -> None:
    plain, told = tmp_path / "a.sql", tmp_path / "b.sql"
    plain.write_text("select 1\nfrom a")
    told.write_text("{#- why -#}\n-- why\nselect 1\n\nfrom   a")
    assert definition._sql_hash(plain) == definition._sql_hash(told)
    told.write_text("select 2\nfrom a")
    assert definition._sql_hash(plain) != definition._sql_hash(told)


def test_the_vars_of_an_export_are_those_that_shape_values() -> None:
    variables = definition.project_vars()
    assert {"sentiment_models", "macro_columns", "onchain_facts"} <= variables.keys()
    assert not {"as_of", "loaded_as_of", "build_tag", "only_symbols"} & variables.keys()


def test_every_input_of_the_mart_obeys_both_moments(graph: dict[str, Any]) -> None:
    """Raw rows reach the mart through views that hold them against both vars."""
    read: set[str] = set()
    for node in _upstream(graph).values():
        sources = [
            name for name in node["depends_on"].get("nodes", []) if name.startswith("source")
        ]
        if not sources or node["name"] in BOOKKEEPING:
            continue
        assert node["name"].startswith("stg_"), f"{node['name']} reads raw rows by itself"
        sql = node["raw_code"]
        table = sources[0].split(".")[-1]
        read.add(table)
        is_timed = "available_at" in {column.name for column in TABLES[table].columns}
        assert sql.count("cf_visible(") == 1
        assert sql.count("cf_only_newest(") == 1
        assert sql.count("has_available_at=false") == (0 if is_timed else 2), node["name"]
    assert read == set(past.MART_INPUTS)


def test_texts_without_a_moment_of_their_own_have_that_of_their_text(
    graph: dict[str, Any],
) -> None:
    """Scores and mentions count only beside an article or a post that was available."""
    timeless = {
        name
        for name in past.MART_INPUTS
        if "available_at" not in {column.name for column in TABLES[name].columns}
    }
    assert timeless == {"sentiment_scores", "asset_mentions"}
    readers = [
        node
        for node in _upstream(graph).values()
        if {
            "model.crypto_features.stg_scoring__sentiment",
            "model.crypto_features.stg_scoring__mentions",
        }
        & set(node["depends_on"].get("nodes", []))
    ]
    assert len(readers) >= 4
    for node in readers:
        assert re.search(r"int_news__(?:versions|scored)|stg_social__posts", node["raw_code"])


def test_a_state_has_a_name_of_its_own() -> None:
    held = datetime(2024, 1, 1, tzinfo=UTC)
    state = past.PastState(None, held, ("BTC", "ETH"))
    assert state.name == past.PastState(None, held, ("ETH", "BTC")).name
    others = [
        past.PastState(held, held, ("BTC", "ETH")),
        past.PastState(None, held, ("BTC",)),
        past.PastState(None, held, ("BTC", "ETH"), {"price_providers": ["kraken"]}),
    ]
    assert len({state.name, *(other.name for other in others)}) == 4


def test_only_a_past_state_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    settings = Settings(_env_file=None, warehouse_url=f"duckdb:///{path}", data_dir=tmp_path)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    with duckdb.connect(str(tmp_path / "another.duckdb")) as connection:
        connection.execute("create schema crypto_raw")
        connection.execute("create table crypto_raw.price_bars (symbol varchar)")
    for into in (path, tmp_path / "another.duckdb"):
        with pytest.raises(RunError, match="this file is a warehouse; name another one"):
            steps.transform(settings, as_of=moment, into=into)
    with pytest.raises(RunError, match="add --as-of or --loaded-as-of"):
        steps.transform(settings, into=tmp_path / "new.duckdb")
    server = settings.model_copy(update={"warehouse_url": "mysql://u:p@127.0.0.1:1"})
    with pytest.raises(RunError, match="use --build-tag"):
        steps.transform(server, as_of=moment, into=tmp_path / "new.duckdb")


def test_only_a_build_made_on_demand_is_dropped(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    for name in ("", "marts", "x", "x01234567890/", "xabc; drop"):
        with pytest.raises(RunError, match="no build made on demand"):
            past.drop(settings, name)
    past.drop(settings, "x0123456789ab")
