"""How good scores and mentions are against labels: pure functions from predictions to figures.

Sentiment has three classes. A model's class is the label of its score: the most probable class, or
for the lexicon the side of its compound beyond 0.05. Figures are over the texts that got a score;
`coverage` says how many did.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scoring.registry import Meaning
from scoring.scorer import Failure, Score

CLASSES: tuple[Meaning, ...] = ("negative", "neutral", "positive")
BINS = 10  # of equal width over 0..1, each open below and closed above


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the class that a reader gave it."""

    text: str
    label: Meaning


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose confidence lies in (low, high].

    Attributes:
        confidence: Mean probability of the predicted class; None in an empty bin.
        accuracy: Share that was right; None in an empty bin.
    """

    low: float
    high: float
    texts: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Wrong:
    """A text whose class was not the label; `confidence` orders the worst first."""

    text: str
    label: Meaning
    predicted: Meaning
    confidence: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How one model did on one labelled set; a figure that nothing defines is None.

    Attributes:
        confusion: Texts by label (rows) and prediction (columns), in the order of `CLASSES`.
        f1: By class; None for a class that is neither labelled nor predicted.
        macro_f1: Mean of the classes' F1, those without one left out.
        ece: Expected calibration error over `bins`, 0 to 1; None without probabilities.
        coverage: Share of the texts that got a score.
    """

    model: str
    texts: int
    scored: int
    coverage: float
    accuracy: float | None
    macro_f1: float | None
    f1: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]
    ece: float | None
    bins: tuple[Bin, ...]
    worst: tuple[Wrong, ...]


def assess(
    model: str,
    labelled: Sequence[Labelled],
    results: Sequence[Score | Failure],
    *,
    keep_worst: int = 10,
) -> Quality:
    """Compare a model's results with the labels, text by text.

    Raises:
        ValueError: There is nothing to compare, or results and labels differ in number.
    """
    if not labelled or len(labelled) != len(results):
        msg = f"{model}: {len(results)} results for {len(labelled)} labelled texts"
        raise ValueError(msg)
    scored = [
        (item, score)
        for item, score in zip(labelled, results, strict=True)
        if isinstance(score, Score)
    ]
    confusion = confusion_of([(item.label, score.label) for item, score in scored])
    f1 = f1_by_class(confusion)
    right = sum(confusion[index][index] for index in range(len(CLASSES)))
    known = [value for value in f1 if value is not None]
    bins = _bins(scored)
    return Quality(
        model=model,
        texts=len(labelled),
        scored=len(scored),
        coverage=len(scored) / len(labelled),
        accuracy=right / len(scored) if scored else None,
        macro_f1=sum(known) / len(known) if known else None,
        f1=f1,
        confusion=confusion,
        ece=calibration_error(bins) if bins else None,
        bins=bins,
        worst=_worst(scored, keep_worst),
    )


def majority(labelled: Sequence[Labelled]) -> list[Score]:
    """Return what a model gives that always says the most frequent label; of equals the first."""
    counts = Counter(item.label for item in labelled)
    best = max(CLASSES, key=lambda meaning: counts[meaning])
    return [Score(0.0, 0.0, None, None, None, best)] * len(labelled)


def confusion_of(pairs: Sequence[tuple[Meaning, Meaning]]) -> tuple[tuple[int, ...], ...]:
    """Count pairs of (label, prediction) as a matrix in the order of `CLASSES`."""
    counts = Counter(pairs)
    return tuple(tuple(counts[label, guess] for guess in CLASSES) for label in CLASSES)


def f1_by_class(confusion: Sequence[Sequence[int]]) -> tuple[float | None, ...]:
    """Return each class's F1 = 2 hits / (labelled + predicted); None where both are zero."""
    values: list[float | None] = []
    for index, row in enumerate(confusion):
        total = sum(row) + sum(line[index] for line in confusion)
        values.append(2 * row[index] / total if total else None)
    return tuple(values)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean gap between confidence and accuracy, weighted by the texts of each bin.

    Raises:
        ValueError: All bins are empty.
    """
    total = sum(item.texts for item in bins)
    if not total:
        msg = "no predictions to calibrate"
        raise ValueError(msg)
    gaps = (
        item.texts * abs(item.accuracy - item.confidence)
        for item in bins
        if item.accuracy is not None and item.confidence is not None
    )
    return sum(gaps) / total


def bins_of(predictions: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Group predictions, each its class's probability and whether it was right, by probability."""
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in predictions:
        place = next(i for i in range(BINS) if confidence <= (i + 1) / BINS)
        groups[place].append((confidence, right))
    return tuple(
        Bin(
            low=place / BINS,
            high=(place + 1) / BINS,
            texts=len(group),
            confidence=sum(confidence for confidence, _ in group) / len(group) if group else None,
            accuracy=sum(right for _, right in group) / len(group) if group else None,
        )
        for place, group in enumerate(groups)
    )


def _bins(scored: Sequence[tuple[Labelled, Score]]) -> tuple[Bin, ...]:
    """Return the bins of a model's results; nothing for one without class probabilities."""
    if not scored or any(score.p_positive is None for _, score in scored):
        return ()
    return bins_of((score.confidence, score.label == item.label) for item, score in scored)


def _worst(scored: Sequence[tuple[Labelled, Score]], count: int) -> tuple[Wrong, ...]:
    """Return the wrong texts: those of the opposite sign first, then the most confident."""
    wrong = [
        Wrong(item.text, item.label, score.label, score.confidence)
        for item, score in scored
        if item.label != score.label
    ]
    wrong.sort(key=lambda w: ("neutral" in (w.label, w.predicted), -w.confidence, w.text))
    return tuple(wrong[:count])
