"""What a step works with: one extraction from one provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.history import Reader
from ingestion.http import HttpClient
from ingestion.rejections import Parsed, Rejection
from ingestion.tables import REJECTED_ROWS, Row, Table

logger = logging.getLogger(__name__)

#: After this many parts in a row failed for a reason that is the provider's, the rest is not asked.
GIVE_UP_AFTER = 3

T = TypeVar("T")


class Chunk(NamedTuple):
    """Candidate rows of one table, before the history is consulted."""

    table: Table
    rows: Sequence[Row]


@dataclass
class Extraction:
    """The tools and the findings of one run of one step.

    Attributes:
        source: the provider's name in ``rejected_rows``.
        clock: now, the same during the whole run.
        state: what the last successful run left; changes are stored with the rows.
        failures: parts that failed while others went on.
        notes: what a reader should know, though nothing failed.
        left_out: what a backfill asked for and was refused, though the rest of the piece came:
            the ledger does not call such a piece done.
    """

    source: str
    settings: Settings
    client: HttpClient
    reader: Reader
    assets: list[Asset]
    clock: datetime
    state: MutableMapping[str, Any] = field(default_factory=dict)
    failures: list[SourceError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    rejected: int = 0

    def each(
        self,
        parts: Iterable[T],
        fetch: Callable[[T], Iterator[Chunk]],
        *,
        one_host: bool = True,
    ) -> Iterator[Chunk]:
        """Fetch every part; one that fails is kept in ``failures`` and the others go on.

        Args:
            parts: symbols, feeds, series.
            fetch: yields the rows of one part.
            one_host: all parts come from one host, so that after some failures in a row that are
                the host's the rest is not asked.
        """
        in_a_row = 0
        waiting = list(parts)
        for position, part in enumerate(waiting):
            try:
                yield from fetch(part)
                in_a_row = 0
            except SourceError as error:
                logger.warning("%s", error)
                self.failures.append(error)
                in_a_row = in_a_row + 1 if error.provider_wide else 0
                if error.provider_wide and error.status in (None, 418, 451):
                    # No answer after every retry, a ban, a closed country: the next part would
                    # wait as long, or make it worse.
                    in_a_row = max(in_a_row, GIVE_UP_AFTER)
            left = len(waiting) - position - 1
            if one_host and in_a_row >= GIVE_UP_AFTER and left:
                self.notes.append(f"{left} more not asked: the provider fails as a whole")
                return

    def landed(self, table: Table, parsed: Parsed, *, is_sample: bool) -> Iterator[Chunk]:
        """Yield the rows of a page and its rejections, marked with where they came from."""
        for row in parsed.rows:
            row["is_sample"] = is_sample
        yield Chunk(table, parsed.rows)
        yield from self.refused(parsed.rejections, is_sample=is_sample)

    def refused(self, rejections: Sequence[Rejection], *, is_sample: bool) -> Iterator[Chunk]:
        """Yield the rows of ``rejected_rows``."""
        if rejections:
            rows = [self._rejected_row(rejection, is_sample) for rejection in rejections]
            yield Chunk(REJECTED_ROWS, rows)

    def _rejected_row(self, rejection: Rejection, is_sample: bool) -> Row:
        return {
            "source": self.source,
            "table_name": rejection.table,
            "row_hash": rejection.row_hash,
            "reason": self.client.redact(rejection.reason),
            "payload": self.client.redact(rejection.payload),
            "is_sample": is_sample,
        }
