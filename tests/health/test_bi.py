"""What dashboards read: the queries of docs/bi.md and docs/data-health.md run everywhere and give
rows, the views show the mart, and a server answers from an index range."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest

from ingestion.config import Settings
from ingestion.engine import duckdb_path
from tests.health.conftest import BuiltServer
from tests.integration.test_mysql_operations import create_users
from tests.parity.raw_tables import connect
from tests.support.health_history import DAYS, END, SYMBOLS

pytestmark = pytest.mark.xdist_group("health")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("bi.md", "data-health.md")
RANGE = (
    "timestamp_iso >= timestamp '2024-02-14 00:00:00' "
    "and timestamp_iso < timestamp '2024-03-15 00:00:00'"
)
LAST_DAY = "timestamp_iso >= timestamp '2024-03-14 00:00:00'"
#: What the tools put in the place of their own signs.
FILLED = {
    "$__timeFilter(timestamp_iso)": RANGE,
    "'$coin'": "'BTC'",
    "{{coin}}": "'BTC'",
}
#: Queries that ask for findings: none on quiet data is the answer that is wanted.
MAY_BE_EMPTY = "where not is_ok"


def examples() -> dict[str, str]:
    """Return the SQL of the pages by page and number, as the tools would send it."""
    found = {}
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for number, block in enumerate(re.findall(r"```sql\n(.*?)```", text, re.DOTALL), 1):
            for sign, value in FILLED.items():
                block = block.replace(sign, value)
            assert not re.search(r"[${}]", block), f"{page} {number}: a sign that no test fills"
            found[f"{page} {number}"] = block
    assert len(found) > 12
    return found


def many(rows: int, query: str) -> bool:
    """Whether a query gave as much as it should."""
    return rows > 0 or MAY_BE_EMPTY in query


class Reader:
    """Somebody who asks a server for rows."""

    def __init__(self, url: str, prefix: str) -> None:
        """Connect."""
        self.connection = connect(url, cursorclass=pymysql.cursors.DictCursor)
        self.prefix = prefix

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query that names the schema crypto_marts."""
        with self.connection.cursor() as cursor:
            cursor.execute(query.replace("crypto_marts.", f"{self.prefix}_marts."))
            return list(cursor.fetchall())


def test_every_example_runs_on_duckdb(quiet: Settings) -> None:
    path = duckdb_path(quiet.warehouse_url)
    with duckdb.connect(str(path), config={"access_mode": "read_only"}) as connection:
        for name, query in examples().items():
            assert many(len(connection.execute(query).fetchall()), query), name


def test_every_example_runs_as_the_reader_of_a_server(quiet_server: BuiltServer) -> None:
    server = quiet_server.server
    reader = Reader(create_users(server)["reader"], server.prefix)
    for name, query in examples().items():
        assert many(len(reader.rows(query)), query), name
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        reader.rows(f"select count(*) from {server.prefix}_raw.price_bars")


def test_the_views_show_the_mart(quiet: Settings) -> None:
    path = duckdb_path(quiet.warehouse_url)
    with duckdb.connect(str(path), read_only=True) as connection:
        latest = connection.execute("select * from crypto_marts.features_latest").df()
        mart = connection.execute(
            "select * from crypto_marts.ml_features_materialized order by symbol, timestamp_iso"
        ).df()
        wide = connection.execute(
            "select * from crypto_marts.features_wide order by timestamp_iso"
        ).df()
    newest = mart.groupby("symbol").tail(1).set_index("symbol")
    shown = latest.set_index("symbol").sort_index()
    assert set(shown.index) == set(SYMBOLS)
    assert shown[newest.columns].equals(newest)
    assert set(shown.columns) - set(newest.columns) == {"age_hours"}
    assert (shown.age_hours > 0).all()
    assert shown.age_hours.nunique() == 1
    assert len(wide) == DAYS * 24
    for symbol in ("BTC", "XRP"):
        rows = mart[mart.symbol == symbol].reset_index(drop=True)
        assert wide[f"{symbol.lower()}_price"].equals(rows.current_price)
        assert wide[f"{symbol.lower()}_rsi_14"].equals(rows.rsi_14)
    assert wide.bnb_price.isna().all()


def plan(server: BuiltServer, query: str) -> list[dict[str, Any]]:
    """Return how the server would read, one row per table; keys of both servers in lower case."""
    reader = Reader(server.server.url, server.server.prefix)
    is_mariadb = "mariadb" in str(reader.rows("select version() as version")[0]).lower()
    found = reader.rows(f"explain {'' if is_mariadb else 'format=traditional '}{query}")
    return [{name.lower(): value for name, value in row.items()} for row in found]


def reads_of(steps: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return (type, key) of the steps that read the mart itself."""
    return {(s["type"], s["key"]) for s in steps if s["table"] and not s["table"].startswith("<")}


def test_a_server_answers_from_an_index_range(quiet_server: BuiltServer) -> None:
    mart = "crypto_marts.ml_features_materialized"
    one = plan(quiet_server, f"select * from {mart} where symbol = 'BTC' and {RANGE}")
    assert reads_of(one) == {("range", "PRIMARY")}
    hours = plan(quiet_server, f"select symbol, current_price from {mart} where {LAST_DAY}")
    assert reads_of(hours) == {("range", "timestamp_iso")}


def test_the_views_of_a_server_read_what_they_show(quiet_server: BuiltServer) -> None:
    latest = plan(quiet_server, "select * from crypto_marts.features_latest")
    assert ("eq_ref", "PRIMARY") in reads_of(latest)
    assert all(kind in ("eq_ref", "range", "index") for kind, _ in reads_of(latest))
    wide = f"select * from crypto_marts.features_wide where {LAST_DAY}"
    assert {kind for kind, _ in reads_of(plan(quiet_server, wide))} == {"range"}


def test_ages_of_a_server_are_counted_from_the_close(quiet_server: BuiltServer) -> None:
    server = Reader(quiet_server.server.url, quiet_server.server.prefix)
    rows = server.rows(
        "select timestamp_iso, age_hours, "
        "timestampdiff(hour, timestamp_iso, utc_timestamp()) as since_open "
        "from crypto_marts.features_latest"
    )
    assert {row["timestamp_iso"].hour for row in rows} == {23}
    assert all(row["since_open"] - row["age_hours"] in (1, 2) for row in rows)
    assert max(row["timestamp_iso"] for row in rows).date() < END.date()
