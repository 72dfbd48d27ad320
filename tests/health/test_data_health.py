"""Injected faults: each is found by the check it belongs to, for its subject and day, and by no
other; quiet data has no finding at all. On every engine."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from flows import steps
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import duckdb_path
from tests.health.conftest import BuiltServer, embedded
from tests.parity.raw_tables import copy_raw
from tests.support.health_history import FAULTS

pytestmark = pytest.mark.xdist_group("health")

Finding = tuple[str, str, date]

#: What the checks that look at days, holes and exchanges read: without the indicators and the mart.
CHECKED = ("+int_health__unusual", "+int_health__bars", "+int_health__prices", "data_health")
NEW_CHECKS = {
    *("price_spike", "price_wick", "price_jump", "flatline"),
    *("volume_drop", "silent_model", "duplicate_feed"),
}


def rows_of(settings: Settings, condition: str) -> list[dict[str, object]]:
    """Return rows of data_health."""
    mart = f"{settings.schema_prefix}_marts.data_health"
    return Warehouse(settings).query(f"select * from {mart} where {condition}")


def findings(settings: Settings) -> set[Finding]:
    """Return what is not well."""
    return {
        (str(r["check_name"]), str(r["subject"]), _day(r)) for r in rows_of(settings, "not is_ok")
    }


def jumps(settings: Settings) -> set[tuple[str, date]]:
    """Return the moves that stayed: information, not findings."""
    rows = rows_of(settings, "check_name = 'price_jump' and measured_value > expected_value")
    return {(str(row["subject"]), _day(row)) for row in rows}


def _day(row: dict[str, object]) -> date:
    day = row["day"]
    assert isinstance(day, date)
    return day


def expected() -> set[Finding]:
    """Return what the faults must be found as."""
    return {(*fault.finding, fault.day.date()) for fault in FAULTS.values() if fault.finding}


def assert_quiet(settings: Settings) -> None:
    """Every check has measured, and none found anything."""
    assert findings(settings) == set()
    assert jumps(settings) == set()
    judged = rows_of(settings, "expected_value is not null")
    assert {str(row["check_name"]) for row in judged} >= NEW_CHECKS
    assert len({_day(r) for r in judged if r["check_name"] == "price_spike"}) == 30


def assert_all_found(settings: Settings) -> None:
    """Each fault is found, and nothing else is."""
    assert findings(settings) == expected()
    assert jumps(settings) == {("DOGE", FAULTS["the price moves and stays"].day.date())}
    details = {str(row["check_name"]): row["detail"] for row in rows_of(settings, "not is_ok")}
    assert details["price_spike"] == "largest of the day at 13 h UTC, bar of coinbase"
    assert str(details["silent_model"]).startswith("0 of ")
    assert str(details["duplicate_feed"]).startswith(
        "24 of 24 articles stood in another feed before"
    )


def test_quiet_data_has_no_finding(quiet: Settings) -> None:
    assert_quiet(quiet)


def test_every_fault_is_found_and_nothing_else(faulty: Settings) -> None:
    assert_all_found(faulty)


def test_a_server_finds_the_same(quiet_server: BuiltServer, faulty_raw: Path) -> None:
    assert_quiet(quiet_server.settings)
    server = quiet_server.server
    marts = [row[0] for row in server.execute(f"show tables in {server.prefix}_marts")]
    server.execute(f"drop database {server.prefix}_raw")
    with duckdb.connect(str(faulty_raw), read_only=True) as source:
        copy_raw(source, server.url, server.prefix)
    steps.transform(quiet_server.settings, select=CHECKED, full_refresh=True)
    assert_all_found(quiet_server.settings)
    assert [row[0] for row in server.execute(f"show tables in {server.prefix}_marts")] == marts


def test_six_other_days_give_no_verdict(faulty: Settings, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(duckdb_path(faulty.warehouse_url), path)
    settings = embedded(path)
    steps.transform(settings, select=["int_health__span+"], variables={"health_days": 7})
    checks = ", ".join(f"'{check}'" for check in NEW_CHECKS)
    rows = rows_of(settings, f"check_name in ({checks})")
    assert len({_day(row) for row in rows}) == 7
    assert {(row["expected_value"], bool(row["is_ok"])) for row in rows} == {(None, True)}
