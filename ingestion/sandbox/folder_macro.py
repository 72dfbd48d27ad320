"""Macro series of a folder: latest values of unknown vintage, dated vintages, and the mood."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

from ingestion.sandbox.model import FearGreedDay, MacroSeries, MacroVintage

#: Frequency, and days from an observation's date until its value is shown. The lag holds only
#: for rows of unknown vintage, and errs on the late side.
DAILY, WEEKLY, MONTHLY = ("D", 1), ("W", 7), ("M", 45)
SCHEDULE = {
    **dict.fromkeys(("CCSA", "ICSA", "NFCI", "WALCL", "TREAST", "WRESBAL"), WEEKLY),
    **dict.fromkeys(("MBST", "WSHOMCB"), WEEKLY),
    **dict.fromkeys(("CPIAUCSL", "CPILFESL", "FEDFUNDS", "INDPRO", "PAYEMS"), MONTHLY),
    **dict.fromkeys(("PPIACO", "PPIFES", "RSAFS", "UMCSENT", "UNRATE"), MONTHLY),
    "PCEPILFE": ("M", 61),
    "JTSJOL": ("M", 70),
}


def load_macro(folder: Path) -> dict[str, MacroSeries]:
    """Return every series of the folder by its id."""
    rows: dict[str, list[MacroVintage]] = {}
    for file in sorted(folder.glob("macro/fred_latest*.csv.gz")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        columns = (table[name] for name in ("series_id", "date", "value"))
        for series, day, value in zip(*columns, strict=True):
            vintage = MacroVintage(date.fromisoformat(day), _text(value))
            rows.setdefault(series, []).append(vintage)
    for file in sorted(folder.glob("macro/fred_vintages*.csv.gz")):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        columns = (table[name] for name in ("series_id", "date", "value", "known_at"))
        for series, day, value, known_at in zip(*columns, strict=True):
            known = datetime.fromisoformat(known_at).astimezone(UTC).date()
            vintage = MacroVintage(date.fromisoformat(day), _text(value), known)
            rows.setdefault(series, []).append(vintage)
    return {name: _series(name, vintages) for name, vintages in sorted(rows.items())}


def load_fear_greed(folder: Path) -> tuple[FearGreedDay, ...]:
    """Return the fear and greed index that came with one asset's on-chain days."""
    file = folder / "onchain_daily" / "cm2026_btc.csv.gz"
    if not file.is_file():
        return ()
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if "FearGreedValue" not in table:
        return ()
    pairs = zip(table["time"], table["FearGreedValue"], strict=True)
    return tuple(
        FearGreedDay(date.fromisoformat(day[:10]), int(float(value)))
        for day, value in pairs
        if value
    )


def _series(name: str, vintages: list[MacroVintage]) -> MacroSeries:
    frequency, lag = SCHEDULE.get(name, DAILY)
    vintages.sort(key=lambda v: (v.observation_date, v.realtime_start or date.min))
    return MacroSeries(name, tuple(vintages), name, frequency, lag_days=lag)


def _text(value: str) -> str:
    return value.removesuffix(".0") or "."
