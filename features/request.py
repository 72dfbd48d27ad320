"""What a reader asks for, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from features.errors import FeatureError, unknown
from flows.definition import mart_columns
from ingestion.assets import read_assets
from ingestion.config import Settings

Moment = str | date | datetime | None

KEY = ("symbol", "timestamp_iso")
_TYPES = {
    "varchar": pa.string(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "double": pa.float64(),
    "decimal": pa.float64(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class Request:
    """A checked request.

    Attributes:
        symbols: as asked for, without repetitions, sorted; empty means all.
        start: first opening hour, included; None: from the first bar.
        end: opening hour at which to stop, excluded; None: to the newest bar.
        columns: the key first, then those asked for, in the mart's order.
    """

    symbols: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    columns: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the answer."""
        return schema_of(self.columns)


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the Arrow types of the mart's columns; `decimal` is read as float64."""
    types = mart_columns()
    return pa.schema(
        [
            pa.field(name, _TYPES[re.split(r"\W", types[name])[0]], nullable=name not in KEY)
            for name in columns
        ]
    )


def request(
    settings: Settings,
    symbols: str | Sequence[str] | None,
    start: Moment,
    end: Moment,
    columns: str | Sequence[str] | None,
) -> Request:
    """Check a request.

    Raises:
        FeatureError: an unknown symbol or column (with near matches), or an impossible range.
    """
    wanted = sorted(dict.fromkeys(_names(symbols)))
    listed = [asset.symbol for asset in read_assets(settings.assets_path)] if wanted else []
    if strange := [name for name in wanted if name not in listed]:
        raise FeatureError(unknown("symbol", strange, listed) + "; `cfw doctor` checks the list")
    known = list(mart_columns())
    asked = _names(columns) or known
    if strange := [name for name in asked if name not in known]:
        raise FeatureError(unknown("column", strange, known) + "; the mart has 53 columns")
    first, last = moment("start", start), moment("end", end)
    if first is not None and last is not None and first >= last:
        msg = (
            f"start {first:%Y-%m-%d %H:%M} is not before end {last:%Y-%m-%d %H:%M}; end is excluded"
        )
        raise FeatureError(msg)
    chosen = tuple(name for name in known if name in KEY or name in asked)
    return Request(tuple(wanted), first, last, chosen)


def moment(name: str, value: Moment) -> datetime | None:
    """Return an aware UTC time; a bare date is midnight UTC.

    Raises:
        FeatureError: not a time, or one without an offset from UTC.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            msg = f"{name} {value}: not a time; write it as 2024-01-31 or 2024-01-31T12:00:00Z"
            raise FeatureError(msg) from None
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        msg = (
            f"{name} {value.isoformat()}: has no offset from UTC; write it as {value.isoformat()}Z"
        )
        raise FeatureError(msg)
    return value.astimezone(UTC)


def _names(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    parts = value.split(",") if isinstance(value, str) else list(value)
    return [part.strip() for part in parts if part.strip()]
