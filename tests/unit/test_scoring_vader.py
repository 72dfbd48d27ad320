"""The lexicon scorer's wiring: known compound values, labels, and what it leaves unknown."""

from importlib.metadata import version

import pytest

from scoring.registry import load_registry
from scoring.vader import MAX_CHARACTERS, VaderScorer, label_of

SCORER = VaderScorer(load_registry().get("vader"))


@pytest.mark.parametrize(
    ("text", "compound"),
    [
        ("VADER is smart, handsome, and funny.", 0.8316),
        ("VADER is VERY SMART, handsome, and FUNNY!!!", 0.9342),
        ("Today SUX!", -0.5461),
        ("The book was good.", 0.4404),
        ("At least it isn't a horrible book.", 0.431),
        ("Not bad at all", 0.431),
        ("Bitcoin crashes 20% as exchange halts withdrawals", 0.0),
        ("hacker drains $100M from bridge", 0.0),
        ("HODL to the moon, wagmi", 0.0),
        ("SEC approves spot Bitcoin ETF", 0.4019),
    ],
)
def test_compound(text: str, compound: float) -> None:
    (score,) = SCORER.score([text])
    assert score.score == pytest.approx(compound, abs=1e-9)
    assert score.confidence == abs(score.score)


def test_shares_of_words_are_not_probabilities() -> None:
    (score,) = SCORER.score(["a great day"])
    assert (score.p_negative, score.p_neutral, score.p_positive) == (None, None, None)


@pytest.mark.parametrize(
    ("compound", "label"),
    [
        (0.05, "positive"),
        (0.0499, "neutral"),
        (0.0, "neutral"),
        (-0.0499, "neutral"),
        (-0.05, "negative"),
    ],
)
def test_label_thresholds(compound: float, label: str) -> None:
    assert label_of(compound) == label


def test_identity_is_the_package_version() -> None:
    assert (SCORER.model_id, SCORER.model_revision) == ("vader", version("vaderSentiment"))


def test_a_blank_text_has_no_score() -> None:
    with pytest.raises(ValueError, match="blank"):
        SCORER.score(["fine", " \n"])


def test_a_huge_text_is_cut_not_refused() -> None:
    (score,) = SCORER.score(["good " * 200_000])
    assert score == SCORER.score([("good " * 200_000)[:MAX_CHARACTERS]])[0]
    assert score.score > 0.9
