"""The proof as a table for people: in the terminal, and in docs/leakage.md."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from flows.leakage.compare import TOLERANCE, ColumnProof
from flows.leakage.proof import Proof

PAGE_HEAD = """# Leakage and warm-up

What `cfw leakage` found. It takes rows away from the raw history, builds the mart anew from what is
left, and compares it with the mart built from everything:

- *Prefix replay*: without what became available after a random moment T. Every row that closes by
  T must stand as it is in the whole mart; a value that differs was **rewritten**: it had seen the
  future.
- *Late start*: without what lies before a random midnight. From the declared warm-up on
  ([features.md](features.md)) every value must agree with the whole mart; the **error** is the
  largest difference, relative to the value or to the symbol's usual (median) one where that is
  larger. Before its declared first value a column must have none: one that has is **too early**.

Both must hold to 1e-9: sums are not added in the same order twice. A NULL on one side alone counts
as rewritten, or as an infinite error. How the warm-ups were derived:
[decision 13](decisions/0013-warm-up.md). The same runs in the tests on each change, on a part of
the sample; for a warehouse of your own:

```console
CFW_WAREHOUSE_URL=duckdb:///data/demo.duckdb cfw leakage --moments 3 --starts 2
```
"""


def rows_of(proof: Proof, *, is_short: bool = False) -> list[dict[str, Any]]:
    """Return a row per column for JSON; short, for a table that fits a terminal."""
    if is_short:
        return [
            {
                "column": one.name,
                "rewritten": one.rewritten,
                "warm-up": one.warm_up.split(" (")[0].split(", and")[0],
                "error": error_of(one),
                "verdict": verdict(one),
            }
            for one in proof.columns
        ]
    return [
        {
            "column": one.name,
            "replayed": one.replayed,
            "rewritten": one.rewritten,
            "warm_up": one.warm_up,
            "settled": one.settled,
            "error": None if math.isinf(one.error) else one.error,
            "null_differs": math.isinf(one.error),
            "too_early": one.early,
            "verdict": verdict(one),
        }
        for one in proof.columns
    ]


def verdict(one: ColumnProof) -> str:
    """Return what the findings of a column say in a word."""
    if not one.is_good:
        return "BAD"
    return "good" if one.replayed and one.settled else "no values"


def error_of(one: ColumnProof) -> str:
    """Return the largest error after the warm-up as text."""
    if math.isinf(one.error):
        return "NULL differs"
    return f"{one.error:.1e}" if one.error else "0"


def title_of(proof: Proof) -> str:
    """Return on what the proof was made, in one line."""
    kind = "sample" if proof.is_sample else "real"
    return (
        f"{proof.rows:,} rows of {proof.symbols} symbols ({kind} bars, "
        f"{proof.first:%Y-%m-%d} to {proof.last:%Y-%m-%d})"
    )


def block(proof: Proof, name: str, today: date, note: str = "") -> str:
    """Return the proof as a section of the page, between two marks that carry its name."""
    return "\n".join((f"<!-- proof:{name} -->", *_lines(proof, name, today, note), "<!-- end -->"))


def _lines(proof: Proof, name: str, today: date, note: str) -> Iterator[str]:
    cuts = {
        kind: ", ".join(f"{cut.moment:%Y-%m-%d %H:%M}" for cut in proof.cuts if cut.kind == kind)
        for kind in ("prefix", "late")
    }
    bad = [one.name for one in proof.columns if not one.is_good]
    yield f"## {name.capitalize()}"
    yield ""
    yield f"Made on {today.isoformat()} from {title_of(proof)}. {note}".rstrip()
    yield f"Prefixes up to {cuts['prefix']}; late starts at {cuts['late']} UTC."
    yield (
        f"{proof.restated:,} rows that a corrected bar restates were left out."
        if proof.restated
        else "No bar was corrected."
    )
    worst = max((one.error for one in proof.columns), default=0.0)
    rewritten = sum(one.rewritten for one in proof.columns)
    yield (
        f"**{rewritten:,} values rewritten; largest error after the warm-up {worst:.1e}"
        f" (allowed {TOLERANCE:.0e})**"
        + (f"; broken: {', '.join(bad)}." if bad else "; every column with values good.")
    )
    if empty := [one.name for one in proof.columns if verdict(one) == "no values"]:
        yield f"Without values here, or too few to compare: {', '.join(empty)}."
    yield ""
    heads = ("column", "values replayed", "rewritten", "warm-up declared", "values after it")
    yield f"| {' | '.join(heads)} | max error | too early |"
    yield "|---|---:|---:|---|---:|---:|---:|"
    for one in proof.columns:
        yield (
            f"| {one.name} | {one.replayed:,} | {one.rewritten:,} | {one.warm_up} | "
            f"{one.settled:,} | {error_of(one)} | {one.early:,} |"
        )


def write_page(path: Path, section: str) -> None:
    """Put a section into the page: in place of the one of its name, or at the end."""
    text = path.read_text("utf-8") if path.exists() else PAGE_HEAD
    mark = section.splitlines()[0]
    found = re.search(re.escape(mark) + r".*?<!-- end -->", text, flags=re.DOTALL)
    if found:
        text = text[: found.start()] + section + text[found.end() :]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
