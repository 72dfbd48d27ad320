"""Figures against values computed by hand, and the properties that any figure must have."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.evaluate import (
    CLASSES,
    Labelled,
    Quality,
    assess,
    calibration_error,
    confusion_of,
    f1_by_class,
    majority,
)
from scoring.evaluate_mentions import NamedText, assess_mentions
from scoring.registry import Meaning
from scoring.scorer import Failure, Score

CODES: dict[str, Meaning] = {"-": "negative", "0": "neutral", "+": "positive"}


def labelled(codes: str) -> list[Labelled]:
    return [Labelled(f"text {place}", CODES[code]) for place, code in enumerate(codes)]


def said(codes: str) -> list[Score | Failure]:
    """Predictions without probabilities; `x` is a text that got no score."""
    return [
        Failure("no") if code == "x" else Score(0.0, 0.5, None, None, None, CODES[code])
        for code in codes
    ]


def sure(code: str, confidence: float) -> Score:
    rest = (1 - confidence) / 2
    p = {meaning: confidence if meaning == CODES[code] else rest for meaning in CLASSES}
    score = p["positive"] - p["negative"]
    return Score(score, confidence, p["negative"], p["neutral"], p["positive"], CODES[code])


def test_accuracy_confusion_and_f1_by_hand() -> None:
    quality = assess("m", labelled("---00+++++"), said("--0-0+++-0"))
    assert quality.confusion == ((2, 1, 0), (1, 1, 0), (1, 1, 3))
    assert quality.accuracy == pytest.approx(6 / 10)
    # negative 2*2/(3+4), neutral 2*1/(2+3), positive 2*3/(5+3)
    assert quality.f1 == pytest.approx((4 / 7, 2 / 5, 6 / 8))
    assert quality.macro_f1 == pytest.approx((4 / 7 + 2 / 5 + 6 / 8) / 3)


def test_a_class_that_occurs_nowhere_is_left_out_of_the_mean() -> None:
    quality = assess("m", labelled("--+++"), said("-+++-"))
    assert quality.f1 == (pytest.approx(0.5), None, pytest.approx(2 / 3))
    assert quality.macro_f1 == pytest.approx(7 / 12)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    quality = assess("m", labelled("--+++"), said("-0++-"))
    assert quality.f1 == (pytest.approx(0.5), 0.0, pytest.approx(4 / 5))
    assert quality.macro_f1 == pytest.approx(1.3 / 3)


def test_texts_without_a_score_lower_coverage_and_nothing_else() -> None:
    quality = assess("m", labelled("-0+-"), said("-0xx"))
    assert (quality.texts, quality.scored, quality.coverage) == (4, 2, 0.5)
    assert quality.accuracy == 1.0
    assert quality.confusion == ((1, 0, 0), (0, 1, 0), (0, 0, 0))


def test_no_score_at_all_gives_no_figure() -> None:
    quality = assess("m", labelled("-+"), said("xx"))
    assert (quality.coverage, quality.accuracy, quality.macro_f1, quality.ece) == (0, *[None] * 3)


def test_calibration_error_by_hand() -> None:
    results = [sure("+", 0.55), sure("+", 0.6), sure("+", 0.9), sure("-", 0.95)]
    quality = assess("m", labelled("++++"), results)
    filled = {(item.low, item.high): item.texts for item in quality.bins if item.texts}
    assert filled == {(0.5, 0.6): 2, (0.8, 0.9): 1, (0.9, 1.0): 1}
    # two right at a mean of 0.575, one right at 0.9, one wrong at 0.95
    assert quality.ece == pytest.approx((2 * 0.425 + 0.1 + 0.95) / 4)
    with pytest.raises(ValueError, match="no predictions"):
        calibration_error(())


def test_a_model_without_probabilities_has_no_calibration() -> None:
    quality = assess("m", labelled("-+"), said("-+"))
    assert (quality.ece, quality.bins) == (None, ())


def test_the_baseline_says_the_most_frequent_label() -> None:
    texts = labelled("0++-+")
    quality = assess("majority", texts, majority(texts))
    assert quality.accuracy == pytest.approx(3 / 5)
    assert quality.f1 == pytest.approx((0, 0, 2 * 3 / (3 + 5)))


def test_opposite_signs_are_the_worst_then_the_most_confident() -> None:
    results = [sure("0", 0.99), sure("+", 0.6), sure("+", 0.9), sure("-", 0.9)]
    worst = assess("m", labelled("----"), results).worst
    assert [item.text for item in worst] == ["text 2", "text 1", "text 0"]


@pytest.mark.parametrize(("texts", "results"), [("", ""), ("-", ""), ("-", "--")])
def test_nothing_or_unequal_numbers_are_an_error(texts: str, results: str) -> None:
    with pytest.raises(ValueError, match="results for"):
        assess("m", labelled(texts), said(results))


@given(
    st.lists(st.tuples(st.sampled_from("-0+"), st.sampled_from("-0+"), st.floats(0.34, 1.0))),
    st.randoms(use_true_random=False),
)
def test_figures_do_not_depend_on_order(
    rows: list[tuple[str, str, float]], shuffler: random.Random
) -> None:
    rows = [("+", "-", 0.5), *rows]
    before = _quality(rows)
    shuffler.shuffle(rows)
    after = _quality(rows)
    assert before.confusion == after.confusion
    assert before.macro_f1 == after.macro_f1
    assert before.ece == pytest.approx(after.ece)
    assert before.ece is not None
    assert 0 <= before.ece <= 1
    assert sum(map(sum, before.confusion)) == sum(item.texts for item in before.bins) == len(rows)


def _quality(rows: list[tuple[str, str, float]]) -> Quality:
    texts = [Labelled("t", CODES[label]) for label, _, _ in rows]
    return assess("m", texts, [sure(guess, confidence) for _, guess, confidence in rows])


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(
    pairs: list[tuple[Meaning, Meaning]],
) -> None:
    for name, value in zip(CLASSES, f1_by_class(confusion_of(pairs)), strict=True):
        hits = sum(label == guess == name for label, guess in pairs)
        labels = sum(label == name for label, _ in pairs)
        guesses = sum(guess == name for _, guess in pairs)
        if not labels and not guesses:
            assert value is None
        elif not hits:
            assert value == 0
        else:
            precision, recall = hits / guesses, hits / labels
            assert value == pytest.approx(2 * precision * recall / (precision + recall))


def test_mentions_are_counted_over_pairs() -> None:
    truth = {"a": "BTC ETH", "b": "", "c": "SOL", "d": "", "e": "BTC"}
    finds = {"a": "BTC", "b": "ONE GAS", "c": "SOL", "d": "", "e": "SOL"}
    named = [NamedText(text, frozenset(symbols.split())) for text, symbols in truth.items()]
    quality = assess_mentions(named, lambda text: frozenset(finds[text].split()))
    assert (quality.expected, quality.found, quality.correct, quality.exact) == (4, 5, 2, 2)
    assert quality.precision == pytest.approx(2 / 5)
    assert quality.recall == pytest.approx(2 / 4)
    assert quality.f1 == pytest.approx(4 / 9)
    assert quality.symbols[0] == ("BTC", 1, 0)
    assert [item.text for item in quality.mismatches] == ["b", "e", "a"]
    assert quality.mismatches[1].missed == ("BTC",)
    assert quality.mismatches[1].invented == ("SOL",)


def test_mentions_of_nothing_have_no_shares() -> None:
    quality = assess_mentions([NamedText("a", frozenset())], lambda _: frozenset())
    assert (quality.precision, quality.recall, quality.f1, quality.exact) == (None, None, None, 1)
    with pytest.raises(ValueError, match="no texts"):
        assess_mentions([], lambda _: frozenset())
