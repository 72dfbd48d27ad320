"""Coin Metrics' wide rows, as pure functions: an asset's day with a column per metric."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from ingestion.onchain.days import available_at, end_of, onchain_row
from ingestion.rejections import Parsed, reject, unique
from ingestion.tables import ONCHAIN_METRICS, Row
from ingestion.validate import Invalid, iso_time, number, refuse, text

PROVIDER = "coinmetrics"
#: Assets that moved to a chain of their own: the id of that chain, and the first day it counts.
SUCCESSORS = {"bnb": ("bnb_mainnet", date(2019, 4, 18))}
_SINCE = dict(SUCCESSORS.values())


def with_successors(symbols: dict[str, str]) -> dict[str, str]:
    """Return the symbol of every id, those of the chains that assets moved to included."""
    moved = {
        SUCCESSORS[asset][0]: symbol for asset, symbol in symbols.items() if asset in SUCCESSORS
    }
    return {**symbols, **moved}


def is_successor(asset: str) -> bool:
    """Return whether an id is that of a chain that an asset moved to."""
    return asset in _SINCE


def counts_on(asset: str, day: date) -> bool:
    """Return whether an id stands for its symbol on a day: the old chain lived on for a while."""
    if asset in SUCCESSORS:
        return day < SUCCESSORS[asset][1]
    return day >= _SINCE.get(asset, date.min)


def parse_metrics(
    data: list[Any],
    symbols: dict[str, str],
    metrics: tuple[str, ...],
    clock: datetime,
    *,
    archive: bool = False,
) -> Parsed:
    """Return one row per asset, day and metric of a page, and what is refused.

    A bad number costs its own metric, not the day.
    """
    kept: list[tuple[Row, Any]] = []
    bad = Parsed()
    for raw in data:
        try:
            asset, day = _asset_and_day(raw, symbols, clock)
        except Invalid as error:
            bad.add(reject(ONCHAIN_METRICS.name, str(error), raw))
            continue
        if end_of(day) > clock or not counts_on(asset, day):
            continue  # still running, or the day of another chain
        public = available_at(day, clock, archive=archive)
        for metric in metrics:
            if raw.get(metric) is None:
                continue
            cell = {"asset": raw["asset"], "time": raw["time"], metric: raw[metric]}
            try:
                value = number(raw[metric], metric, as_text=True)
            except Invalid as error:
                bad.add(reject(ONCHAIN_METRICS.name, str(error), cell))
            else:
                kept.append(
                    (onchain_row(PROVIDER, symbols[asset], metric, day, value, public), cell)
                )
    result = unique(ONCHAIN_METRICS, kept)
    result.rejections += bad.rejections
    return result


def _asset_and_day(raw: Any, symbols: dict[str, str], clock: datetime) -> tuple[str, date]:
    if not isinstance(raw, dict):
        refuse("the row is not an object")
    asset = text(raw.get("asset"), "asset").lower()  # as every id of the catalogue
    if asset not in symbols:
        refuse(f"unknown symbol: {asset[:64]} was not asked for")
    moment = iso_time(raw.get("time"), "time")
    if moment.time() != time(0):
        refuse("time is not the start of a day")
    if moment > clock:
        refuse("time lies in the future")
    return asset, moment.date()
