"""The checks on keys and bar numbers fail on the defects they guard against, on every engine.

Only the tables that a check reads are made, by hand: what is tested is the check.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from flows.dbt import run_dbt, target_folder, transform_vars
from flows.errors import TransformError
from ingestion.config import Settings
from tests.support.mysql_server import ServerForTest

Execute = Callable[[str], object]
STORED = "mart_has_every_stored_bar"
GAPLESS = "bar_numbers_are_gapless"
UNIQUE = "int_prices__bars,test_name:cf_unique_in_window"
TABLES = (
    "int_prices__bars",
    "int_indicators__windows",
    "int_indicators__smoothed",
    "int_indicators__macd_signal",
)
#: Two symbols: one without a gap, one with an outage after its second bar.
ROWS = [("AAA", 100 + n, n) for n in range(1, 5)]
ROWS += [("BBB", hour, n) for n, hour in enumerate((50, 51, 60, 61, 62), start=1)]

#: What may go wrong with the numbers: the change, and the rows it is made to.
DEFECTS = {
    "a jump": ("bar_number + 1", "symbol = 'BBB' and bar_hour >= 60"),
    "a jump inside a stretch": ("9", "symbol = 'AAA' and bar_hour = 104"),
    "a late start": ("bar_number + 1", "symbol = 'AAA'"),
    "a repeated number": ("2", "symbol = 'AAA' and bar_hour = 103"),
    "a wrong order": ("205 - bar_hour - 100", "symbol = 'AAA' and bar_hour in (102, 103)"),
    "stretches in the wrong order": (
        "case when bar_hour < 60 then bar_number + 3 else bar_number - 2 end",
        "symbol = 'BBB'",
    ),
    "no number": ("null", "symbol = 'BBB' and bar_hour = 62"),
}


def _fill(execute: Execute, prefix: str, *, key: bool = True) -> None:
    schema = f"{prefix}_intermediate"
    execute(f"create schema if not exists {schema}")
    for table in TABLES:
        execute(f"drop table if exists {schema}.{table}")
        execute(
            f"create table {schema}.{table} (symbol varchar(20), bar_hour bigint, "
            f"bar_number bigint{', primary key (symbol, bar_hour)' if key else ''})"
        )
        values = ", ".join(f"('{s}', {hour}, {number})" for s, hour, number in ROWS)
        execute(f"insert into {schema}.{table} values {values}")


def _check(settings: Settings, *checks: str) -> None:
    """Run the checks over all rows: those of numbers and keys, or the named ones."""
    arguments = ["test", "--select", *(checks or (GAPLESS, UNIQUE))]
    run_dbt(settings, arguments, transform_vars(None, None, "", "all"))


def _break_the_mart(settings: Settings, execute: Execute, *, key: bool) -> None:
    """Hand the check a mart and its bars, and let it find what goes wrong between them."""
    bars = f"{settings.schema_prefix}_intermediate.int_prices__bars"
    mart = f"{settings.schema_prefix}_marts.ml_features_materialized"
    for table, columns, time in (
        (bars, "bar_hour bigint, bar_open_at datetime", "bar_hour"),
        (mart, "timestamp_iso datetime", "timestamp_iso"),
    ):
        execute(f"create schema if not exists {table.split('.')[0]}")
        primary = f", primary key (symbol, {time})" if key else ""
        execute(f"create table {table} (symbol varchar(20), {columns}{primary})")
    for symbol in ("AAA", "BBB"):
        for hour in range(24, 28):
            opens = f"'1970-01-02 0{hour - 24}:00:00'"
            execute(f"insert into {bars} values ('{symbol}', {hour}, {opens})")
            execute(f"insert into {mart} values ('{symbol}', {opens})")
    row = f"{mart} where symbol = 'BBB' and timestamp_iso ="
    defects = [
        f"delete from {bars} where symbol = 'BBB' and bar_hour = 26",
        f"insert into {mart} values ('BBB', '1970-01-02 00:30:00')",
        f"delete from {row} '1970-01-02 00:00:00'",
    ]
    repairs = [
        f"delete from {row} '1970-01-02 02:00:00'",
        f"delete from {row} '1970-01-02 00:30:00'",
        f"insert into {mart} values ('BBB', '1970-01-02 00:00:00')",
    ]
    if not key:
        defects.append(f"insert into {mart} values ('BBB', '1970-01-02 01:00:00')")
        repairs.append(f"delete from {mart} where symbol = 'BBB'")
    for defect, repair in zip(defects, repairs, strict=True):
        _check(settings, STORED)
        execute(defect)
        with pytest.raises(TransformError, match=f"{STORED}.*Got 1 result"):
            _check(settings, STORED)
        execute(repair)


def _embedded(folder: Path) -> tuple[Settings, Callable[[str], list[tuple[object, ...]]]]:
    path = folder / "warehouse.duckdb"

    def execute(statement: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(path)) as connection:
            return connection.execute(statement).fetchall()

    return Settings(warehouse_url=f"duckdb:///{path}", data_dir=folder), execute


def test_every_defect_of_bar_numbers_and_keys_is_found(tmp_path: Path) -> None:
    settings, execute = _embedded(tmp_path)
    _fill(execute, "crypto", key=False)
    _check(settings)
    compiled = target_folder(settings) / "compiled/crypto_features/tests" / f"{GAPLESS}.sql"
    check = compiled.read_text(encoding="utf-8")
    for table in TABLES:
        for defect, (value, rows) in DEFECTS.items():
            _fill(execute, "crypto", key=False)
            execute(f"update crypto_intermediate.{table} set bar_number = {value} where {rows}")
            assert {row[0] for row in execute(check)} == {table}, defect
    _fill(execute, "crypto", key=False)
    execute("delete from crypto_intermediate.int_prices__bars where bar_hour = 102")
    execute("insert into crypto_intermediate.int_prices__bars values ('BBB', 61, 4)")
    with pytest.raises(TransformError, match="cf_unique_in_window_int_prices__bars") as failed:
        _check(settings)
    assert GAPLESS in str(failed.value)


def test_bars_and_rows_have_each_other_once(tmp_path: Path) -> None:
    _break_the_mart(*_embedded(tmp_path), key=False)


@pytest.mark.parametrize("key", [True, False])
def test_on_a_server_bars_and_rows_have_each_other_once(
    server: ServerForTest, tmp_path: Path, *, key: bool
) -> None:
    _break_the_mart(server.settings(data_dir=tmp_path), server.execute, key=key)


def test_on_a_server_a_key_proves_itself_and_its_loss_is_found(
    server: ServerForTest, tmp_path: Path
) -> None:
    """With the primary key nothing is read; with a wider one the rows are."""
    settings = server.settings(data_dir=tmp_path)
    prefix = settings.schema_prefix
    _fill(server.execute, prefix)
    _check(settings)
    table = f"{prefix}_intermediate.int_prices__bars"
    server.execute(
        f"alter table {table} drop primary key, add primary key (symbol, bar_hour, bar_number)"
    )
    server.execute(f"insert into {table} values ('AAA', 102, 5)")
    with pytest.raises(TransformError, match="cf_unique_in_window_int_prices__bars") as failed:
        _check(settings)
    assert GAPLESS in str(failed.value)
