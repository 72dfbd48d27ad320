"""Which feeds are read: the table of the project, or the setting."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingestion.config import Settings
from ingestion.errors import SettingsError

FEEDS_FILE = Path(__file__).with_name("feeds.toml")
CATEGORIES = ("crypto", "market")


@dataclass(frozen=True)
class Feed:
    """A feed; ``category`` is ``crypto`` or ``market``."""

    name: str
    category: str
    url: str


def feeds_of(settings: Settings) -> list[Feed]:
    """Return the feeds of ``CFW_FEEDS`` (``name|category|url``, comma-separated) or the table's.

    Raises:
        SettingsError: an entry is not of that form, or a name comes twice.
    """
    if settings.feeds:
        feeds = [_from_setting(entry) for entry in settings.feeds]
    else:
        entries = tomllib.loads(FEEDS_FILE.read_text(encoding="utf-8"))["feeds"]
        feeds = [Feed(**entry) for entry in entries]
    names = [feed.name for feed in feeds]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        msg = f"CFW_FEEDS: {', '.join(sorted(twice))} is there twice; give each feed its own name"
        raise SettingsError(msg)
    return feeds


def _from_setting(entry: str) -> Feed:
    parts = [part.strip() for part in entry.split("|", 2)]
    if (
        len(parts) != 3
        or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", parts[0])
        or parts[1] not in CATEGORIES
        or urlsplit(parts[2]).scheme not in ("http", "https")
    ):
        msg = f"CFW_FEEDS: {entry[:100]!r} is not name|{'/'.join(CATEGORIES)}|http address"
        raise SettingsError(msg)
    return Feed(*parts)
