"""What the report shows, read from the marts and the run journal. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from flows import inspection
from flows.errors import RunError
from flows.journal import Journal
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import duckdb_path
from ingestion.server import Server

#: Coins whose prices the page carries if none are named: the most traded ones.
MOST_COINS = 12
RUNS_SHOWN = 25
#: A newest bar that closed longer ago than this is told before anything else.
MART_AGE_HOURS = 3
#: Hourly scores that may be drawn below a price.
SCORES = (
    "avg_cryptobert_score",
    "avg_minilm_score",
    "avg_vader_score",
    "social_avg_sentiment",
)

Row = dict[str, Any]


def read_facts(settings: Settings, days: int, coins: Sequence[str] = ()) -> Row:
    """Return everything the page shows, as plain JSON values.

    Args:
        settings: name the warehouse.
        days: how far back prices and sentiment go; checks go as far as `data_health` does.
        coins: symbols whose prices are drawn; the most traded ones if there are none.

    Raises:
        RunError: there is no mart yet, or a coin is not in it.
        WarehouseError: the warehouse cannot be read.
    """
    marts = _Marts(settings)
    summary = marts.summary()
    since = summary["newest_bar"] - timedelta(days=days)
    now = settings.clock()
    journal = Journal(settings)
    runs = journal.runs(RUNS_SHOWN)
    return {
        "generated_at": _plain(now),
        "warehouse": _place(settings),
        "days": days,
        "mart": {
            **{name: _plain(value) for name, value in summary.items()},
            # From the close of the bar: the wall clock, unlike the ages of data_health.
            "age_hours": (now - summary["newest_bar"]).total_seconds() / 3600 - 1,
            "columns": marts.columns(),
        },
        "health": marts.health(),
        "sentiment": marts.sentiment(since),
        "coins": marts.coins(coins, since),
        "rejected": [_plain_row(row) for row in inspection.rejected_rows(settings)],
        "runs": [_plain_row(asdict(run)) for run in runs],
        # Without a recorded run nothing is known about tests.
        "failed_tests": [asdict(node) for node in journal.failed_tests()] if runs else None,
    }


class _Marts:
    """The queries, with the names of one warehouse."""

    def __init__(self, settings: Settings) -> None:
        self._warehouse = Warehouse(settings)
        self._schema = f"{settings.schema_prefix}_marts"
        self._features = f"{self._schema}.ml_features_materialized"

    def summary(self) -> Row:
        """Return how much the mart holds; bounds are the opens of the first and last bar."""
        known = self._warehouse.query(
            "select table_name as name from information_schema.tables where table_schema = %s",
            (self._schema,),
        )
        if "ml_features_materialized" not in {row["name"] for row in known}:
            msg = f"{self._schema} has no ml_features_materialized yet; build it with cfw run"
            raise RunError(msg)
        found = self._warehouse.query(
            "select count(*) as row_count, count(distinct symbol) as symbols, "  # noqa: S608
            "min(timestamp_iso) as oldest_bar, max(timestamp_iso) as newest_bar "
            f"from {self._features}"
        )[0]
        if not found["row_count"]:
            msg = f"{self._features} has no row yet; land prices with cfw run"
            raise RunError(msg)
        return found

    def columns(self) -> list[str]:
        """Return the mart's columns in their order."""
        rows = self._warehouse.query(
            "select column_name as name from information_schema.columns "
            "where table_schema = %s and table_name = 'ml_features_materialized' "
            "order by ordinal_position",
            (self._schema,),
        )
        return [row["name"] for row in rows]

    def health(self) -> list[Row]:
        """Return every verdict of `data_health`, oldest day first."""
        rows = self._warehouse.query(
            "select check_name, subject, day, measured_value, expected_value, unit, is_ok, detail "  # noqa: S608
            f"from {self._schema}.data_health order by day, check_name, subject"
        )
        return [_plain_row({**row, "is_ok": bool(row["is_ok"])}) for row in rows]

    def sentiment(self, since: datetime) -> list[Row]:
        """Return collected and scored texts by day and model."""
        rows = self._warehouse.query(
            "select day, model_role, sum(collected_count) as collected, "  # noqa: S608
            "sum(scored_count) as scored "
            f"from {self._schema}.sentiment_coverage where day >= %s and symbol = '*' "
            "group by day, model_role order by day, model_role",
            (since.date(),),
        )
        return [
            {**_plain_row(row), "collected": int(row["collected"]), "scored": int(row["scored"])}
            for row in rows
        ]

    def coins(self, wanted: Sequence[str], since: datetime) -> list[Row]:
        """Return hours, closes and scores of each coin since a moment, the most traded first."""
        return [self._coin(symbol, since) for symbol in self._chosen(wanted, since)]

    def _chosen(self, wanted: Sequence[str], since: datetime) -> list[str]:
        rows = self._warehouse.query(
            "select symbol, sum(hourly_volume) as traded "  # noqa: S608
            f"from {self._features} where timestamp_iso >= %s group by symbol "
            "order by case when sum(hourly_volume) is null then 1 else 0 end, traded desc, symbol",
            (since,),
        )
        symbols = [row["symbol"] for row in rows]
        for symbol in wanted:
            if symbol not in symbols:
                msg = f"--coins: no bar of {symbol} since {since:%Y-%m-%d}; there are " + ", ".join(
                    sorted(symbols)
                )
                raise RunError(msg)
        return list(wanted) or symbols[:MOST_COINS]

    def _coin(self, symbol: str, since: datetime) -> Row:
        columns = ("current_price", "hourly_volume", *SCORES)
        rows = self._warehouse.query(
            f"select timestamp_iso, {', '.join(columns)} from {self._features} "  # noqa: S608
            "where symbol = %s and timestamp_iso >= %s order by timestamp_iso",
            (symbol, since),
        )
        return {
            "symbol": symbol,
            "hours": [int(row["timestamp_iso"].timestamp() // 3600) for row in rows],
            **{name: [_short(row[name]) for row in rows] for name in columns},
        }


def _place(settings: Settings) -> str:
    """Return where the warehouse is, without a password."""
    if not settings.is_server:
        return f"{duckdb_path(settings.warehouse_url).name} ({settings.schema_prefix})"
    return f"{Server.of(settings).place} ({settings.schema_prefix})"


def _short(value: float | None) -> float | None:
    """Return a value with the seven digits that a chart can show."""
    return None if value is None else float(f"{value:.7g}")


def _plain_row(row: Row) -> Row:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def findings(health: Iterable[Row]) -> list[Row]:
    """Return the verdicts that are not in order, newest day first."""
    bad = [row for row in health if not row["is_ok"]]
    return sorted(
        bad, key=lambda row: (row["day"], row["check_name"], row["subject"]), reverse=True
    )
