"""What an hourly run reads on a server does not grow with the history: rows are counted, not timed.

Two warehouses of the same three symbols, one with more than twice the history of the other, get the
same new hour. No table may be read more often for being longer.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bench.history import Scale, bars_of_hour, tables
from flows import steps
from flows.dbt import target_folder
from ingestion.destination import Warehouse
from tests.support.mysql_server import ServerForTest, connect

SYMBOLS = ("BTC", "ETH", "SOL")
#: Long enough that the servers find an index worth its while, and longer than any look back.
SHORT_HOURS, LONG_HOURS = 8_000, 20_000
#: Articles are left out: their versions are read whole, as the decision on reads says.
KINDS = ("price_bars", "onchain_metrics", "macro_observations")
#: A handful of rows a day for all symbols together, fewer than a new index would be worth.
READ_WHOLE = {"_raw.macro_observations"}
#: Statements that join the first or last rows of all symbols.
LOOK_UPS = {
    "dim_assets",
    "features_latest",
    "int_health__freshness",
    "int_onchain__hourly",
    "int_supply__hourly",
}
#: Rows read on the servers, by database and table.
READS = {
    "mariadb": "select table_schema, table_name, rows_read "
    "from information_schema.table_statistics",
    "mysql": "select object_schema, object_name, count_fetch "
    "from performance_schema.table_io_waits_summary_by_table",
}


def _is_mariadb(server: ServerForTest) -> bool:
    return "mariadb" in str(server.execute("select version()")[0][0]).lower()


def _reads(server: ServerForTest, prefix: str) -> dict[str, int]:
    """Return the rows read so far of each table of the models and raw tables."""
    if is_mariadb := _is_mariadb(server):
        server.execute("set global userstat = 1")
    found = server.execute(READS["mariadb" if is_mariadb else "mysql"])
    return {
        f"{schema.removeprefix(prefix)}.{name}": int(rows)
        for schema, name, rows in found
        if (schema or "").startswith(f"{prefix}_")
    }


def _rows(server: ServerForTest, prefix: str) -> dict[str, int]:
    """Return the rows of each stored table."""
    names = server.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema like %s and table_type = 'BASE TABLE'",
        f"{prefix}\\_%",
    )
    return {
        f"{schema.removeprefix(prefix)}.{name}": int(
            server.execute(f"select count(*) from `{schema}`.`{name}`")[0][0]
        )
        for schema, name in names
    }


def _split(server: ServerForTest, compiled: Path) -> list[str]:
    """Return the statements in which MariaDB may move a join's symbols into a grouping.

    It does so by its guess at the rows of a symbol, which is far too low for millions of them.
    """
    statements = {
        path.stem: path.read_text(encoding="utf-8")
        for path in compiled.rglob("*.sql")
        if path.stem in LOOK_UPS
    }
    assert statements.keys() == LOOK_UPS
    found = []
    with closing(connect(server.url)) as connection, connection.cursor() as cursor:
        cursor.execute("set optimizer_trace = 'enabled=on', optimizer_trace_max_mem_size = 1 << 26")
        for name, statement in statements.items():
            cursor.execute(f"explain {statement}")
            cursor.execute("select trace from information_schema.optimizer_trace")
            if "choose_best_splitting" in str(cursor.fetchall()):
                found.append(name)
    return sorted(found)


def _hour(server: ServerForTest, hours: int) -> tuple[dict[str, int], dict[str, int]]:
    """Build a history, add an hour; return the rows that its run read of each table, and has."""
    scale = Scale(SYMBOLS, hours)
    prefix = f"{server.prefix}_{hours}"
    settings = server.settings(schema_prefix=prefix, now=scale.end + timedelta(minutes=2))
    warehouse = Warehouse(settings)
    warehouse.ensure_tables()
    for name, rows in tables(scale):
        if name in KINDS:
            warehouse.load_arrow("bench", name, rows)
    # Loads of the last two days are counted anew each time: these came in as they became known.
    for name in KINDS:
        server.execute(f"update {prefix}_raw.{name} set loaded_at = available_at")
    steps.transform(settings, full_refresh=True, tests="all")
    later = settings.model_copy(update={"now": scale.end + timedelta(hours=1, minutes=2)})
    Warehouse(later).load_arrow("bench", "price_bars", bars_of_hour(scale, scale.end))
    before = _reads(server, prefix)
    steps.transform(later)
    read = {name: n - before.get(name, 0) for name, n in _reads(server, prefix).items()}
    if _is_mariadb(server):
        models = target_folder(later) / "compiled" / "crypto_features" / "models"
        may_split = _split(server, models)
        assert may_split == [], ", ".join(may_split)
    return read, _rows(server, prefix)


@pytest.mark.xdist_group("mysql_bounded_reads")
def test_an_hour_reads_no_more_of_a_longer_history(server: ServerForTest) -> None:
    short_read, short_rows = _hour(server, SHORT_HOURS)
    long_read, long_rows = _hour(server, LONG_HOURS)
    assert short_read["_intermediate.int_prices__bars"] > 0
    grown = {name: n - short_rows[name] for name, n in long_rows.items() if name in short_rows}
    assert grown["_marts.ml_features_materialized"] == len(SYMBOLS) * (LONG_HOURS - SHORT_HOURS)
    too_many = [
        f"{name}: {more:,} more rows read of {grown[name]:,} more rows"
        for name in sorted(long_read.keys() - READ_WHOLE)
        if grown.get(name, 0) > 1_000
        and (more := long_read[name] - short_read.get(name, 0)) > grown[name] / 2
    ]
    assert too_many == [], "; ".join(too_many)
