"""Annual indicators of the sample: published eight months late, revised a year later."""

from __future__ import annotations

from datetime import date

import numpy as np

from ingestion.sandbox.model import AnnualValue

YEARS = range(2010, 2024)
#: Typical value of each indicator, in percent.
INDICATORS = {
    "US:FP.CPI.TOTL.ZG": 2.4,
    "US:FR.INR.RINR": 2.1,
    "US:NY.GDP.MKTP.KD.ZG": 2.3,
    "WLD:NY.GDP.MKTP.KD.ZG": 2.9,
}


def make_indicators(rng: np.random.Generator) -> dict[str, tuple[AnnualValue, ...]]:
    """Return every indicator by COUNTRY:INDICATOR."""
    return {name: _values(rng, level) for name, level in INDICATORS.items()}


def _values(rng: np.random.Generator, level: float) -> tuple[AnnualValue, ...]:
    rows: list[AnnualValue] = []
    for year in YEARS:
        value = level + float(rng.normal(0.0, 1.2))
        rows.append(AnnualValue(year, round(value, 6), date(year + 1, 9, 1)))
        revised = value + float(rng.normal(0.0, 0.05))
        rows.append(AnnualValue(year, round(revised, 6), date(year + 2, 5, 20)))
    return tuple(rows)
