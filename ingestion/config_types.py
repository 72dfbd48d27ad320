"""How settings are spelled in the environment, and what is said of those spelled wrongly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic_settings import NoDecode

PRICE_INTERVALS = ("5", "60")


def split(value: Any) -> Any:
    """Return text as the parts between its commas; anything else as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def spelled(value: tuple[str, ...], pattern: str, what: str, example: str) -> tuple[str, ...]:
    """Return ``value`` if every part of it is spelled as it should be.

    Raises:
        ValueError: a part does not match ``pattern``; names it, ``what`` it is not, an example.
    """
    for part in value:
        if not re.fullmatch(pattern, part):
            msg = f"{part} is not {what}; write it as {example}"
            raise ValueError(msg)
    return value


def _minutes(value: Any) -> Any:
    """Read bar lengths, the longest first: where something fails, the hours are there."""
    given = [str(part).strip() for part in (value.split(",") if isinstance(value, str) else value)]
    chosen = [part for part in given if part]
    if not chosen or set(chosen) - set(PRICE_INTERVALS):
        msg = f"must be one or more of {', '.join(PRICE_INTERVALS)}, in minutes"
        raise ValueError(msg)
    return tuple(sorted({int(part) for part in chosen}, reverse=True))


def _upper(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbol.upper() for symbol in value))


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "has no time zone; write it as 2024-01-31T12:00:00Z"
        raise ValueError(msg)
    return value.astimezone(UTC)


def _midnight(value: Any) -> Any:
    """Read a bare date as midnight UTC: a day has no zone to forget."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        return f"{value.strip()}T00:00:00Z"
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]
CommaSymbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(_upper)]
CommaMinutes = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_minutes)]
Moment = Annotated[datetime, AfterValidator(_aware)]
MomentOrDay = Annotated[datetime, BeforeValidator(_midnight), AfterValidator(_aware)]


def has_host_and_port(url: str) -> bool:
    """Return whether a server URL ends with host and port.

    A plain / # or ? in a password would cut the URL there, and show the rest as the host.
    """
    try:
        parts = urlsplit(url)
        rest = parts.path.strip("/") + parts.query + parts.fragment
        return bool(parts.hostname) and parts.port != 0 and not rest
    except ValueError:
        return False


def lines_of(error: ValidationError) -> list[str]:
    """Return one line per wrong setting, without its value, which may be a secret."""
    lines = []
    for part in error.errors(include_url=False, include_input=False, include_context=False):
        name = "_".join(str(step) for step in part["loc"]).upper()
        message = part["msg"].removeprefix("Value error, ")
        lines.append(f"CFW_{name}: {message}")
    return lines
