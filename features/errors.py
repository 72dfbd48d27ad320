"""The errors a reader of features meets, each one line long."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from flows.errors import RunError


class FeatureError(RunError):
    """A request for features, labels, splits or an export cannot be answered."""


def unknown(kind: str, names: Iterable[str], known: Iterable[str]) -> str:
    """Return one line that names what is unknown and what comes near."""
    pool = {name.lower(): name for name in known}
    told = []
    for name in names:
        near = difflib.get_close_matches(name.lower(), pool, n=3, cutoff=0.5)
        guess = " or ".join(pool[match] for match in near)
        told.append(f"'{name}'" + (f" (did you mean {guess}?)" if guess else ""))
    return f"unknown {kind} {', '.join(told)}"
