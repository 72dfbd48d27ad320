"""What a page gives: rows that are landed, and rejections that say why a row is not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingestion.schema import Row, Table
from ingestion.text import strip_controls
from ingestion.validate import INT64, Invalid, to_float

MAX_PAYLOAD = 10_000


@dataclass(frozen=True)
class Rejection:
    """A row that is not landed: for which table, why, and as it came (JSON, cut)."""

    table: str
    reason: str
    payload: str
    row_hash: str


@dataclass
class Parsed:
    """What a page gave: rows to land and rows refused."""

    rows: list[Row] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def add(self, outcome: Row | Rejection | None) -> None:
        """Sort one outcome into its list; None is neither."""
        if isinstance(outcome, Rejection):
            self.rejections.append(outcome)
        elif outcome is not None:
            self.rows.append(outcome)


def reject(table: str, reason: str, raw: Any) -> Rejection:
    """Return the rejection of ``raw``."""
    text = json_text(raw)
    digest = hashlib.sha256(f"{table}\n{reason}\n{text}".encode()).hexdigest()
    return Rejection(table, reason, text[:MAX_PAYLOAD], digest)


def json_text(raw: Any) -> str:
    """Return any value as JSON text that can be stored: no control or surrogate character."""
    text = json.dumps(raw, ensure_ascii=False, default=str)
    return strip_controls(text.encode("utf-8", "replace").decode("utf-8"))


def plain_json(value: Any) -> Any:
    """Return a JSON value that every database takes.

    NaN and infinities become null, integers beyond 64 bits floats, control characters go.
    """
    if isinstance(value, str):
        return strip_controls(value.encode("utf-8", "replace").decode("utf-8"))
    if isinstance(value, dict):
        return {plain_json(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -INT64 <= value < INT64:
        return plain_json(to_float(value, "integer"))
    return value if isinstance(value, int | float | bool | None) else str(value)


def checked(table: Table, parse: Callable[[Any], Row | None], raw: Any) -> Row | Rejection | None:
    """Return the row that ``parse`` makes of ``raw``, or the rejection."""
    try:
        row = parse(raw)
    except Invalid as error:
        return reject(table.name, str(error), raw)
    return row


def parse_page(
    table: Table,
    parse: Callable[[Any], Row | None],
    page: Iterable[Any],
    *,
    label: Callable[[Any], Any] = lambda raw: raw,
    order: Sequence[str] = (),
) -> Parsed:
    """Return the rows of one page, each identity once, and what is refused.

    Args:
        table: what the rows are of.
        parse: makes a row, or None of what is neither landed nor refused; raises ``Invalid``.
        page: what the provider gave.
        label: what a rejection shows of a raw row, such as with whose it is.
        order: the columns that the rows are sorted by; the page's own order if there are none.
    """
    kept: list[tuple[Row, Any]] = []
    refused: list[Rejection] = []
    for raw in page:
        outcome = checked(table, parse, raw)
        if isinstance(outcome, Rejection):
            refused.append(reject(table.name, outcome.reason, label(raw)))
        elif outcome is not None:
            kept.append((outcome, label(raw)))
    result = unique(table, kept)
    result.rejections += refused
    result.rows.sort(key=lambda row: tuple(row[name] for name in order))
    return result


def unique(table: Table, rows: Iterable[tuple[Row, Any]]) -> Parsed:
    """Return the rows of one page with each identity once.

    A repetition with equal values is dropped, a contradictory one is refused; the first counts.

    Args:
        table: declares the identity and the compared values.
        rows: pairs of a row and what it was parsed from.
    """
    result = Parsed()
    first: dict[tuple[Any, ...], Row] = {}
    names = table.key[:-1] if table.keep == "vintage" else table.identity
    for row, raw in rows:
        key = tuple(row[name] for name in names)
        earlier = first.setdefault(key, row)
        if earlier is row:
            result.rows.append(row)
        elif any(earlier[name] != row[name] for name in table.compared):
            reason = "contradicts an earlier row with the same key on the same page"
            result.rejections.append(reject(table.name, reason, raw))
    return result
