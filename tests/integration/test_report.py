"""`cfw report` over a built warehouse: what the page carries is what the marts say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import RunError
from flows.journal import Journal
from flows.journal_rows import DbtNode, FlowRun
from flows.report.facts import findings, read_facts
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("pipeline")

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    data = generate_sample()
    bars = {symbol: data.bars[symbol] for symbol in ("BTC", "LTC")}
    with running_sandbox(replace(data, bars=bars)) as running:
        yield running


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> TestWarehouse:
    built = TestWarehouse(
        tmp_path_factory.mktemp("report"), sandbox, symbols="BTC,LTC", history_start="2024-05-20"
    )
    built.feed()
    built.transform()
    return built


def test_before_a_build_it_says_what_to_do(tmp_path: Path, sandbox: RunningSandbox) -> None:
    empty = TestWarehouse(tmp_path, sandbox)
    empty.ingest(["coinbase"])
    with pytest.raises(RunError, match="no ml_features_materialized yet; build it with cfw run"):
        read_facts(empty.settings, 30)


def test_the_page_carries_what_the_marts_say(warehouse: TestWarehouse) -> None:
    facts = read_facts(warehouse.settings, 7)
    mart = warehouse.query(
        "select count(*) as n, max(timestamp_iso) as newest from "
        "crypto_marts.ml_features_materialized"
    )[0]
    assert facts["mart"]["row_count"] == mart["n"] > 1000
    assert facts["mart"]["newest_bar"] == mart["newest"].isoformat()
    assert 0 <= facts["mart"]["age_hours"] < 1
    assert len(facts["mart"]["columns"]) == 53
    bad = warehouse.query("select count(*) as n from crypto_marts.data_health where not is_ok")[0][
        "n"
    ]
    assert len(findings(facts["health"])) == bad > 0, "the sample has holes in LTC"
    assert {coin["symbol"] for coin in facts["coins"]} == {"BTC", "LTC"}
    btc = next(coin for coin in facts["coins"] if coin["symbol"] == "BTC")
    assert btc["hours"][-1] * 3600 == mart["newest"].timestamp()
    assert len(btc["hours"]) == len(btc["current_price"]) == 7 * 24 + 1
    assert any(score is not None for score in btc["avg_vader_score"])
    vader = [row for row in facts["sentiment"] if row["model_role"] == "vader"]
    landed = warehouse.query(
        "select count(*) as n from (select distinct feed, text_version from crypto_raw.articles "
        f"where available_at >= '{mart['newest'] - timedelta(days=7):%Y-%m-%d}') as texts"
    )[0]["n"]
    assert sum(row["collected"] for row in vader) >= landed > 0
    assert all(row["scored"] == row["collected"] for row in vader), "a text counts once"
    assert facts["failed_tests"] is None, "no run is recorded, so nothing is known"


def test_a_coin_that_is_not_there_is_refused_by_name(warehouse: TestWarehouse) -> None:
    with pytest.raises(RunError, match=r"no bar of NOPE since .*; there are BTC, LTC"):
        read_facts(warehouse.settings, 7, ["NOPE"])


def test_the_command_writes_the_page_and_tells_the_verdict(
    warehouse: TestWarehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in warehouse.overrides().items():
        monkeypatch.setenv(f"CFW_{name.upper()}", str(value))
    journal = Journal(warehouse.settings)
    run = FlowRun("1", "transform", NOON, NOON + timedelta(seconds=40), "failed", "one line")
    journal.record(run, [DbtNode("not_null_vix", "test", "fail", 0.1)])
    out = tmp_path / "new" / "health.html"
    done = CliRunner().invoke(app, ["report", "--out", str(out), "--coins", "ltc"])
    assert done.exit_code == 0, done.output
    assert "1 failed test" in done.output
    text = out.read_text("utf-8")
    assert "not_null_vix" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", ""), "nothing to fetch"
    assert [path.name for path in out.parent.iterdir()] == ["health.html"]
    told = json.loads(CliRunner().invoke(app, ["report", "--json", "--coins", "ltc"]).output)
    assert [coin["symbol"] for coin in told["coins"]] == ["LTC"]
    refused = CliRunner().invoke(app, ["report", "--out", str(tmp_path)])
    assert isinstance(refused.exception, RunError)
    assert CliRunner().invoke(app, ["report", "--days", "0"]).exit_code == 2
