"""Coin Metrics' refusals, Glassnode and blockchain.com from the sandbox: what lands, and when."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.assets import selected_assets
from ingestion.backfill.intervals import Interval
from ingestion.backfill.planning import Wanted as WantedHistory
from ingestion.backfill.planning import make_plan
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import sources_of
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError
from ingestion.extraction import Extraction
from ingestion.http import HttpClient
from ingestion.onchain import blockchain_com, coinmetrics, glassnode
from ingestion.sandbox import (
    OnchainVersion,
    RunningSandbox,
    SandboxData,
    generate_sample,
    running_sandbox,
)
from ingestion.steps import run_step

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
KEY = "glassnode-hush"
CM = "/coinmetrics/v4/timeseries"
FORBIDDEN = "Requested metric '{}' with frequency '1d' for asset '{}' is not available with"
MODULES = {"coinmetrics": coinmetrics, "glassnode": glassnode, "blockchain_com": blockchain_com}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSandbox]:
    with running_sandbox(generate_sample()) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox, sample: SandboxData) -> RunningSandbox:
    server.faults.clear()
    server.set_data(sample)
    # By then the day before is public everywhere.
    server.set_clock(sample.default_now() + timedelta(hours=14))
    server.requests.clear()
    return server


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_HISTORY_START": (sandbox.state.now - timedelta(days=100)).isoformat(),
        "CFW_GLASSNODE_API_KEY": KEY,
        "CFW_GLASSNODE_SYMBOLS": "BTC",
        "http_backoff_seconds": 0.0,
        "http_attempts": 2,
        **changes,
    }
    return Settings(_env_file=None, **values)


def raw(settings: Settings, table: str, rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")


def extraction(step: str, settings: Settings) -> Extraction:
    """Return what a step works with, without a warehouse behind it."""
    client = HttpClient(settings, MODULES[step].provider(settings))
    return Extraction(
        source=step,
        settings=settings,
        client=client,
        reader=Warehouse(settings),
        assets=selected_assets(settings),
        clock=settings.clock(),
    )


# --- Coin Metrics


def refuse_metric(sandbox: RunningSandbox, metric: str, text: str, status: int = 403) -> None:
    """Let the provider refuse every request that names a metric, flags or not."""
    body = {"error": {"type": "forbidden", "message": text}}
    sandbox.faults.add(CM, "status", times=None, contains=metric, status=status, body=body)


@pytest.mark.parametrize(
    ("text", "most"),
    [(FORBIDDEN.format("SplyCur", "btc"), 4), ("Not available with supplied credentials.", 12)],
    ids=["named", "nameless"],
)
def test_a_forbidden_metric_costs_only_itself_and_is_remembered(
    text: str, most: int, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    refuse_metric(sandbox, "SplyCur", text)
    report = run_step("coinmetrics", settings)
    stored = {row["metric"] for row in raw(settings, "onchain_metrics")}
    assert stored == set(settings.coinmetrics_metrics) - {"SplyCur"}
    assert "refused by the provider, not asked again before 2024-07-08" in report.note
    assert "SplyCur" in report.note
    assert 1 < report.requests <= most

    again = run_step("coinmetrics", settings)
    assert (again.requests, again.rows["onchain_metrics"]) == (1, 0)
    assert again.note == report.note

    sandbox.faults.clear()
    sandbox.set_clock(sandbox.state.now + timedelta(days=7))
    later = run_step("coinmetrics", settings.model_copy(update={"now": sandbox.state.now}))
    assert later.note == ""
    rows = raw(settings, "onchain_metrics", "WHERE metric = 'SplyCur' AND symbol = 'ETH'")
    assert len(rows) == 100, "read from the start of history, not only since the refusal"


def test_a_metric_that_does_not_exist_fails_in_its_own_name(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, coinmetrics_metrics="TxCnt,Nope,AdrActCnt")
    with pytest.raises(SourceError, match="Value 'Nope' is not supported") as caught:
        run_step("coinmetrics", settings)
    assert caught.value.report is not None
    assert caught.value.report.requests == 2
    assert {row["metric"] for row in raw(settings, "onchain_metrics")} == {"TxCnt", "AdrActCnt"}
    assert "Nope" in run_step("coinmetrics", settings).note


def test_a_provider_that_refuses_everything_is_asked_again_at_once(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    refuse_metric(sandbox, "", "Not available with supplied credentials.")
    with pytest.raises(SourceError, match="403") as caught:
        run_step("coinmetrics", settings)
    assert caught.value.report is not None
    assert caught.value.report.requests <= coinmetrics.MOST_REFUSALS
    assert caught.value.report.note == ""
    sandbox.faults.clear()
    assert run_step("coinmetrics", settings).rows["onchain_metrics"] > 900


def test_a_page_of_html_is_no_refusal(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    body = "<!DOCTYPE html><html><body>blocked</body></html>"
    sandbox.faults.add(CM, "status", times=None, status=403, body=body)
    with pytest.raises(SourceError, match="HTML page") as caught:
        run_step("coinmetrics", settings)
    assert caught.value.report is not None
    assert caught.value.report.requests == 1


def test_what_the_tier_leaves_out_is_said(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, coinmetrics_metrics="TxCnt,CapRealUSD")
    report = run_step("coinmetrics", settings)
    assert report.note == "given for no asset, so not in this tier: CapRealUSD"
    assert report.requests == 1


def test_an_asset_that_moved_is_put_together(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    """The old chain counts until the move, the new one from then on; both overlap for days."""
    days = [date(2019, 4, 14) + timedelta(days=n) for n in range(9)]
    chains = {
        "bnb": tuple(OnchainVersion(day, "1") for day in days),
        "bnb_mainnet": tuple(OnchainVersion(day, "2") for day in days[3:]),
    }
    sandbox.set_data(
        replace(sample, onchain={name: {"TxCnt": versions} for name, versions in chains.items()})
    )
    sandbox.set_clock(datetime(2019, 4, 25, tzinfo=UTC))
    changes = {"CFW_SYMBOLS": "BNB", "coinmetrics_metrics": "TxCnt"}
    settings = settings_for(sandbox, tmp_path, CFW_HISTORY_START="2019-04-01", **changes)
    assert run_step("coinmetrics", settings).requests == 1
    rows = raw(settings, "onchain_metrics", "ORDER BY day")
    assert [(row["day"], row["symbol"]) for row in rows] == [(day, "BNB") for day in days]
    assert [row["value"] for row in rows] == [1.0] * 4 + [2.0] * 5
    run = extraction("coinmetrics", settings)
    period = (datetime(2019, 4, 16, tzinfo=UTC), datetime(2019, 4, 20, tzinfo=UTC))
    found = [row for chunk in coinmetrics.backfill(run, "BNB", *period) for row in chunk.rows]
    assert sorted((row["day"].day, row["value"]) for row in found) == [
        (16, 1.0),
        (17, 1.0),
        (18, 2.0),
        (19, 2.0),
    ]
    run.client.close()


def test_a_chain_that_is_not_listed_is_no_failure(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BNB,BTC")
    report = run_step("coinmetrics", settings)
    assert (report.status, report.requests) == ("ok", 2)
    assert "bnb_mainnet" in report.note


# --- Glassnode


def test_point_in_time_values_are_preferred(sandbox: RunningSandbox, tmp_path: Path) -> None:
    path = "transactions/transfers_volume_to_exchanges_sum"
    settings = settings_for(sandbox, tmp_path, glassnode_metrics=f"{path}:usd,supply/current")
    report = run_step("glassnode", settings)
    assert report.requests == 4
    days: dict[str, set[date]] = {}
    for row in raw(settings, "onchain_metrics"):
        assert (row["provider"], row["symbol"]) == ("glassnode", "BTC")
        assert row["available_at"] >= datetime.combine(row["day"], datetime.min.time(), UTC)
        days.setdefault(row["metric"], set()).add(row["day"])
    assert set(days) == {f"{path}:usd", f"{path}_pit:usd", "supply/current"}
    assert max(days[f"{path}:usd"]) + timedelta(days=1) == min(days[f"{path}_pit:usd"])
    assert len(days[f"{path}:usd"] | days[f"{path}_pit:usd"]) == len(days["supply/current"]) == 100
    assert "supply/current_pit" in report.note

    sandbox.requests.clear()
    assert run_step("glassnode", settings).requests == 0, "the day before is known"


def test_days_go_on_with_one_request_per_metric(sandbox: RunningSandbox, tmp_path: Path) -> None:
    now = sandbox.state.now
    sandbox.set_clock(now - timedelta(days=2))
    start = {"CFW_HISTORY_START": (now - timedelta(days=100)).isoformat()}
    metrics = {"glassnode_metrics": "addresses/active_count,supply/current"}
    run_step("glassnode", settings_for(sandbox, tmp_path, **metrics, **start))
    sandbox.set_clock(now)
    late = settings_for(sandbox, tmp_path, **metrics, **start)
    report = run_step("glassnode", late)
    assert report.requests == 2
    assert report.rows["onchain_metrics"] in (3, 4)
    fresh = raw(late, "onchain_metrics", f"WHERE loaded_at = TIMESTAMPTZ '{late.clock()}'")
    assert {row["available_at"] for row in fresh} == {late.clock()}


def test_a_plan_without_a_metric_says_so_and_reads_the_rest(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, glassnode_metrics="indicators/sopr,supply/current")
    report = run_step("glassnode", settings)
    assert "indicators/sopr" in report.note
    assert {row["metric"] for row in raw(settings, "onchain_metrics")} == {"supply/current"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"CFW_GLASSNODE_API_KEY": "nobody"}, "401"),
        ({"glassnode_metrics": "indicators/sopr"}, "not part of your plan"),
        ({"glassnode_metrics": "supply/nothing,supply/current"}, "404: no such metric"),
    ],
)
def test_a_useless_key_and_a_wrong_metric_fail(
    changes: dict[str, str], text: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=text):
        run_step("glassnode", settings_for(sandbox, tmp_path, **changes))


def test_the_key_is_in_no_log_and_no_exception(
    sandbox: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("/glassnode", "status", times=None, status=401, body=f"bad key {KEY}")
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as caught:
        run_step("glassnode", settings_for(sandbox, tmp_path))
    assert "bad key ***" in str(caught.value)
    assert KEY not in caplog.text + "".join(traceback.format_exception(caught.value))
    assert all(KEY not in query for _, query in sandbox.requests.log)


# --- blockchain.com


def test_charts_land_once_a_day_unthinned(sandbox: RunningSandbox, tmp_path: Path) -> None:
    now = sandbox.state.now
    sandbox.set_clock(now - timedelta(days=1))
    early = settings_for(sandbox, tmp_path, blockchain_com_charts="hash-rate,mvrv")
    first = run_step("blockchain_com", early)
    assert first.requests == 2
    rows = raw(early, "onchain_metrics", "WHERE metric = 'hash-rate' ORDER BY day")
    assert [row["day"] for row in rows] == [
        early.start_of_history().date() + timedelta(days=n) for n in range(100)
    ]
    assert all("sampled=false" in query for _, query in sandbox.requests.log)
    assert run_step("blockchain_com", early).requests == 0
    sandbox.set_clock(now)
    late = settings_for(
        sandbox,
        tmp_path,
        blockchain_com_charts="hash-rate,mvrv",
        CFW_HISTORY_START=early.start_of_history().isoformat(),
    )
    again = run_step("blockchain_com", late)
    assert again.requests == 2
    assert again.rows["onchain_metrics"] >= 2
    newest = raw(late, "onchain_metrics", "ORDER BY day DESC LIMIT 1")[0]
    assert newest["available_at"] == late.clock()


def test_an_unknown_chart_and_an_error_inside_200_cost_only_themselves(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, blockchain_com_charts="nothing,mvrv,n-transactions")
    body = {"status": "error", "error": "try again"}
    sandbox.faults.add("/blockchain_com/charts/mvrv", "json_error", body=body)
    with pytest.raises(SourceError, match="404: Chart not found") as caught:
        run_step("blockchain_com", settings)
    assert "200 with the error: try again" in str(caught.value)
    assert {row["metric"] for row in raw(settings, "onchain_metrics")} == {"n-transactions"}


# --- all of them


def restated(data: SandboxData, metric: str, day: date, known: datetime) -> SandboxData:
    """Return the data with another value for a day, known from some moment on."""
    versions = data.onchain["btc"][metric]
    changed = (*versions, OnchainVersion(day, "123456.5", known))
    return replace(data, onchain={**data.onchain, "btc": {**data.onchain["btc"], metric: changed}})


@pytest.mark.parametrize(
    ("step", "metric", "settings"),
    [
        ("coinmetrics", "SplyCur", {"coinmetrics_metrics": "SplyCur"}),
        ("glassnode", "supply/current", {"glassnode_metrics": "supply/current"}),
        ("blockchain_com", "mvrv", {"blockchain_com_charts": "mvrv"}),
    ],
)
def test_a_restatement_is_a_new_version(
    step: str,
    metric: str,
    settings: dict[str, str],
    sandbox: RunningSandbox,
    sample: SandboxData,
    tmp_path: Path,
) -> None:
    now, source = sandbox.state.now, {"mvrv": "CapMVRVCur"}.get(metric, "SplyCur")
    day = now.date() - timedelta(days=5)
    start = {"CFW_HISTORY_START": (now - timedelta(days=20)).isoformat(), "CFW_SYMBOLS": "BTC"}
    sandbox.set_clock(now - timedelta(days=1))
    run_step(step, settings_for(sandbox, tmp_path, **settings, **start))
    sandbox.set_clock(now)
    sandbox.set_data(restated(sample, source, day, now - timedelta(hours=2)))
    late = settings_for(sandbox, tmp_path, **settings, **start)
    assert run_step(step, late).rows["onchain_metrics"] == 2, "a new day and the restated one"
    first, second = raw(late, "onchain_metrics", f"WHERE day = DATE '{day}' ORDER BY loaded_at")
    assert first["value"] != second["value"] == 123456.5
    assert (first["metric"], first["symbol"]) == (metric, "BTC")
    assert first["available_at"] < second["available_at"] == late.clock()
    assert run_step(step, late).rows["onchain_metrics"] == 0


@pytest.mark.parametrize("step", list(MODULES))
def test_a_backfill_reads_its_period_and_nothing_of_the_state(
    step: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    module, run = MODULES[step], extraction(step, settings)
    first, last = datetime(2024, 5, 1, 5, tzinfo=UTC), datetime(2024, 5, 20, tzinfo=UTC)
    assert "BTC" in module.backfill_items(run)
    rows = [row for chunk in module.backfill(run, "BTC", first, last) for row in chunk.rows]
    days = {row["day"] for row in rows}
    assert {row["symbol"] for row in rows} == {"BTC"}
    assert (min(days), max(days)) == (date(2024, 5, 2), date(2024, 5, 19))
    for row in rows:
        end = datetime.combine(row["day"], datetime.min.time(), UTC) + timedelta(days=1)
        assert row["available_at"] >= end + timedelta(hours=24)
    assert run.client.requests <= module.backfill_requests("BTC", first, last, settings)
    assert (run.state, run.failures) == ({}, [])
    keys = [(row["metric"], row["day"]) for row in rows]
    assert len(keys) == len(set(keys))
    # Cut in two, the period gives the same rows.
    middle = datetime(2024, 5, 11, tzinfo=UTC)
    parts = [
        row
        for bounds in ((first, middle), (middle, last))
        for chunk in module.backfill(run, "BTC", *bounds)
        for row in chunk.rows
    ]
    by_key = lambda row: (row["metric"], row["day"])  # noqa: E731
    if step != "glassnode":  # whose point-in-time series starts where the window does
        assert sorted(parts, key=by_key) == sorted(rows, key=by_key)
    run.client.close()


@pytest.mark.parametrize(
    ("step", "changes"),
    [("coinmetrics", {}), ("glassnode", {"glassnode_metrics": "indicators/sopr,supply/current"})],
)
def test_a_backfill_without_a_refused_metric_is_not_called_done(
    step: str, changes: dict[str, Any], sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC", **changes)
    period = Interval(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 20, tzinfo=UTC))
    if step == "coinmetrics":
        refuse_metric(sandbox, "SplyCur", FORBIDDEN.format("SplyCur", "btc"))
    source, wanted = sources_of("onchain", step), WantedHistory(period)
    for is_first in (True, False):
        plan = make_plan(settings, source, wanted)
        assert plan.chunks == 1
        (report,) = run_plan(plan, settings)
        assert report.failures == []
        assert "refused by the provider" in " ".join(report.notes)
        assert bool(report.new_rows) == is_first
    sandbox.faults.clear()
    settings = settings_for(
        sandbox, tmp_path, CFW_SYMBOLS="BTC", glassnode_metrics="supply/current"
    )
    (report,) = run_plan(make_plan(settings, source, wanted), settings)
    assert report.failures == []
    assert (report.new_rows > 0) == (step == "coinmetrics")
    assert make_plan(settings, source, wanted).chunks == 0
