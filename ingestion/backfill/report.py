"""What a backfill did, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SourceReport:
    """What a backfill did at one provider.

    Attributes:
        chunks: pieces that the plan held; ``done`` of them are in the ledger now.
        rows_read: rows that the pieces held; ``new_rows`` of them were not stored before.
        requests: requests sent, retries included; the contract needs ``planned_requests``.
        failures: one line per part that failed.
        notes: what a reader should know, though nothing failed.
    """

    provider: str
    chunks: int = 0
    done: int = 0
    rows_read: int = 0
    new_rows: int = 0
    rejected: int = 0
    requests: int = 0
    planned_requests: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """Where a backfill stands: pieces of the whole plan, and rows read."""

    label: str
    pieces: int
    total: int
    rows: int
