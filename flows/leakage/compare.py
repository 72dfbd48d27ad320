"""Compares marts column by column, in DuckDB, so that size does not matter.

A prefix must hold what the whole mart holds up to its end. A late start must agree with the whole
mart from the declared warm-up on, and have no value before its first one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.catalogue import Feature

KEY = ("symbol", "timestamp_iso")
#: Two values are the same if they differ by no more than this, relative to the value or, where
#: that is larger, to the symbol's usual (median) absolute value of the column.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class ColumnProof:
    """What the comparisons found for one column.

    Attributes:
        warm_up: the declared warm-up, as text.
        replayed: values of the prefixes that were compared, and not NULL in the whole mart.
        rewritten: those that differ, by value or by being NULL.
        settled: values of the late starts that were compared after the warm-up.
        error: largest relative difference among them; infinite where one is NULL and one is not.
        early: values that a late start had before the declared first one.
    """

    name: str
    warm_up: str
    replayed: int = 0
    rewritten: int = 0
    settled: int = 0
    error: float = 0.0
    early: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the column kept both promises."""
        return self.rewritten == 0 and self.early == 0 and self.error <= TOLERANCE

    def plus(self, other: ColumnProof) -> ColumnProof:
        """Return the findings of two comparisons together."""
        return ColumnProof(
            self.name,
            self.warm_up,
            self.replayed + other.replayed,
            self.rewritten + other.rewritten,
            self.settled + other.settled,
            max(self.error, other.error),
            self.early + other.early,
        )


def prepare(connection: Any, features: Sequence[Feature]) -> None:
    """Write the usual absolute value of each column and symbol: what errors are measured by."""
    usual = ", ".join(
        f"median(abs(cast({one.name} as double))) as {one.name}" for one in _numbers(features)
    )
    usual_values = f"select symbol, {usual} from whole group by symbol"  # noqa: S608
    connection.execute(f"create or replace table usual as {usual_values}")


def compare_prefix(
    connection: Any, features: Sequence[Feature], table: str, until: str
) -> list[ColumnProof]:
    """Compare a prefix with the rows of the whole mart that close by its end.

    Args:
        connection: has the tables `whole`, `usual`, the prefix, and `restated`: per symbol the
            first row that a correction later than the prefix restates.
        features: the mart's columns.
        table: the prefix.
        until: SQL literal of its end.
    """
    standing = (
        "select mart.* from {} as mart left join restated using (symbol) "
        "where (restated.from_hour is null or mart.timestamp_iso < restated.from_hour)"
    )
    connection.execute(
        f"""create or replace table pairs as
        select whole.symbol, whole.timestamp_iso, whole as a, part as b
        from (
            {standing.format("whole")} and mart.timestamp_iso + interval 1 hour <= {until}
        ) as whole
        full join ({standing.format(table)}) as part
            on whole.symbol = part.symbol and whole.timestamp_iso = part.timestamp_iso
        """  # noqa: S608
    )
    odd, rows = _unmatched(connection)
    found = [ColumnProof(name, "none", rows, odd) for name in KEY]
    for one in _numbers(features):
        replayed, rewritten = _one(
            connection,
            f"""select count(pairs.a.{one.name}), count(*) filter (where
                (pairs.a.{one.name} is null) <> (pairs.b.{one.name} is null)
                or {_error(one.name)} > {TOLERANCE})
            from pairs left join usual using (symbol)""",  # noqa: S608
        )
        found.append(ColumnProof(one.name, one.warm_up_text, replayed, rewritten))
    return found


def compare_late(connection: Any, features: Sequence[Feature], table: str) -> list[ColumnProof]:
    """Compare a history that starts later with the whole mart, after and before the warm-up.

    A column that awaits others is compared from their first values on, or where the whole mart
    has none either.
    """
    awaited = sorted({name for one in features for name in one.warm_up.awaits})
    firsts = ", ".join(
        f"min(timestamp_iso) filter (where {name} is not null) over own as first_{name}"
        for name in awaited
    )
    connection.execute(
        f"""create or replace table pairs as
        with part as (
            select *, row_number() over (own order by timestamp_iso) as bars,
                1 + date_diff('hour', min(timestamp_iso) over own, timestamp_iso) as hours, {firsts}
            from {table}
            window own as (partition by symbol)
        ),
        later as (select * from whole where timestamp_iso >= (select min(timestamp_iso) from part))
        select part.*, later as a, part as b
        from later
        full join part
            on later.symbol = part.symbol and later.timestamp_iso = part.timestamp_iso
        """  # noqa: S608
    )
    odd, rows = _unmatched(connection)
    error = math.inf if odd else 0.0
    found = [ColumnProof(name, "none", settled=rows, error=error) for name in KEY]
    for one in _numbers(features):
        found.append(_late_column(connection, one))
    return found


def _late_column(connection: Any, one: Feature) -> ColumnProof:
    need = one.warm_up
    waited = " and ".join(
        f"(pairs.timestamp_iso >= first_{name} or pairs.a.{name} is null)" for name in need.awaits
    )
    settled, unmatched, error, early = _one(
        connection,
        f"""with judged as (
            select pairs.{need.unit} >= {need.settled} and {waited or "true"} as is_settled,
                pairs.{need.unit} < {need.first_value} as is_early,
                pairs.a.{one.name} as a, pairs.b.{one.name} as b, {_error(one.name)} as error
            from pairs left join usual using (symbol)
        )
        select count(a) filter (where is_settled),
            count(*) filter (where is_settled and (a is null) <> (b is null)),
            coalesce(max(error) filter (where is_settled), 0),
            count(b) filter (where is_early)
        from judged""",  # noqa: S608
    )
    return ColumnProof(
        one.name,
        one.warm_up_text,
        settled=settled,
        error=math.inf if unmatched else error,
        early=early,
    )


def _numbers(features: Sequence[Feature]) -> list[Feature]:
    return [one for one in features if one.name not in KEY]


def _error(name: str) -> str:
    """Return the relative difference of `pairs.a` and `pairs.b`; NULL where one of them is."""
    a, b = (f"cast(pairs.{side}.{name} as double)" for side in "ab")
    return f"""case when {a} is null or {b} is null then null when {a} = {b} then 0
        else coalesce(abs({a} - {b}) / nullif(greatest(abs({a}), usual.{name}), 0), 'infinity')
        end"""


def _unmatched(connection: Any) -> tuple[int, int]:
    """Return how many rows stand in one of the two marts alone, and how many there are."""
    odd, rows = _one(
        connection,
        "select count(*) filter (where a.symbol is null or b.symbol is null), count(*) from pairs",
    )
    return odd, rows


def _one(connection: Any, sql: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(sql).fetchone()
    return row
