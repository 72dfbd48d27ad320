"""On-chain days of a folder: two snapshots put together, and what was seen first and later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from ingestion.sandbox.model import OnchainVersion

Versions = tuple[OnchainVersion, ...]
Texts = dict[date, str]

NOT_METRICS = frozenset({"time", "asset", "FearGreedValue"})


def load_onchain(folder: Path) -> Mapping[str, Mapping[str, Versions]]:
    """Return every asset's metrics, each file read when its asset is first asked for."""
    assets = {
        file.name.split("_", 1)[1].removesuffix(".csv.gz")
        for file in folder.glob("onchain_daily/cm20[0-9][0-9]_*.csv.gz")
    }
    return LazyOnchain(folder, sorted(assets))


class LazyOnchain(Mapping[str, Mapping[str, Versions]]):
    """Assets by id; the metrics of one are read and kept at its first use."""

    def __init__(self, folder: Path, assets: list[str]) -> None:
        """Name the assets, and read nothing yet."""
        self._folder = folder
        self._assets = assets
        self._loaded: dict[str, dict[str, Versions]] = {}
        self._seen: dict[str, dict[str, list[OnchainVersion]]] | None = None

    def __getitem__(self, asset: str) -> Mapping[str, Versions]:
        if asset not in self._loaded:
            if asset not in self._assets:
                raise KeyError(asset)
            if self._seen is None:
                self._seen = _read_seen(self._folder)
            self._loaded[asset] = _asset(self._folder, asset, self._seen.get(asset, {}))
        return self._loaded[asset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._assets)

    def __len__(self) -> int:
        return len(self._assets)


def _asset(folder: Path, asset: str, seen: dict[str, list[OnchainVersion]]) -> dict[str, Versions]:
    final = _final_values(folder, asset)
    found: dict[str, Versions] = {}
    for metric in sorted(final.keys() | seen.keys()):
        known = seen.get(metric, [])
        days = {version.day for version in known}
        rest = [
            OnchainVersion(day, value)
            for day, value in final.get(metric, {}).items()
            if day not in days
        ]
        found[metric] = tuple(sorted([*known, *rest], key=lambda v: (v.day, v.visible_from())))
    return found


def _final_values(folder: Path, asset: str) -> dict[str, Texts]:
    """Return values by metric and day; the first snapshot wins where both have one."""
    daily = folder / "onchain_daily"
    found = _read(daily / f"cm2020_{asset}.csv.gz")
    for metric, values in _read(daily / f"cm2026_{asset}.csv.gz").items():
        found[metric] = {**values, **found.get(metric, {})}
    return found


def _read(file: Path) -> dict[str, Texts]:
    """Return the values of one file as they are written, less a ".0" at the end."""
    if not file.is_file():
        return {}
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    days = [date.fromisoformat(text[:10]) for text in table["time"]]
    found: dict[str, Texts] = {}
    for metric in table.columns:
        if metric not in NOT_METRICS:
            pairs = zip(days, table[metric], strict=True)
            found[metric] = {day: value.removesuffix(".0") for day, value in pairs if value}
    return {metric: values for metric, values in found.items() if values}


def _read_seen(folder: Path) -> dict[str, dict[str, list[OnchainVersion]]]:
    """Return what was seen when. The first load of all tells nothing about when it was known."""
    found: dict[str, dict[str, list[OnchainVersion]]] = {}
    for file in sorted(folder.glob("onchain_vintages/*.csv.gz")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        initial = table["known_at"].min()
        columns = (table[name] for name in ("asset", "metric", "date", "value", "known_at"))
        for asset, metric, day, value, known_at in zip(*columns, strict=True):
            if not value:
                continue
            known = None if known_at == initial else _moment(known_at)
            version = OnchainVersion(date.fromisoformat(day[:10]), value.removesuffix(".0"), known)
            found.setdefault(asset, {}).setdefault(metric, []).append(version)
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
