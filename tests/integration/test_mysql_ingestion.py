"""Ingestion into MySQL and MariaDB: what lands, twice, after a kill, and what a failure says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flows.errors import LockedError
from flows.lock import run_lock
from ingestion import bulk
from ingestion.config import Settings
from ingestion.errors import WarehouseError
from ingestion.sandbox import RunningSandbox
from ingestion.server import Server
from ingestion.steps import STEPS, run_step
from ingestion.tables import TABLES
from tests.support.mysql_server import ServerForTest, connect

ROOT = Path(__file__).parents[2]
SEED = ROOT / "dbt_project" / "seeds" / "assets.csv"
CLOCK = datetime(2024, 1, 1, tzinfo=UTC)
SCORE: dict[str, Any] = {
    "text_id": "a" * 64,
    "model_id": "vader",
    "model_revision": "1",
    "score": 0.1 + 0.2,
    "confidence": None,
    "p_negative": 1e-300,
    "p_neutral": 1 / 3,
    "p_positive": 0.7,
    "label": "positive",
    "precision": "fp64",
    "scored_at": CLOCK + timedelta(microseconds=1),
    "is_sample": True,
}
MENTION: dict[str, Any] = {
    "text_id": "b" * 64,
    "symbol": "BTC",
    "rule": "name",
    "matched": "🚀",
    "start_offset": 0,
    "end_offset": 1,
    "is_sample": True,
}
#: Runs a load in a process that dies without a word when it reaches the named function.
DYING = """
import importlib, os, signal, sys
from datetime import UTC, datetime
from ingestion.config import Settings
from ingestion.destination import Warehouse
module, owner, method = sys.argv[1].split(":")
target = getattr(importlib.import_module(module), owner)
setattr(target, method, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
score = {**eval(sys.argv[5]), "scored_at": datetime(2024, 1, 1, tzinfo=UTC)}
rows = [{**score, "text_id": str(n)} for n in range(3000)]
settings = Settings(_env_file=None, warehouse_url=sys.argv[2], schema_prefix=sys.argv[3],
                    data_dir=sys.argv[4], now="2024-01-01T00:00:00Z")
Warehouse(settings).load("scoring", {"sentiment_scores": rows})
"""
HOLDING = """
import sys, time
from flows.lock import run_lock
from ingestion.config import Settings
settings = Settings(_env_file=None, warehouse_url=sys.argv[1], schema_prefix=sys.argv[2])
with run_lock(settings):
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


def settings_for(server: ServerForTest, sandbox: RunningSandbox, **changes: Any) -> Settings:
    start = sandbox.state.now - timedelta(days=10)
    values = {
        **sandbox.env(),
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
        "CFW_HISTORY_START": start.isoformat(),
        "CFW_FRED_SERIES": "CPIAUCSL,UNRATE",
        "http_backoff_seconds": 0.0,
        "stocktwits_max_pages": 2,
        **changes,
    }
    return server.settings(**values)


def rows_of(server: ServerForTest, table: str, rest: str = "") -> list[dict[str, Any]]:
    return server.warehouse().query(f"SELECT * FROM {server.prefix}_raw.{table} {rest}")


def test_every_step_lands_its_rows_once(server: ServerForTest, sandbox: RunningSandbox) -> None:
    settings = settings_for(server, sandbox)
    server.warehouse().ensure_tables()
    for step in STEPS:
        first = run_step(step, settings)
        if first.status == "skipped":
            assert step in ("glassnode", "fredgraph"), first.note  # the one has no key, FRED has
            continue
        assert all(rows > 0 for table, rows in first.rows.items() if table != "rejected_rows"), step
        assert set(run_step(step, settings).rows.values()) == {0}, step
        for table, rows in first.rows.items():
            assert len(rows_of(server, table)) >= rows
    of_coinbase = "WHERE symbol = 'BTC' AND provider = 'coinbase' ORDER BY bar_open_at"
    bars = rows_of(server, "price_bars", of_coinbase)
    assert 0.9 * 240 < len(bars) <= 240
    assert all(b["available_at"] == b["bar_open_at"] + timedelta(hours=1) for b in bars)
    assert {b["loaded_at"] for b in bars} == {settings.clock()}
    elsewhere = settings_for(server, sandbox, data_dir=server.folder / "other")
    assert run_step("coinbase", elsewhere).rows["price_bars"] == 0


def test_tables_have_keys_indexes_and_a_binary_collation(server: ServerForTest) -> None:
    warehouse = server.warehouse()
    assert warehouse.ensure_tables() == list(TABLES)
    server.execute(f"DROP INDEX ix_loaded_at ON {server.prefix}_raw.articles")
    assert warehouse.ensure_tables() == []
    found = server.execute(
        "SELECT table_name, index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index) "
        "FROM information_schema.statistics WHERE table_schema = %s GROUP BY 1, 2",
        f"{server.prefix}_raw",
    )
    columns = {(table, index): names.split(",") for table, index, names in found}
    for name, table in TABLES.items():
        assert columns[name, "PRIMARY"] == list(table.key)
        for wanted in (("loaded_at",), *table.indexes):
            assert list(wanted) in columns.values()
            assert columns[name, "ix_" + "_".join(wanted)] == list(wanted)
    collations = server.execute(
        "SELECT DISTINCT table_collation FROM information_schema.tables "
        "WHERE table_schema LIKE %s AND table_type = 'BASE TABLE'",
        f"{server.prefix}\\_raw%",
    )
    assert collations == [("utf8mb4_bin",)]


def test_scores_land_once_and_changes_are_new_rows(server: ServerForTest) -> None:
    warehouse = server.warehouse(now=CLOCK)
    rows = {"sentiment_scores": [SCORE, SCORE], "asset_mentions": [MENTION]}
    assert warehouse.load("scoring", rows) == {"sentiment_scores": 1, "asset_mentions": 1}
    assert warehouse.load("scoring", rows) == {"sentiment_scores": 0, "asset_mentions": 0}
    changed = {"sentiment_scores": [{**SCORE, "score": 0.6}]}
    assert warehouse.load("scoring", changed) == {"sentiment_scores": 1}
    stored = rows_of(server, "sentiment_scores", "ORDER BY loaded_at")
    assert [row["score"] for row in stored] == [SCORE["score"], 0.6]
    assert {name: stored[0][name] for name in SCORE} == SCORE
    assert [row["loaded_at"] for row in stored] == [CLOCK, CLOCK + timedelta(microseconds=1)]
    assert rows_of(server, "asset_mentions")[0]["matched"] == "🚀"


def test_keys_that_differ_by_case_or_accent_stay_apart(server: ServerForTest) -> None:
    rows = [{**MENTION, "text_id": key} for key in ("key", "KEY", "kéy", "Key", "\uff4bey")]
    assert server.warehouse().load("scoring", {"asset_mentions": rows})["asset_mentions"] == 5
    assert server.warehouse().load("scoring", {"asset_mentions": rows})["asset_mentions"] == 0


def test_an_article_that_returns_to_an_earlier_text_is_a_third_row(server: ServerForTest) -> None:
    article = {
        "feed": "f",
        "guid": "g",
        "text_version": "a" * 64,
        "category": "crypto",
        "text": "words " * 30_000 + "🚀",
        "first_seen_at": CLOCK,
        "available_at": CLOCK,
        "is_backfilled": True,
        "raw": {"title": 'back\\slash, "quote", 🚀\n'},
        "is_sample": True,
    }
    for version in "aba":
        row = {**article, "text_version": version * 64}
        assert server.warehouse(now=CLOCK).load("rss", {"articles": [row]})["articles"] == 1
        assert server.warehouse(now=CLOCK).load("rss", {"articles": [row]})["articles"] == 0
    stored = rows_of(server, "articles", "ORDER BY loaded_at")
    assert [row["text_version"][0] for row in stored] == ["a", "b", "a"]
    assert stored[0]["text"] == article["text"]
    assert "🚀" in stored[0]["raw"] or "ud83d" in stored[0]["raw"]


def test_a_huge_text_is_rejected_and_emoji_are_kept(
    server: ServerForTest, sandbox: RunningSandbox
) -> None:
    def spoil(body: bytes) -> bytes:
        page = json.loads(body)
        page["messages"][0]["body"] = "a" * 1_000_000
        page["messages"][1]["body"] = "to the moon 🚀🌕"
        return json.dumps(page).encode()

    sandbox.faults.add("/stocktwits", "replace", rewrite=spoil)
    report = run_step("stocktwits", settings_for(server, sandbox, CFW_SYMBOLS="BTC"))
    assert report.rejected == 1
    assert len(rows_of(server, "rejected_rows")[0]["payload"]) == 10_000
    assert "to the moon 🚀🌕" in {row["text"] for row in rows_of(server, "social_posts")}


def odd_scores() -> list[dict[str, Any]]:
    """Return rows with every value that a text file can get wrong."""
    texts = ["", "NULL", "\\N", 'a"b', "a,b", "a\nb", "a\\", "🚀", "=", " x ", "é"]
    doubles = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3, 123456789.123456789, 1e22]
    return [
        {
            **SCORE,
            "text_id": f"{n}|{texts[n % len(texts)].strip()}",
            "label": [None, *texts][n % (len(texts) + 1)],
            "score": doubles[n % len(doubles)],
            "confidence": [None, 1e-7][n % 2],
        }
        for n in range(bulk.MIN_ROWS + 500)
    ]


@pytest.mark.parametrize("allowed", [True, False], ids=["load_data", "inserts"])
def test_large_loads_keep_every_value(
    server: ServerForTest, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[bool] = []
    real = bulk._load_file
    monkeypatch.setattr(bulk, "_load_file", lambda *a: (used.append(True), real(*a)))
    if not allowed:
        monkeypatch.setattr(bulk, "_FORBIDDEN", (0, 1, "0", "1", "ON", "OFF"))
    rows = odd_scores()
    warehouse = server.warehouse(now=CLOCK)
    assert warehouse.load("scoring", {"sentiment_scores": rows})["sentiment_scores"] == len(rows)
    assert bool(used) == allowed
    stored = {row["text_id"]: row for row in rows_of(server, "sentiment_scores")}
    for row in rows:
        assert {name: stored[row["text_id"]][name] for name in row} == row
    assert warehouse.load("scoring", {"sentiment_scores": rows})["sentiment_scores"] == 0


def test_a_server_gets_no_file_but_the_one_offered(server: ServerForTest, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("never sent")
    server.execute(f"CREATE DATABASE {server.prefix}_raw")
    server.execute(f"CREATE TABLE {server.prefix}_raw.loot (line text)")
    sql = f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE {server.prefix}_raw.loot"
    session = bulk._bulk_session(Server.of(server.settings()))
    with pytest.raises(WarehouseError, match="was not offered"), session as connection:
        connection.cursor().execute(sql)
    assert list(server.execute(f"SELECT * FROM {server.prefix}_raw.loot")) == []


def bars(first: int, count: int, symbol: str = "BTC", close: float = 1.5) -> pa.Table:
    opened = [CLOCK - timedelta(hours=9_999 - first - n) for n in range(count)]
    times = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "provider": ["archive"] * count,
            "symbol": [symbol] * count,
            "interval_minutes": [60] * count,
            "bar_open_at": pa.array(opened, times),
            **{name: [1.5] * count for name in ("open", "high", "low", "volume_base")},
            "close": [close] * count,
            "volume_quote": pa.nulls(count),
            "trade_count": pa.nulls(count),
            "quote_currency": ["USD"] * count,
            "available_at": pa.array([moment + timedelta(hours=1) for moment in opened], times),
            "is_sample": [True] * count,
        }
    )


def test_an_archive_of_bars_lands_once_and_corrections_are_new_rows(server: ServerForTest) -> None:
    warehouse = server.warehouse(now=CLOCK)
    both = pa.concat_tables([bars(0, 3_000), bars(0, 2_000, "ETH")])
    assert warehouse.load_arrow("archive", "price_bars", both) == 5_000
    assert warehouse.load_arrow("archive", "price_bars", both) == 0
    assert warehouse.load_arrow("archive", "price_bars", bars(2_900, 3_000)) == 2_900
    assert warehouse.load_arrow("archive", "price_bars", bars(10, 5, close=1.25)) == 5
    twice = pa.concat_tables([bars(7_000, 10), bars(7_000, 10)])
    assert warehouse.load_arrow("archive", "price_bars", twice) == 10
    stored = rows_of(server, "price_bars", "WHERE symbol = 'BTC' ORDER BY bar_open_at, loaded_at")
    assert len(stored) == 5_915
    assert [row["available_at"] for row in stored if row["close"] == 1.25] == [CLOCK] * 5
    assert stored[0]["bar_open_at"] == CLOCK - timedelta(hours=9_999)
    naive = bars(0, 1).set_column(3, "bar_open_at", pa.array([datetime(2024, 1, 1)]))  # noqa: DTZ001
    with pytest.raises(WarehouseError, match="bar_open_at has no time zone"):
        warehouse.load_arrow("archive", "price_bars", naive)
    empty = bars(0, 1).drop_columns("close").append_column("close", pa.nulls(1, pa.float64()))
    with pytest.raises(WarehouseError, match="close is missing"):
        warehouse.load_arrow("archive", "price_bars", empty)


@pytest.mark.parametrize(
    "moment",
    [
        "dlt.pipeline.pipeline:Pipeline:normalize",
        "ingestion.bulk:BulkJob:run",
        "dlt.destinations.job_client_impl:SqlLoadJob:run",
        "dlt.load.load:Load:complete_package",
    ],
    ids=["extracted", "staging", "merging", "loaded"],
)
def test_a_killed_load_is_finished_by_the_next_run(server: ServerForTest, moment: str) -> None:
    plain = {name: value for name, value in SCORE.items() if name != "scored_at"}
    server.warehouse(now=CLOCK).load("scoring", {"sentiment_scores": []})
    command = [sys.executable, "-c", DYING, moment, server.url, server.prefix]
    command += [str(server.folder / "data"), repr(plain)]
    died = subprocess.run(command, check=False, timeout=120, cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    rows = [{**SCORE, "scored_at": CLOCK, "text_id": str(number)} for number in range(3000)]
    warehouse = server.warehouse(now=CLOCK)
    warehouse.load("scoring", {"sentiment_scores": rows})
    stored = rows_of(server, "sentiment_scores")
    assert len(stored) == len({row["text_id"] for row in stored}) == 3000
    assert len({row["loaded_at"] for row in stored}) == 1
    assert warehouse.load("scoring", {"sentiment_scores": rows}) == {"sentiment_scores": 0}


def test_the_run_lock_holds_across_processes_and_dies_with_its_holder(
    server: ServerForTest,
) -> None:
    command = [sys.executable, "-c", HOLDING, server.url, server.prefix]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        settings = server.settings()
        with pytest.raises(LockedError, match=r"the warehouse is in use by session \d+ of"):
            run_lock(settings).__enter__()
        with run_lock(server.settings(schema_prefix=f"{server.prefix}b")):
            pass
    finally:
        holder.kill()
        holder.wait(10)
    with run_lock(settings, wait_seconds=10):
        pass


def fails_in_one_line(work: Callable[[], Any], *words: str) -> None:
    with pytest.raises(WarehouseError) as caught:
        work()
    message = str(caught.value)
    assert "\n" not in message
    assert "p@ss" not in message
    assert "p%40ss" not in message
    for word in words:
        assert word in message


def test_a_wrong_password_is_named(server: ServerForTest) -> None:
    url = server.user().replace("p%40ss", "p%40ssx")
    warehouse = server.warehouse(warehouse_url=url)
    fails_in_one_line(warehouse.ensure_tables, "1045", "CFW_WAREHOUSE_URL")


def test_an_encoded_password_works_and_a_missing_grant_is_named(server: ServerForTest) -> None:
    warehouse = server.warehouse(warehouse_url=server.user())
    fails_in_one_line(warehouse.ensure_tables, "error 1142", "deploy/mysql/users.sql")
    server.warehouse().ensure_tables()
    reader = server.warehouse(warehouse_url=server.user("SELECT ON {p}_raw.*"))
    assert reader.query(f"SELECT count(*) AS n FROM {server.prefix}_raw.articles") == [{"n": 0}]
    load = {"asset_mentions": [MENTION]}
    fails_in_one_line(lambda: reader.load("x", load), "deploy/mysql/users.sql")


def test_a_server_that_is_not_there_is_named(server: ServerForTest) -> None:
    warehouse = server.warehouse(warehouse_url="mysql://cfw:p%40ss@127.0.0.1:1")
    fails_in_one_line(warehouse.ensure_tables, "127.0.0.1:1", "start the server")


def test_a_table_that_a_reader_holds_is_named_and_nothing_is_lost(
    server: ServerForTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.pipeline._WAIT_SECONDS", 0.0)
    rows = [{**MENTION, "text_id": str(number)} for number in range(20)]
    server.warehouse().load("scoring", {"asset_mentions": rows[:10]})
    blocked = server.warehouse(mysql_lock_wait_seconds=1)
    reader = connect(server.url)
    reader.cursor().execute(f"LOCK TABLES {server.prefix}_raw.asset_mentions READ")
    load = {"asset_mentions": rows}
    fails_in_one_line(lambda: blocked.load("scoring", load), "1205", "SHOW PROCESSLIST")
    reader.close()
    assert blocked.load("scoring", load) == {"asset_mentions": 10}
    assert len(rows_of(server, "asset_mentions")) == 20
