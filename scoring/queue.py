"""Which texts a model has not scored yet, newest first, in SQL that runs on every engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from scoring.registry import ModelSpec

SCORES = "sentiment_scores"
MENTIONS = "asset_mentions"


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


def pending(
    warehouse: Warehouse, spec: ModelSpec, revision: str, limit: int | None = None
) -> list[QueuedText]:
    """Return the distinct texts of the model's routes without a score of this revision.

    Newest first; equal times are ordered by text_id, so that a run can be repeated exactly.
    """
    found: dict[str, QueuedText] = {}
    for source in _sources(spec):
        if warehouse.has_table(source.table):
            for item in _pending_of(warehouse, source, spec.id, revision, limit):
                known = found.setdefault(item.text_id, item)
                if known.is_sample and not item.is_sample:
                    found[item.text_id] = item  # seen for real as well: then it is real
    queue = sorted(found.values(), key=lambda item: item.text_id)
    queue.sort(key=lambda item: item.available_at, reverse=True)
    return queue[:limit]


def read_texts(warehouse: Warehouse, items: Iterable[QueuedText]) -> dict[str, str]:
    """Return the text of each queued item by text_id."""
    by_source: dict[tuple[str, str], list[str]] = {}
    for item in items:
        by_source.setdefault((item.table, item.column), []).append(item.text_id)
    texts: dict[str, str] = {}
    for (table, column), ids in by_source.items():
        marks = ", ".join(["%s"] * len(ids))
        sql = (
            f"select {column} as text_id, max(text) as body "  # noqa: S608  # our own names
            f"from {warehouse.table(table)} where {column} in ({marks}) group by {column}"
        )
        texts.update({str(row["text_id"]): str(row["body"]) for row in warehouse.query(sql, ids)})
    return texts


@dataclass(frozen=True, slots=True)
class _Source:
    table: str
    column: str
    categories: tuple[str, ...] = ()


def _sources(spec: ModelSpec) -> list[_Source]:
    categories = tuple(route for route in spec.routes if route != "posts")
    sources = [_Source("articles", "text_version", categories)] if categories else []
    if "posts" in spec.routes:
        sources.append(_Source("social_posts", "text_id"))
    return sources


def _pending_of(
    warehouse: Warehouse, source: _Source, model_id: str, revision: str, limit: int | None
) -> list[QueuedText]:
    conditions = ["trim(t.text) <> ''"]  # a blank text has no sentiment; it is never queued
    params: list[object] = []
    if source.categories:
        conditions.append(f"t.category in ({', '.join(['%s'] * len(source.categories))})")
        params += source.categories
    if warehouse.has_table(SCORES):
        conditions.append(
            f"not exists (select 1 from {warehouse.table(SCORES)} s where "  # noqa: S608
            f"s.text_id = t.{source.column} and s.model_id = %s and s.model_revision = %s)"
        )
        params += [model_id, revision]
    sql = (
        f"select t.{source.column} as text_id, max(t.available_at) as available_at, "  # noqa: S608
        "min(case when t.is_sample then 1 else 0 end) as is_sample "
        f"from {warehouse.table(source.table)} t where {' and '.join(conditions)} "
        f"group by t.{source.column} order by 2 desc, 1"
    )
    if limit is not None:
        sql += f" limit {int(limit)}"
    return [
        QueuedText(
            text_id=str(row["text_id"]),
            table=source.table,
            column=source.column,
            is_sample=bool(row["is_sample"]),
            available_at=row["available_at"],
        )
        for row in warehouse.query(sql, params)
    ]
