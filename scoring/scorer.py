"""What every scorer gives: one `Score` per text, or a `Failure` that says why there is none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scoring.registry import Meaning


@dataclass(frozen=True, slots=True)
class Score:
    """The sentiment of one text.

    Attributes:
        score: p(positive) - p(negative), or the lexicon's compound; in [-1, 1].
        confidence: The largest class probability, or the compound's size; in [0, 1].
        p_negative: Class probability; None where the model has no such class.
        label: The class with the largest probability.
    """

    score: float
    confidence: float
    p_negative: float | None
    p_neutral: float | None
    p_positive: float | None
    label: Meaning

    def __post_init__(self) -> None:
        """Refuse numbers that no model can mean, so that they are never stored."""
        if not (math.isfinite(self.score) and -1.0 <= self.score <= 1.0):
            msg = f"score {self.score} is outside -1..1"
            raise ValueError(msg)
        if not (math.isfinite(self.confidence) and 0.0 <= self.confidence <= 1.0):
            msg = f"confidence {self.confidence} is outside 0..1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Failure:
    """A text without a score, and the reason in one line."""

    reason: str


class Scorer(Protocol):
    """A loaded model. The score of a text never depends on the texts beside it."""

    @property
    def model_id(self) -> str:
        """Name under which scores are stored."""

    @property
    def model_revision(self) -> str:
        """Exact version of the weights or lexicon."""

    @property
    def precision(self) -> str:
        """Number format of the computation, such as `float32`."""

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order; any text that cannot be scored raises."""


def score_each(scorer: Scorer, texts: Sequence[str]) -> list[Score | Failure]:
    """Score all texts, so that one bad text cannot take the others with it.

    The texts go through the model together; only when that fails are they tried one by one.
    A blank text says nothing, so it has no sentiment: it fails without being tried.
    """
    results: list[Score | Failure] = [Failure("the text is blank") for _ in texts]
    places = [index for index, text in enumerate(texts) if text.strip()]
    together = _try(scorer, [texts[index] for index in places])
    for position, index in enumerate(places):
        if isinstance(together, Failure):
            alone = together if len(places) == 1 else _try(scorer, [texts[index]])
            results[index] = alone if isinstance(alone, Failure) else alone[0]
        else:
            results[index] = together[position]
    return results


def _try(scorer: Scorer, texts: Sequence[str]) -> list[Score] | Failure:
    if not texts:
        return []
    try:
        scores = scorer.score(texts)
    except Exception as error:  # whatever a model raises is that text's reason, never a 0
        return Failure(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    if len(scores) != len(texts):
        return Failure(f"{len(scores)} scores came back for {len(texts)} texts")
    return scores
