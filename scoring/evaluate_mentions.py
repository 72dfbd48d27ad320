"""How well mentions are found: precision and recall over (text, symbol) pairs."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedText:
    """A text and the symbols that a reader sees named in it; often none."""

    text: str
    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A text where finder and reader differ."""

    text: str
    missed: tuple[str, ...]
    invented: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MentionQuality:
    """Micro-averaged over all pairs; a share of nothing is None.

    Attributes:
        exact: Texts whose whole set of symbols was right.
        symbols: The symbols with the most errors: (symbol, missed, invented).
        mismatches: The texts with the most errors first.
    """

    texts: int
    exact: int
    expected: int
    found: int
    correct: int
    precision: float | None
    recall: float | None
    f1: float | None
    symbols: tuple[tuple[str, int, int], ...]
    mismatches: tuple[Mismatch, ...]


def assess_mentions(
    named: Sequence[NamedText], find: Callable[[str], frozenset[str]]
) -> MentionQuality:
    """Look for mentions in every text and compare them with what the reader saw.

    Raises:
        ValueError: There are no texts.
    """
    if not named:
        msg = "no texts to look for mentions in"
        raise ValueError(msg)
    missed: Counter[str] = Counter()
    invented: Counter[str] = Counter()
    mismatches: list[Mismatch] = []
    found = correct = 0
    for item in named:
        symbols = find(item.text)
        found += len(symbols)
        correct += len(symbols & item.symbols)
        if symbols != item.symbols:
            less, more = sorted(item.symbols - symbols), sorted(symbols - item.symbols)
            missed.update(less)
            invented.update(more)
            mismatches.append(Mismatch(item.text, tuple(less), tuple(more)))
    expected = sum(len(item.symbols) for item in named)
    worst = sorted({*missed, *invented}, key=lambda s: (-missed[s] - invented[s], s))
    mismatches.sort(key=lambda m: (-len(m.missed) - len(m.invented), m.text))
    return MentionQuality(
        texts=len(named),
        exact=len(named) - len(mismatches),
        expected=expected,
        found=found,
        correct=correct,
        precision=correct / found if found else None,
        recall=correct / expected if expected else None,
        f1=2 * correct / (found + expected) if found + expected else None,
        symbols=tuple((symbol, missed[symbol], invented[symbol]) for symbol in worst),
        mismatches=tuple(mismatches),
    )
