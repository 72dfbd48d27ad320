"""Columns as the declarations of the raw tables spell them."""

from __future__ import annotations

from ingestion.schema import Column


def text(name: str, length: int | None = None, *, nullable: bool = False) -> Column:
    """Return a column of text, of any length without ``length``."""
    return Column(name, "text", length, nullable)


def doubles(*names: str, nullable: bool = False) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(name, "double", nullable=nullable) for name in names)


def moment(name: str, *, nullable: bool = False) -> Column:
    """Return a column of a moment."""
    return Column(name, "timestamp", nullable=nullable)


def bigint(name: str, *, nullable: bool = False) -> Column:
    """Return a column of whole numbers."""
    return Column(name, "bigint", nullable=nullable)


#: Every raw row ends with these two.
COMMON = (moment("loaded_at"), Column("is_sample", "bool"))
