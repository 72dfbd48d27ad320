"""Glassnode's names and points, as pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import partial
from typing import Any

from ingestion.onchain.days import available_at, end_of, onchain_row
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import ONCHAIN_METRICS, Row
from ingestion.validate import not_future, number, refuse, unix_time

PROVIDER = "glassnode"
PIT = "_pit"
#: category/metric, the currency of a volume, and the name to store it under.
SPELLING = re.compile(r"([a-z0-9_]+/[a-z0-9_]+)(?::(usd|native))?(?:=([A-Za-z0-9_]{1,64}))?")


@dataclass(frozen=True)
class Metric:
    """A metric of the settings.

    Attributes:
        path: Glassnode's own name, ``category/metric``.
        currency: ``usd`` or ``native`` for a volume; None elsewhere.
        stored_as: the name in the warehouse, if it is not Glassnode's own.
    """

    path: str
    currency: str | None = None
    stored_as: str | None = None

    @property
    def key(self) -> str:
        """What tells two metrics apart."""
        return f"{self.path}:{self.currency}" if self.currency else self.path

    @property
    def pit_path(self) -> str:
        """The point-in-time series of the metric."""
        return self.path if self.path.endswith(PIT) else self.path + PIT

    def name_of(self, path: str) -> str:
        """Return the name under which the values of ``path`` are stored."""
        if self.stored_as:
            return self.stored_as
        return f"{path}:{self.currency}" if self.currency else path


def parse_metric(spelled: str) -> Metric:
    """Return the metric of a setting, ``category/metric[:currency][=NAME]``.

    Raises:
        ValueError: it is not spelled so, or too long to be stored.
    """
    found = SPELLING.fullmatch(spelled)
    if found is None:
        msg = f"{spelled} is not CATEGORY/METRIC; write it as addresses/active_count"
        raise ValueError(msg)
    metric = Metric(found[1], found[2], found[3])
    if len(metric.name_of(metric.pit_path)) > 64:
        msg = f"{spelled} is longer than 64 characters; store it under a name: {metric.path}=NAME"
        raise ValueError(msg)
    return metric


def parse_points(
    data: Sequence[Any], symbol: str, metric: str, clock: datetime, *, archive: bool = False
) -> Parsed:
    """Return the days of a series, oldest first, and what is refused.

    Args:
        data: the points.
        symbol: whose they are.
        metric: the name to store them under.
        clock: now.
        archive: they come from a backfill.
    """
    parse = partial(_point, symbol=symbol, metric=metric, clock=clock, archive=archive)
    return parse_page(
        ONCHAIN_METRICS,
        parse,
        data,
        label=lambda raw: {"symbol": symbol, "metric": metric, "point": raw},
        order=("day",),
    )


def _point(raw: Any, symbol: str, metric: str, clock: datetime, archive: bool) -> Row | None:
    if not isinstance(raw, dict):
        refuse("the point is not an object")
    moment = unix_time(raw.get("t"), "t")
    if moment.time() != time(0):
        refuse("t is not the start of a day")
    if moment > clock:
        refuse("t lies in the future")
    if "v" not in raw:
        refuse("v is missing")
    day = moment.date()
    if raw["v"] is None or end_of(day) > clock:
        return None  # unknown, or still running
    value = number(raw["v"], "v")
    public = available_at(day, clock, archive=archive)
    if raw.get("computed_at") is not None:
        computed = not_future(unix_time(raw["computed_at"], "computed_at"), "computed_at", clock)
        public = min(max(public, computed), clock)
    return onchain_row(PROVIDER, symbol, metric, day, value, public)
