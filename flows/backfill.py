"""What a backfill is asked for, checked: by the command line and by the flow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.errors import RunError
from ingestion.assets import read_assets
from ingestion.backfill.intervals import Interval
from ingestion.backfill.planning import Plan, Wanted, make_plan
from ingestion.backfill.sources import BackfillSource
from ingestion.config import Settings

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def plan_of(settings: Settings, sources: Sequence[BackfillSource], wanted: Wanted) -> Plan:
    """Return what is missing, and how it would be read.

    Raises:
        RunError: the sources have no bars of the wanted length.
    """
    made = make_plan(settings, sources, wanted)
    if wanted.minutes is not None and not made.items:
        read = ", ".join(map(str, settings.price_intervals))
        msg = (
            f"--interval {wanted.minutes}: {names_of(sources)} has no bars of that length to read; "
            f"exchanges read those of CFW_PRICE_INTERVALS ({read})"
        )
        raise RunError(msg)
    return made


def settings_for(
    group: str,
    symbols: str,
    from_dir: Path | None,
    provider: str,
    settings: Settings | None = None,
) -> Settings:
    """Return the settings of a backfill.

    Args:
        group: the group of sources.
        symbols: comma list of assets; empty means those of the settings.
        from_dir: a folder of the archive's files.
        provider: the one provider asked for, if any.
        settings: what the other settings are; the environment's if None.

    Raises:
        RunError: an unknown symbol, or an option that this backfill does not have.
    """
    changes: dict[str, Any] = {}
    settings = settings or Settings()
    if symbols:
        changes["symbols"] = _symbols(group, symbols, settings)
    if from_dir is not None:
        if provider != "binance-archive":
            msg = "--from-dir: only --provider binance-archive reads files"
            raise RunError(msg)
        if not from_dir.is_dir():
            msg = f"--from-dir {from_dir}: no such folder"
            raise RunError(msg)
        changes["binance_archive_dir"] = from_dir
    return settings.model_copy(update=changes)


def _symbols(group: str, text: str, settings: Settings) -> tuple[str, ...]:
    if group == "macro":
        msg = "--symbols: macro series belong to no asset; leave it out"
        raise RunError(msg)
    wanted = [part.strip().upper() for part in text.split(",") if part.strip()]
    known = {asset.symbol for asset in read_assets(settings.assets_path)}
    if unknown := [symbol for symbol in wanted if symbol not in known]:
        msg = f"--symbols {', '.join(unknown)}: not in {settings.assets_path}; add a row there"
        raise RunError(msg)
    return tuple(dict.fromkeys(wanted))


def window_of(start: str, end: str, clock: datetime) -> Interval:
    """Return the stretch of time between two days or moments, as a user writes them.

    Raises:
        RunError: not a time, without an offset, in the future, or the wrong way round.
    """
    first = _moment("--from", start)
    last = _moment("--to", end) if end else clock
    if last > clock:
        msg = f"--to {end}: lies in the future; it is {clock:%Y-%m-%dT%H:%M:%SZ} now"
        raise RunError(msg)
    if first >= last:
        msg = f"--from {start}: is not before --to {end or 'now'}; --to is not included"
        raise RunError(msg)
    return Interval(first, last)


def _moment(option: str, text: str) -> datetime:
    """Return a day's start, or a moment with its offset, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{option} {text}: not a time; write it as 2024-01-31 or 2024-01-31T12:00:00Z"
        raise RunError(msg) from None
    if _DATE.fullmatch(text):
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        msg = f"{option} {text}: has no offset from UTC; write it as {text}Z"
        raise RunError(msg)
    return moment.astimezone(UTC)


def names_of(sources: Sequence[BackfillSource]) -> str:
    """Return the names of sources, for a message."""
    return ", ".join(source.name for source in sources)
