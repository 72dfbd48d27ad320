"""Headlines per second of the embedded model, tokenising included."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bench.results import Result
from bench.scoring import TEXTS, news, settings_of, texts
from scoring.embedding import load
from scoring.registry import load_registry

ROUNDS = 3
GOAL_PER_SECOND = 250


def measure(say: Callable[[str], None]) -> Iterator[Result]:
    """Yield the best of a few rounds."""
    given = _headlines()
    scorer = load(load_registry().get("minilm"), settings_of("auto"))
    best = 0.0
    for turn in range(ROUNDS):
        started = time.perf_counter()
        scorer.score(given)
        best = max(best, len(given) / (time.perf_counter() - started))
        say(f"embedded model: round {turn + 1} of {ROUNDS}")
    yield Result("embedded model on headlines", best, "texts/s", GOAL_PER_SECOND, at_most=False)


def _headlines() -> list[str]:
    """Return headlines of the real news, else the first words of made ones."""
    found = [row["title"] for row in news() if row.get("title")]
    return (found or [" ".join(text.split()[:11]) for text in texts()[0]])[:TEXTS]
