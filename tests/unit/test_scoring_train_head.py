"""The labelled texts that ship, and the head that is fitted to them."""

import csv
import gzip
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scoring.head import SCORING, load_head, sha256_of
from scoring.registry import load_registry
from scoring.train_head import (
    DATA,
    best_temperature,
    log_loss,
    main,
    miscalibration,
    out_of_fold,
    read_examples,
    softmax,
)

HEAD = SCORING / load_registry().get("minilm").head
EXAMPLES = read_examples(SCORING / DATA)
HUMAN = "labels/cryptolin_dev_sample.csv.gz"


def test_the_shipped_head_was_fitted_to_the_shipped_texts() -> None:
    """An edit of the texts without `make train-head` fails here."""
    head = load_head(HEAD)
    assert head.training.sha256 == sha256_of(SCORING / DATA), "run make train-head"
    assert head.training.texts == len(EXAMPLES) >= 900
    counts = Counter(example.label for example in EXAMPLES)
    assert head.training.by_class == {
        "negative": counts[-1],
        "neutral": counts[0],
        "positive": counts[1],
    }


def test_training_again_gives_the_same_file_and_the_shipped_head(tmp_path: Path) -> None:
    """Byte for byte on one machine; another machine's arithmetic may move the last digits."""
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    assert main(["--out", str(first)]) == 0
    assert main(["--out", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    made, shipped = load_head(first), load_head(HEAD)
    assert (made.classes, made.encoder, made.training) == (
        shipped.classes,
        shipped.encoder,
        shipped.training,
    )
    assert np.array(made.weights) == pytest.approx(np.array(shipped.weights), abs=2e-3)
    assert np.array(made.bias) == pytest.approx(np.array(shipped.bias), abs=2e-3)
    assert made.temperature == pytest.approx(shipped.temperature, abs=2e-3)
    assert made.cross_validation.penalty == shipped.cross_validation.penalty
    assert made.cross_validation.accuracy == pytest.approx(
        shipped.cross_validation.accuracy, abs=5e-3
    )


def test_the_head_is_worth_shipping() -> None:
    seen = load_head(HEAD).cross_validation
    assert seen.accuracy >= 0.62
    assert seen.macro_f1 >= 0.60
    assert seen.ece <= 0.05


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_the_texts_are_varied_and_written_one_by_one() -> None:
    """No text twice, no run of words used as a mould, both kinds and all labels well filled."""
    texts = [example.text for example in EXAMPLES]
    assert len({" ".join(words(text)) or text for text in texts}) == len(texts)
    moulds = Counter(tuple(words(text)[:4]) for text in texts if len(words(text)) >= 5)
    assert max(moulds.values()) <= 5, moulds.most_common(3)
    runs = Counter(
        run
        for text in texts
        for run in {tuple(words(text)[i : i + 5]) for i in range(len(words(text)) - 4)}
    )
    assert max(runs.values()) <= 4, runs.most_common(3)
    for kind, at_least in (("news", 1000), ("post", 250)):
        labels = Counter(example.label for example in EXAMPLES if example.kind == kind)
        assert sum(labels.values()) >= at_least
        assert min(labels.values()) >= 0.2 * sum(labels.values()), kind
    assert sum("?" in text for text in texts) >= 50
    lengths = [len(text) for text in texts]
    assert max(lengths) > 100 > 20 > min(lengths)


@pytest.mark.real_data
def test_no_measured_headline_was_trained_on(real_data: Path) -> None:
    with gzip.open(real_data / HUMAN, "rt", encoding="utf-8", newline="") as file:
        measured = {" ".join(words(row["news"])) for row in csv.DictReader(file)}
    assert len(measured) > 300
    assert not measured & {" ".join(words(example.text)) for example in EXAMPLES}
    longest = {tuple(line.split()[i : i + 7]) for line in measured for i in range(20)}
    longest = {run for run in longest if len(run) == 7}
    for example in EXAMPLES:
        own = words(example.text)
        assert not {tuple(own[i : i + 7]) for i in range(len(own))} & longest, example.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "first line"),
        ("text\tlabel\n", "first line"),
        ("label\tkind\ttext\n2\tnews\tx\n", "line 2"),
        ("label\tkind\ttext\n1\ttweet\tx\n", "line 2"),
        ("label\tkind\ttext\n1\tnews\tx\n0\tnews\n", "line 3"),
        ("label\tkind\ttext\n0\tnews\t \n", "line 2: the text is blank"),
    ],
)
def test_a_malformed_file_is_named_by_line(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "texts.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=reason):
        read_examples(path)


def test_the_temperature_undoes_overconfidence() -> None:
    """Logits that are three times too large are found to be so, and calibration improves."""
    rng = np.random.default_rng(4)
    honest = rng.normal(size=(4000, 3)) * 1.5
    y = np.array([rng.choice(3, p=row) for row in softmax(honest)])
    assert best_temperature(honest, y) == pytest.approx(1.0, abs=0.08)
    assert best_temperature(honest * 3, y) == pytest.approx(3.0, abs=0.25)
    assert log_loss(honest * 3, y, 3.0) == pytest.approx(log_loss(honest, y))
    assert miscalibration(softmax(honest), y) < 0.03
    assert miscalibration(softmax(honest * 3), y) > 0.1


def test_calibration_error_by_hand() -> None:
    shares = np.array([[0.95, 0.05, 0.0], [0.95, 0.0, 0.05], [0.0, 0.62, 0.38], [0.0, 0.0, 1.0]])
    assert miscalibration(shares, np.array([0, 2, 1, 2])) == pytest.approx(
        (abs(2 / 3 - (0.95 + 0.95 + 1.0) / 3) * 3 + abs(1 - 0.62)) / 4
    )


def test_out_of_fold_logits_come_from_heads_that_did_not_see_the_text() -> None:
    """Random labels cannot be learned: seen texts would be fitted, unseen ones are guessed."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(240, 60)), rng.integers(0, 3, 240)
    guess = out_of_fold(x, y, 8.0, folds=4).argmax(axis=1)
    assert (guess == y).mean() < 0.5
    separable = np.eye(3)[y]
    assert (out_of_fold(separable, y, 8.0, folds=4).argmax(axis=1) == y).all()
