"""A new revision adds scores; which revision a mart shows is one var; old marts can be rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from flows import steps
from ingestion.config import PROJECT_ROOT
from ingestion.destination import Warehouse
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.marts import assert_same, differences
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("pipeline")
PROJECT = PROJECT_ROOT / "dbt_project" / "dbt_project.yml"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    data = generate_sample()
    with running_sandbox(replace(data, bars={"BTC": data.bars["BTC"]})) as running:
        yield running


def test_a_mart_of_an_older_revision_can_be_built_again(
    tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    warehouse = TestWarehouse(tmp_path, sandbox, symbols="BTC", history_start="2024-06-01")
    warehouse.ingest()
    steps.score(warehouse.settings)
    before = warehouse.transform()
    covered = warehouse.query(
        "select sum(collected_count) as collected, sum(scored_count) as scored "
        "from crypto_marts.sentiment_coverage where model_role = 'vader' and symbol = '*'"
    )[0]
    counted = warehouse.query(
        "select (select count(distinct (feed, text_version)) from crypto_raw.articles) "
        "+ (select count(distinct text_id) from crypto_raw.social_posts) as n"
    )[0]["n"]
    assert covered == {"collected": counted, "scored": counted}

    scores = warehouse.query("select * from crypto_raw.sentiment_scores where model_id = 'vader'")
    rows = [
        {**{n: v for n, v in row.items() if not n.startswith("_dlt") and n != "loaded_at"}}
        | {"model_revision": "next", "score": -row["score"]}
        for row in scores
    ]
    assert Warehouse(warehouse.settings).load("scoring", {"sentiment_scores": rows}) == {
        "sentiment_scores": len(scores)
    }
    assert_same(before, warehouse.transform(full_refresh=True, build_tag="again"))

    models = yaml.safe_load(PROJECT.read_text("utf-8"))["vars"]["sentiment_models"]
    models["vader"]["revision"] = "next"
    after = warehouse.transform(build_tag="next", variables={"sentiment_models": models})
    changed = {line.split(":")[0] for line in differences(before, after)}
    assert "avg_vader_score" in changed
    assert all("vader" in name or "sentiment" in name for name in changed), changed
