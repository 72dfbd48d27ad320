"""VADER, the lexicon scorer that needs no weights."""

from collections.abc import Sequence
from typing import Protocol, cast

from scoring.registry import Meaning, ModelSpec
from scoring.scorer import Score

THRESHOLD = 0.05  # the lexicon's own convention for a text that leans neither way
MAX_CHARACTERS = 20_000  # far above any headline with summary; bounds the time of a hostile text


class _Analyzer(Protocol):
    def polarity_scores(self, text: str) -> dict[str, float]: ...


class VaderScorer:
    """Score texts with the VADER lexicon.

    VADER's pos, neu and neg are shares of words, not probabilities, so no p_* is given.
    """

    precision = "float64"

    def __init__(self, spec: ModelSpec) -> None:
        """Load the lexicon that ships inside the package."""
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self.model_id = spec.id
        self.model_revision = spec.pinned_revision
        self._analyzer = cast("_Analyzer", SentimentIntensityAnalyzer())

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order.

        Raises:
            ValueError: A text is blank: it has no words to measure.
        """
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Score:
        if not text.strip():
            msg = "the text is blank"
            raise ValueError(msg)
        compound = self._analyzer.polarity_scores(text[:MAX_CHARACTERS])["compound"]
        return Score(compound, abs(compound), None, None, None, label_of(compound))


def label_of(compound: float) -> Meaning:
    """Return the label of a compound score, by the lexicon's thresholds of 0.05."""
    if compound >= THRESHOLD:
        return "positive"
    return "negative" if compound <= -THRESHOLD else "neutral"
