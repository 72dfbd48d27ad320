"""The feature catalogue: what each column of the mart says of itself in the model's YAML `meta`.

`python -m flows.catalogue` writes docs/features.md from it (part of `make docs`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ingestion.config import PROJECT_ROOT

MART_YAML = Path("dbt_project/models/marts/ml_features_materialized.yml")
PAGE = Path("docs/features.md")
GROUPS = {
    "key": "Key",
    "pricing": "Prices and volume",
    "technical": "Technical indicators",
    "onchain": "On-chain",
    "macro": "Macro",
    "sentiment_coin": "News of the coin",
    "sentiment_market": "News and mood of the markets",
    "sentiment_general": "Crypto news of no single coin",
    "social": "Social posts",
    "quality": "Quality",
}


@dataclass(frozen=True)
class WarmUp:
    """How much history a value needs, this bar or hour included.

    Attributes:
        unit: `bars` of the symbol, or `hours` since its first bar.
        first_value: number of the first bar or hour that can have a value.
        settled: number of the first one whose value no longer depends on where history starts.
        awaits: columns that must have had their first value: their source has no fixed rhythm.
    """

    unit: str
    first_value: int
    settled: int
    awaits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feature:
    """One column of the mart with its catalogue entry; a bound that there is not is None."""

    name: str
    data_type: str
    description: str
    group: str
    formula: str
    parameters: Mapping[str, Any]
    seed_rule: str
    warm_up: WarmUp
    null_rule: str
    unit: str
    bounds: tuple[float | None, float | None]
    source: tuple[str, ...]
    availability: str
    reference: str

    @property
    def range(self) -> str:
        """The bounds as text; `-` without any."""
        low, high = self.bounds
        if low is None and high is None:
            return "-"
        if high is None:
            return f">= {low:g}"
        return f"<= {high:g}" if low is None else f"{low:g} to {high:g}"

    @property
    def warm_up_text(self) -> str:
        """The warm-up as a reader wants it."""
        need, parts = self.warm_up, []
        if need.settled > 1:
            early = 1 < need.first_value < need.settled
            first = f" (first value at {need.first_value})" if early else ""
            parts.append(f"{need.settled} {need.unit}{first}")
        if need.awaits == (self.name,):
            parts.append("its first value")
        elif need.awaits:
            parts.append(f"the first {', '.join(need.awaits)}")
        return ", and ".join(parts) or "none"


def read_catalogue(root: Path = PROJECT_ROOT) -> list[Feature]:
    """Return the columns of the mart in their order."""
    declared = yaml.safe_load((root / MART_YAML).read_text("utf-8"))
    return [_feature(column) for column in declared["models"][0]["columns"]]


def _feature(column: Mapping[str, Any]) -> Feature:
    meta = dict(column["meta"])
    low, high = meta.pop("range") or (None, None)
    warm_up = dict(meta.pop("warm_up"))
    awaits = tuple(warm_up.pop("awaits", ()))
    return Feature(
        name=column["name"],
        data_type=column["data_type"],
        description=column["description"],
        bounds=(low, high),
        warm_up=WarmUp(**warm_up, awaits=awaits),
        source=tuple(meta.pop("source")),
        **meta,
    )


def page(features: list[Feature]) -> str:
    """Return the catalogue as a Markdown page."""
    return "\n".join(_lines(features)) + "\n"


_HEAD = f"""# Feature catalogue

<!-- Made by `make docs` from {MART_YAML.as_posix()}; change it there. -->

The columns of `ml_features_materialized`, one row per symbol and hour. A row's values are known
at its bar's close, `timestamp_iso` + 1 hour; nothing that became available later is used.

*Warm-up*: the number of the first bar (of the symbol) or hour (of history), counted from 1, from
which a value is the same wherever history starts, to 1e-9; before it a value is NULL or still leans
on its start. [leakage.md](leakage.md) has what was measured,
[decision 13](decisions/0013-warm-up.md) the reasons.

| column | type | unit | range | warm-up |
|---|---|---|---|---|"""


def _lines(features: list[Feature]) -> Iterator[str]:
    yield _HEAD
    for one in features:
        link = f"[{one.name}](#{one.name})"
        yield f"| {link} | {one.data_type} | {one.unit} | {one.range} | {one.warm_up_text} |"
    for group, title in GROUPS.items():
        yield ""
        yield f"## {title}"
        for one in features:
            if one.group == group:
                yield from _section(one)


def _section(one: Feature) -> Iterator[str]:
    parameters = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in one.parameters.items()
    )
    rows = {
        "formula": one.formula,
        "parameters": parameters or "-",
        "seed": one.seed_rule,
        "warm-up": one.warm_up_text,
        "NULL": one.null_rule,
        "unit": one.unit,
        "range": one.range,
        "source": ", ".join(f"`{table}`" for table in one.source),
        "available": one.availability,
        "checked against": one.reference,
    }
    yield ""
    yield f"### {one.name}"
    yield ""
    yield one.description
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, value in rows.items():
        yield f"| {name} | {value} |"


def main() -> None:
    """Write the page."""
    target = PROJECT_ROOT / PAGE
    target.write_text(page(read_catalogue()), "utf-8")
    sys.stdout.write(f"{PAGE}: {len(read_catalogue())} columns\n")


if __name__ == "__main__":
    main()
