"""Which texts a model has not scored yet, in what order, in SQL that runs on every engine."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scoring.registry import ModelSpec
from scoring.sources import Marks, Source, sources

SCORES = "sentiment_scores"
MENTIONS = "asset_mentions"
FAILURES = "scoring_failures"
ATTEMPTS = 3  # a text that failed so often is left and counted, not tried for ever
_LIST_SIZE = 500  # values of one SQL list


class Warehouse(Protocol):
    """The store that scoring reads texts from and writes its rows to."""

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run a select with `%s` placeholders and return its rows by column name."""

    def table(self, name: str) -> str:
        """Return the fully qualified name of a raw table."""

    def has_table(self, name: str) -> bool:
        """Say whether a raw table exists yet."""

    def load(
        self, pipeline_name: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, int]:
        """Append rows to raw tables in one load, stamp `loaded_at`, return rows by table."""


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text that waits for a score; `table` and `column` say where it can be read."""

    text_id: str
    table: str
    column: str
    is_sample: bool
    available_at: datetime
    is_backfilled: bool = False

    @property
    def rank(self) -> int:
        """Where the text stands in the queue, lowest first.

        Fresh texts come first, the newest at their head; then backfilled ones from the oldest.
        In microseconds: minus the age since 1970 of a fresh text, plus that of a backfilled one.
        """
        since = round(self.available_at.timestamp() * 1_000_000)
        return since if self.is_backfilled else -since


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal shares of all texts; a text's share never changes."""

    number: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a share that does not exist."""
        if not 1 <= self.number <= self.count:
            msg = f"shard {self.number}/{self.count}: the number must be between 1 and the count"
            raise ValueError(msg)

    def holds(self, text_id: str) -> bool:
        """Say whether a text belongs to this share."""
        return share_of(text_id) % self.count == self.number - 1


def share_of(text_id: str) -> int:
    """Return the number, the same on every machine, that decides on a text's share."""
    return zlib.crc32(text_id.encode())


def pending(
    warehouse: Warehouse,
    spec: ModelSpec,
    revision: str,
    limit: int | None = None,
    *,
    shard: Shard | None = None,
    not_after: datetime | None = None,
    marks: Marks | None = None,
) -> list[QueuedText]:
    """Return the distinct texts of the model's routes without a score of this revision.

    Fresh texts newest first, then backfilled ones oldest first; equal times are ordered by text_id,
    so that a run can be repeated exactly. Texts that have failed `ATTEMPTS` times are left out.

    Args:
        limit: At most this many.
        shard: Only texts of this share.
        not_after: Leave out texts whose last failure is later than this.
        marks: What earlier passes found dealt with and is not read again; by default everything
            is read.
    """
    marks = Marks() if marks is None else marks
    failed = _failures(warehouse, spec, revision)
    left = {text_id for text_id, failure in failed.items() if failure.is_left_alone(not_after)}
    found: dict[str, QueuedText] = {}
    for source in sources(spec):
        if not warehouse.has_table(source.table):
            continue
        key = (spec.id, revision, shard)
        known, whole = marks.look(warehouse, source, key)
        items = _pending_of(
            warehouse, source, spec.id, revision, since=known.before if known else None
        )
        if known is not None:
            tried = sorted(failed.keys() - left)
            for start in range(0, len(tried), _LIST_SIZE):
                some = tried[start : start + _LIST_SIZE]
                items += _pending_of(warehouse, source, spec.id, revision, ids=some)
        items = [item for item in items if shard is None or shard.holds(item.text_id)]
        if whole is not None and all(item.text_id in failed for item in items):
            marks.set(source, key, whole)
        for item in items:
            earlier = found.setdefault(item.text_id, item)
            if (earlier.is_sample, earlier.is_backfilled) > (item.is_sample, item.is_backfilled):
                found[item.text_id] = item  # seen for real, or fresh, as well: then it is
    queue = [item for item in found.values() if item.text_id not in left]
    queue.sort(key=lambda item: (item.rank, item.text_id))
    return queue[:limit]


def unscored(
    warehouse: Warehouse, spec: ModelSpec, revision: str, items: Sequence[QueuedText]
) -> list[QueuedText]:
    """Return those of a few queued texts that still have no score of this revision."""
    done = scored(warehouse, spec.id, revision, [item.text_id for item in items])
    return [item for item in items if item.text_id not in done]


def scored(warehouse: Warehouse, model_id: str, revision: str, ids: Sequence[str]) -> set[str]:
    """Return those of a few texts that have a score of a model's revision."""
    done: set[str] = set()
    for start in range(0, len(ids) if warehouse.has_table(SCORES) else 0, _LIST_SIZE):
        some = ids[start : start + _LIST_SIZE]
        sql = (
            f"select text_id from {warehouse.table(SCORES)} "  # noqa: S608  # our own names
            f"where model_id = %s and model_revision = %s and text_id in ({_placeholders(some)})"
        )
        done.update(
            str(row["text_id"]) for row in warehouse.query(sql, [model_id, revision, *some])
        )
    return done


def failed_attempts(
    warehouse: Warehouse, spec: ModelSpec, revision: str, ids: Sequence[str]
) -> dict[str, int]:
    """Return how often each of a few texts has failed so far; texts that never did are absent."""
    if not ids or not warehouse.has_table(FAILURES):
        return {}
    sql = (
        f"select text_id, max(attempt) as attempts from {warehouse.table(FAILURES)} "  # noqa: S608
        f"where model_id = %s and model_revision = %s and text_id in ({_placeholders(ids)}) "
        "group by text_id"
    )
    rows = warehouse.query(sql, [spec.id, revision, *ids])
    return {str(row["text_id"]): int(row["attempts"]) for row in rows}


@dataclass(frozen=True, slots=True)
class _Failure:
    attempts: int
    failed_at: datetime

    def is_left_alone(self, not_after: datetime | None) -> bool:
        return self.attempts >= ATTEMPTS or (not_after is not None and self.failed_at > not_after)


def _failures(warehouse: Warehouse, spec: ModelSpec, revision: str) -> dict[str, _Failure]:
    """Return the texts that have failed so far; some may have a score since."""
    if not warehouse.has_table(FAILURES):
        return {}
    sql = (
        "select text_id, max(attempt) as attempts, "  # noqa: S608
        f"max(failed_at) as failed_at from {warehouse.table(FAILURES)} "
        "where model_id = %s and model_revision = %s group by text_id"
    )
    return {
        str(row["text_id"]): _Failure(int(row["attempts"]), row["failed_at"])
        for row in warehouse.query(sql, [spec.id, revision])
    }


def read_texts(warehouse: Warehouse, items: Iterable[QueuedText]) -> dict[str, str]:
    """Return the text of each queued item by text_id."""
    by_source: dict[tuple[str, str], list[str]] = {}
    for item in items:
        by_source.setdefault((item.table, item.column), []).append(item.text_id)
    texts: dict[str, str] = {}
    for (table, column), ids in by_source.items():
        sql = (
            f"select {column} as text_id, max(text) as body "  # noqa: S608  # our own names
            f"from {warehouse.table(table)} where {column} in ({_placeholders(ids)}) "
            f"group by {column}"
        )
        texts.update({str(row["text_id"]): str(row["body"]) for row in warehouse.query(sql, ids)})
    return texts


def _placeholders(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))


def _pending_of(
    warehouse: Warehouse,
    source: Source,
    model_id: str,
    revision: str,
    *,
    since: datetime | None = None,
    ids: Sequence[str] = (),
) -> list[QueuedText]:
    conditions = ["trim(t.text) <> ''"]  # a blank text has no sentiment; it is never queued
    params: list[object] = []
    if since is not None:
        conditions.append("t.loaded_at >= %s")
        params.append(since)
    if ids:
        conditions.append(f"t.{source.column} in ({_placeholders(ids)})")
        params += ids
    if source.categories:
        conditions.append(f"t.category in ({_placeholders(source.categories)})")
        params += source.categories
    if warehouse.has_table(SCORES):
        conditions.append(
            f"not exists (select 1 from {warehouse.table(SCORES)} s where "  # noqa: S608
            f"s.text_id = t.{source.column} and s.model_id = %s and s.model_revision = %s)"
        )
        params += [model_id, revision]
    sql = (
        f"select t.{source.column} as text_id, max(t.available_at) as available_at, "  # noqa: S608
        "min(case when t.is_sample then 1 else 0 end) as is_sample, "
        "min(case when t.is_backfilled then 1 else 0 end) as is_backfilled "
        f"from {warehouse.table(source.table)} t where {' and '.join(conditions)} "
        f"group by t.{source.column}"
    )
    return [
        QueuedText(
            text_id=str(row["text_id"]),
            table=source.table,
            column=source.column,
            is_sample=bool(row["is_sample"]),
            available_at=row["available_at"],
            is_backfilled=bool(row["is_backfilled"]),
        )
        for row in warehouse.query(sql, params)
    ]
