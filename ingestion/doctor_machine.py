"""What the doctor finds on this machine: the settings, the keys, the folder, the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import IngestionError, SettingsError
from ingestion.limits import HostLedger
from ingestion.macro import fred
from ingestion.tables import PRICE_BARS

Level = Literal["ok", "warning", "error"]
#: Whose findings these are.
HERE = "this machine"


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at.

    Attributes:
        level: ``error`` needs a change before the step can work; ``warning`` may.
        provider: whose catalogue or address.
        subject: a symbol, a feed, or what was checked.
        message: one line, with the remedy where there is one.
    """

    level: Level
    provider: str
    subject: str
    message: str


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Yield what is right and wrong before anybody is asked."""
    yield from _folder(settings)
    yield _warehouse(settings)
    yield from _keys(settings)
    if "CFW_USER_AGENT" in settings.user_agent:
        text = "CFW_USER_AGENT names no contact; some feeds refuse clients that do not say who asks"
        yield Finding("warning", HERE, "user agent", text)


def _folder(settings: Settings) -> Iterator[Finding]:
    """Check that CFW_DATA_DIR can be written, and tell which hosts are left alone."""
    ledger = HostLedger(settings.data_dir)
    try:
        with ledger.change("doctor") as (_, now):
            pass
        states = ledger.states()
    except SettingsError as error:
        yield Finding("error", HERE, "CFW_DATA_DIR", str(error))
        return
    finally:
        ledger.close()
    yield Finding("ok", HERE, "CFW_DATA_DIR", f"{settings.data_dir} is writable")
    for host, state in sorted(states.items()):
        until = max(state.held_until, state.open_until)
        if until > now:
            moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            yield Finding("warning", host, "pause", f"is left alone until {moment}: {state.why}")


def _warehouse(settings: Settings) -> Finding:
    try:
        is_there = Warehouse(settings).has_table(PRICE_BARS.name)
    except (IngestionError, OSError) as error:
        level: Level = "warning" if "in use by" in str(error) else "error"
        return Finding(level, HERE, "CFW_WAREHOUSE_URL", str(error))
    text = "holds raw tables" if is_there else "reachable, still empty"
    return Finding("ok", HERE, "CFW_WAREHOUSE_URL", text)


def _keys(settings: Settings) -> Iterator[Finding]:
    reason = fred.skip_reason(settings)
    yield Finding("warning" if reason else "ok", "fred", "key", reason or "CFW_FRED_API_KEY is set")
    has_key = settings.coingecko_api_key is not None
    text = "CFW_COINGECKO_API_KEY is set" if has_key else "works without, slowly"
    yield Finding("ok", "coingecko", "key", text)
