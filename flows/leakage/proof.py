"""Builds the whole mart, prefixes and late starts of a warehouse, and compares them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from flows.catalogue import Feature, read_catalogue
from flows.dbt import run_dbt
from flows.errors import RunError
from flows.leakage.compare import ColumnProof, compare_late, compare_prefix, prepare
from flows.leakage.cuts import Cut, attach, copy_raw
from ingestion.config import Settings
from ingestion.engine import duckdb_path

_BUILD = ("build", "--full-refresh", "--select", "+ml_features_materialized")
_ONLY_MODELS = ("--resource-type", "seed", "--resource-type", "model")
_MART = "ml_features_materialized"
#: Hours that a late start leaves after itself: the longest warm-up, twice.
_ROOM = timedelta(hours=1000)


@dataclass(frozen=True)
class Proof:
    """What was built and what was found.

    Attributes:
        rows: rows of the whole mart.
        symbols: its symbols.
        first, last: opening times of its first and last bar.
        is_sample: whether the bars are the project's own sample.
        cuts: the prefixes and late starts.
        restated: rows left out of the prefixes because a corrected bar restates them.
        columns: the findings, in the mart's order.
    """

    rows: int
    symbols: int
    first: datetime
    last: datetime
    is_sample: bool
    cuts: tuple[Cut, ...]
    restated: int
    columns: tuple[ColumnProof, ...]

    @property
    def is_good(self) -> bool:
        """Whether every column kept both promises."""
        return all(column.is_good for column in self.columns)


def prove(
    settings: Settings,
    moments: int = 3,
    starts: int = 2,
    seed: int = 7,
    say: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Replay prefixes and late starts of a DuckDB warehouse in a temporary folder.

    Args:
        settings: name the warehouse, of which only the raw tables are read.
        moments: prefixes, at random moments.
        starts: late starts, at random UTC midnights.
        seed: of the random choice.
        say: gets a line per build.

    Raises:
        RunError: no DuckDB warehouse, no bars, too short a history, or it is held by a writer.
        TransformError: dbt failed.
    """
    if settings.is_server:
        msg = "the proof copies a DuckDB file: set CFW_WAREHOUSE_URL to duckdb:///path"
        raise RunError(msg)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="leakage-", dir=settings.data_dir) as folder:
        bench = _Bench(settings, Path(folder), say)
        cuts = _choose(bench.span(), moments, starts, Random(seed))  # noqa: S311 - no secret
        return bench.prove(cuts)


def _choose(
    span: tuple[datetime, datetime], moments: int, starts: int, random: Random
) -> tuple[Cut, ...]:
    """Return prefixes that end in the last two thirds, and late starts with room to settle."""
    first, last = span
    if last - first < 2 * _ROOM:
        msg = f"the bars span {(last - first).days} days; the proof needs {2 * _ROOM.days} or more"
        raise RunError(msg)
    third = (last - first) / 3
    ends = sorted(first + third + 2 * third * random.random() for _ in range(moments))
    days = range((first + _ROOM / 4).toordinal(), (last - _ROOM).toordinal())
    picked = sorted(random.sample(days, min(starts, len(days))))
    midnights = (date.fromordinal(day) for day in picked)
    return (
        *(Cut("prefix", end.replace(second=0, microsecond=0)) for end in ends),
        *(Cut("late", datetime(d.year, d.month, d.day, tzinfo=UTC)) for d in midnights),
    )


class _Bench:
    """The folder in which marts are built one after the other and kept in one file."""

    def __init__(self, settings: Settings, folder: Path, say: Callable[[str], None]) -> None:
        self._source = duckdb_path(settings.warehouse_url)
        self._raw = settings.dataset
        self._built = folder / "cut.duckdb"
        self._marts = folder / "marts.duckdb"
        self._say = say
        self._schema = f"{settings.schema_prefix}_marts"
        changed = {"warehouse_url": f"duckdb:///{self._built}", "data_dir": folder}
        self._settings = settings.model_copy(update=changed)
        self._features: Sequence[Feature] = read_catalogue()

    def span(self) -> tuple[datetime, datetime]:
        """Return the opening times of the first and the last bar."""
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            attach(connection, self._source)
            bars = f'source."{self._raw}".price_bars'
            try:
                first, last = connection.execute(
                    f"select min(bar_open_at), max(bar_open_at) from {bars}"  # noqa: S608
                ).fetchone()
            except duckdb.CatalogException:
                first = None
        if first is None:
            msg = f"{self._source} has no bars; run `cfw run` or `make demo` first"
            raise RunError(msg)
        return first, last

    def prove(self, cuts: tuple[Cut, ...]) -> Proof:
        """Build everything, compare everything."""
        self._build("whole", None)
        for cut in cuts:
            self._build(cut.name, cut)
        with duckdb.connect(str(self._marts)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            prepare(connection, self._features)
            found: dict[str, ColumnProof] = {}
            restated = 0
            for cut in cuts:
                proofs, skipped = self._compare(connection, cut)
                restated += skipped
                for proof in proofs:
                    before = found.get(proof.name)
                    found[proof.name] = before.plus(proof) if before else proof
            rows, symbols, first, last, is_sample = connection.execute(_FACTS).fetchone()
        columns = tuple(found.values())
        return Proof(rows, symbols, first, last, is_sample, cuts, restated, columns)

    def _build(self, table: str, cut: Cut | None) -> None:
        self._say(f"building {table}")
        copy_raw(self._source, self._built, self._raw, cut)
        run_dbt(self._settings, [*_BUILD, *_ONLY_MODELS])
        with duckdb.connect(str(self._marts)) as connection:
            attach(connection, self._built)
            connection.execute(f'create table {table} as from source."{self._schema}"."{_MART}"')
            if cut is None:
                bars = f'source."{self._raw}".price_bars'
                connection.execute(_ORIGIN.format(bars=bars))
                connection.execute(_CORRECTED.format(bars=bars))

    def _compare(self, connection: Any, cut: Cut) -> tuple[list[ColumnProof], int]:
        if cut.kind == "late":
            return compare_late(connection, self._features, cut.name), 0
        until = f"timestamp '{cut.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"
        connection.execute(_RESTATED.format(until=until))
        (skipped,) = connection.execute(
            f"select count(*) from {cut.name} as part join restated on "  # noqa: S608
            "part.symbol = restated.symbol and part.timestamp_iso >= restated.from_hour"
        ).fetchone()
        return compare_prefix(connection, self._features, cut.name, until), skipped


#: The fields of a Proof that describe the data, in their order.
_FACTS = """
select count(*), count(distinct symbol), min(timestamp_iso), max(timestamp_iso),
    (select is_sample from origin)
from whole
"""
_ORIGIN = "create table origin as select bool_or(is_sample) as is_sample from {bars}"
#: Corrected bars: when their first and their newest version were available.
_CORRECTED = """
create table corrected as
select symbol,
    date_trunc('hour', bar_open_at at time zone 'UTC') as hour,
    min(available_at) at time zone 'UTC' as first_at,
    max(available_at) at time zone 'UTC' as last_at
from {bars}
group by provider, symbol, interval_minutes, bar_open_at
having count(*) > 1
"""
#: A correction that a prefix cannot know restates the rows of its symbol from the bar on.
_RESTATED = """
create or replace table restated as
select symbol, min(hour) as from_hour
from corrected
where first_at <= {until} and last_at > {until}
group by symbol
"""
