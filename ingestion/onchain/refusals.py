"""What a provider refused, so that the next run does not ask for it again, until some days later.

A refusal costs only what it is about. Where the answer names a metric or an asset, that one is
left out; where it names none, the request is halved until the culprit stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from ingestion.errors import SourceError

#: A refused metric is asked for again after this time: tiers and catalogues change.
RETRY_AFTER = timedelta(days=7)
EVERY = "*"
_QUOTED = re.compile(r"'([^']*)'")
_PARAMETER = re.compile(r"[Pp]arameter '(\w+)'")


@dataclass(frozen=True)
class Wanted:
    """Metrics of assets over days, both ends included."""

    assets: tuple[str, ...]
    metrics: tuple[str, ...]
    first: date
    last: date


class Refusals:
    """The refusals that are remembered: (asset, metric) pairs, either of which may be any."""

    def __init__(self, memory: MutableMapping[str, Any], clock: datetime) -> None:
        """Take up ``memory``, a part of the step's state, less what is to be tried again."""
        self._memory = memory
        self._today = clock.date()
        self._new: set[str] = set()
        for key in [key for key, entry in memory.items() if self._is_over(entry)]:
            del memory[key]

    def _is_over(self, entry: dict[str, Any]) -> bool:
        return self._today - date.fromisoformat(entry["on"]) >= RETRY_AFTER

    def add(self, asset: str, metric: str, status: int | None) -> None:
        """Remember that a pair was refused; ``EVERY`` stands for all assets or all metrics."""
        key = f"{asset}|{metric}"
        self._new.add(key)
        self._memory[key] = {"on": self._today.isoformat(), "status": status}

    def forget_new(self) -> None:
        """Forget what was refused since the start: all was, so it says nothing about any."""
        for key in self._new:
            self._memory.pop(key, None)
        self._new.clear()

    def has(self, asset: str, metric: str) -> bool:
        """Return whether the pair is not to be asked for."""
        pairs = ((asset, metric), (EVERY, metric), (asset, EVERY))
        return any(f"{one}|{other}" in self._memory for one, other in pairs)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs that are not to be asked for, with ``EVERY`` for any."""
        return [
            (asset, metric) for asset, _, metric in (key.partition("|") for key in self._memory)
        ]

    def allowed(self, asset: str, metrics: Iterable[str]) -> tuple[str, ...]:
        """Return the metrics of an asset that may be asked for, in their order."""
        return tuple(metric for metric in metrics if not self.has(asset, metric))

    def split(self, wanted: Wanted) -> list[Wanted]:
        """Return ``wanted`` without what is refused: one part per set of metrics."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for asset in wanted.assets:
            if metrics := self.allowed(asset, wanted.metrics):
                groups.setdefault(metrics, []).append(asset)
        return [
            replace(wanted, assets=tuple(assets), metrics=metrics)
            for metrics, assets in groups.items()
        ]

    def notes(self) -> list[str]:
        """Return one line that names what is not asked for, and until when; none if nothing is."""
        by_day: dict[str, list[str]] = {}
        for key, entry in sorted(self._memory.items()):
            asset, metric = key.split("|", 1)
            name = metric if asset == EVERY else asset if metric == EVERY else f"{asset} {metric}"
            by_day.setdefault(entry["on"], []).append(name)
        return [
            f"refused by the provider, not asked again before "
            f"{date.fromisoformat(day) + RETRY_AFTER}: {', '.join(names)}"
            for day, names in sorted(by_day.items())
        ]

    def narrow(self, part: Wanted, error: SourceError) -> tuple[list[Wanted], bool]:
        """Take in the refusal of ``part``.

        Returns:
            What is still to be asked for of it, and whether an id of the settings is wrong (not
            merely outside this tier), which the reader should hear as a failure.

        Raises:
            SourceError: the refusal is about neither metrics nor assets.
        """
        if error.status not in (400, 403, 404) or "an HTML page" in error.what:
            raise error
        asset, metric = named(error.what, part)
        is_wrong = error.status != 403 and (asset is None or metric is None)
        if metric is not None and asset is not None:
            return self._pair(part, asset, metric, error.status), is_wrong
        if metric is not None:
            self.add(EVERY, metric, error.status)
            return self.split(part), is_wrong
        if asset is not None:
            self.add(asset, EVERY, error.status)
            return self.split(part), is_wrong
        parameter = _PARAMETER.search(error.what)
        if error.status == 404 or (parameter and parameter[1] not in ("assets", "metrics")):
            raise error
        if len(part.assets) == len(part.metrics) == 1:
            self.add(part.assets[0], part.metrics[0], error.status)
            return [], is_wrong
        return halves(part), False

    def _pair(self, part: Wanted, asset: str, metric: str, status: int | None) -> list[Wanted]:
        """One metric of one asset is refused; its other assets may have it."""
        self.add(asset, metric, status)
        others = tuple(name for name in part.metrics if name != metric)
        rest = [replace(part, metrics=others)] if others else []
        assets = tuple(name for name in part.assets if name != asset)
        return rest + ([replace(part, assets=assets, metrics=(metric,))] if assets else [])


def named(text: str, part: Wanted) -> tuple[str | None, str | None]:
    """Return the asset and the metric of ``part`` that a refusal quotes; None where it does not."""
    quoted = _QUOTED.findall(text)
    asset = next((name for name in quoted if name in part.assets), None)
    metric = next((name for name in quoted if name in part.metrics), None)
    return asset, metric


def halves(part: Wanted) -> list[Wanted]:
    """Return two requests that together ask for the same: halved by metric, else by asset."""
    if len(part.metrics) > 1:
        middle = len(part.metrics) // 2
        return [replace(part, metrics=side) for side in _cut(part.metrics, middle)]
    return [replace(part, assets=side) for side in _cut(part.assets, len(part.assets) // 2)]


def _cut(names: tuple[str, ...], middle: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return names[:middle], names[middle:]
