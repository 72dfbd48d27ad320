"""How fresh and how whole the mart is."""

from __future__ import annotations

import csv
from datetime import timedelta

from flows.metrics.families import Readings
from flows.metrics.settings import MetricsSettings
from flows.schedules import MART_MAX_AGE
from flows.summary import MART
from ingestion.config import Settings
from ingestion.engine import engine_for

_BAR = timedelta(hours=1)
_GAP_DAYS = timedelta(days=7)


def read_marts(settings: Settings, out: Readings) -> None:
    """Add the mart's age, and what `data_health` found; nothing where they are not built."""
    engine = engine_for(settings)
    own = MetricsSettings()
    schema = f"{settings.schema_prefix}_marts"
    out.set("cfw_mart_max_age_seconds", MART_MAX_AGE.total_seconds())
    if engine.has_table(schema, MART):
        row = engine.query(
            f"select count(*) as n, max(timestamp_iso) as newest from {schema}.{MART}",  # noqa: S608
            (),
        )[0]
        out.set("cfw_mart_rows", int(row["n"]))
        if row["newest"] is not None:
            out.set("cfw_mart_newest_row_timestamp_seconds", row["newest"] + _BAR)
    if not engine.has_table(schema, "data_health"):
        return
    health = f"{schema}.data_health"
    # A check is as good as its subjects' newest day.
    for row in engine.query(
        "select h.check_name, sum(case when h.is_ok then 0 else 1 end) as failed "  # noqa: S608
        f"from {health} h join (select check_name, max(day) as day from {health} "
        "group by check_name) newest on newest.check_name = h.check_name and newest.day = h.day "
        "group by h.check_name",
        (),
    ):
        out.set("cfw_health_failed_checks", int(row["failed"]), row["check_name"])
    newest = engine.query(f"select max(day) as day from {health}", ())[0]["day"]  # noqa: S608
    if newest is None:
        return
    missing = {
        str(row["subject"]): int(row["missing"])
        for row in engine.query(
            f"select subject, sum(measured_value) as missing from {health} "  # noqa: S608
            "where check_name = 'missing_hours' and day > %s group by subject",
            (newest - _GAP_DAYS,),
        )
    }
    _gaps(settings, own, missing, out)


def _gaps(settings: Settings, own: MetricsSettings, missing: dict[str, int], out: Readings) -> None:
    core = own.core_symbols()
    gone = _gone(settings)
    groups: dict[str, list[int]] = {}
    for symbol, hours in missing.items():
        group = "core" if symbol in core else "delisted" if symbol in gone else "other"
        groups.setdefault(group, []).append(hours)
    for group, hours_of in groups.items():
        out.set("cfw_gap_bars", sum(hours_of), group)
        out.set("cfw_gap_symbols", sum(hours > 0 for hours in hours_of), group)


def _gone(settings: Settings) -> set[str]:
    """Return the symbols that have left the market."""
    with settings.assets_path.open(encoding="utf-8", newline="") as lines:
        return {row["symbol"] for row in csv.DictReader(lines) if row["last_trade_date"]}
