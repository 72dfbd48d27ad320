"""Fit the head of the embedded model to the labelled texts: `python -m scoring.train_head`.

The same data and encoder give the same file, byte for byte, on the same machine.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scoring.config import ScoringSettings
from scoring.embedding import WEIGHTS_FILE, Array, encoder_folder, load_encoder, softmax
from scoring.errors import ScoringError
from scoring.evaluate import CLASSES, bins_of, calibration_error
from scoring.head import SCORING, CrossValidation, EncoderPin, Head, TrainingSet, revision_of
from scoring.head import sha256_of as hash_of
from scoring.registry import ModelSpec, load_registry

MODEL = "minilm"
DATA = "training/headlines.tsv"
PENALTIES = (0.5, 1.0, 2.0, 4.0, 8.0)
FOLDS = 5
DIGITS = 6  # of the stored weights: far finer than any label, coarser than a machine's noise

Kind = Literal["news", "post"]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled text; `label` is -1, 0 or 1 as in docs/labels.md."""

    label: int
    kind: Kind
    text: str


def read_examples(path: Path) -> list[Example]:
    """Read a tab-separated file with the columns label, kind, text.

    Raises:
        ValueError: The header or a line is not of this form; the message names the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or rows[0] != ["label", "kind", "text"]:
        msg = f"{path.name}: the first line must be label, kind, text"
        raise ValueError(msg)
    examples: list[Example] = []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 3 or row[0] not in {"-1", "0", "1"} or row[1] not in get_args(Kind):
            msg = f"{path.name}, line {number}: not a label, a kind and a text"
            raise ValueError(msg)
        if not row[2].strip():
            msg = f"{path.name}, line {number}: the text is blank"
            raise ValueError(msg)
        examples.append(Example(int(row[0]), "news" if row[1] == "news" else "post", row[2]))
    return examples


def fit_logits(x: Array, y: Labels, penalty: float) -> tuple[Array, Array]:
    """Fit a multinomial logistic regression; return its weights (class, feature) and biases."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=penalty, max_iter=5000, tol=1e-9).fit(x, y)
    return model.coef_, model.intercept_


def out_of_fold(x: Array, y: Labels, penalty: float, folds: int = FOLDS) -> Array:
    """Return each text's logits by a head that was fitted without its fold."""
    from sklearn.model_selection import StratifiedKFold

    logits = np.zeros((len(y), len(CLASSES)))
    for seen, unseen in StratifiedKFold(folds, shuffle=True, random_state=0).split(x, y):
        weights, bias = fit_logits(x[seen], y[seen], penalty)
        logits[unseen] = x[unseen] @ weights.T + bias
    return logits


def log_loss(logits: Array, y: Labels, temperature: float = 1.0) -> float:
    """Return the mean negative log probability of the true class."""
    shares = softmax(logits / temperature)
    return float(-np.log(shares[np.arange(len(y)), y]).mean())


def best_temperature(logits: Array, y: Labels) -> float:
    """Return the temperature with the smallest log loss, between 0.2 and 5."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda power: log_loss(logits, y, float(np.exp(power))),
        bounds=(np.log(0.2), np.log(5.0)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def miscalibration(shares: Array, y: Labels) -> float:
    """Return the expected calibration error of class probabilities, one row per text."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == y
    return calibration_error(bins_of(zip(confidence.tolist(), right.tolist(), strict=True)))


def cross_validate(x: Array, y: Labels) -> tuple[CrossValidation, float]:
    """Choose the penalty by out-of-fold log loss; return its figures and the temperature."""
    from sklearn.metrics import accuracy_score, f1_score

    tried = {penalty: out_of_fold(x, y, penalty) for penalty in PENALTIES}
    scaled = {penalty: best_temperature(logits, y) for penalty, logits in tried.items()}
    penalty = min(PENALTIES, key=lambda p: log_loss(tried[p], y, scaled[p]))
    logits, temperature = tried[penalty], round(scaled[penalty], DIGITS)
    shares = softmax(logits / temperature)
    guess = shares.argmax(axis=1)
    figures = CrossValidation(
        folds=FOLDS,
        penalty=penalty,
        accuracy=round(float(accuracy_score(y, guess)), 4),
        macro_f1=round(float(f1_score(y, guess, average="macro")), 4),
        log_loss=round(log_loss(logits, y, temperature), 4),
        ece=round(miscalibration(shares, y), 4),
    )
    return figures, temperature


def train(spec: ModelSpec, data: str = DATA) -> Head:
    """Fit the head of `spec` to the labelled texts in a file of the scoring package.

    Raises:
        ScoringError: The encoder is not installed or cannot be loaded.
        ValueError: The file of labelled texts is malformed.
    """
    from threadpoolctl import threadpool_limits

    folder = encoder_folder(spec.package)
    settings = ScoringSettings.model_construct(device="cpu", threads=1)  # whatever the environment
    encoder = load_encoder(spec, folder, settings)
    examples = read_examples(SCORING / data)
    x = encoder.embed([example.text for example in examples])
    y = np.array([example.label + 1 for example in examples])
    # One thread: the problem is small, and sums then have one order whatever the machine's cores.
    with threadpool_limits(limits=1):
        figures, temperature = cross_validate(x, y)
        weights, bias = fit_logits(x, y, figures.penalty)
    return Head(
        classes=CLASSES,
        temperature=temperature,
        bias=tuple(np.round(bias, DIGITS).tolist()),
        encoder=EncoderPin(
            id=spec.encoder,
            package=spec.package,
            version=version(spec.package),
            sha256=hash_of(folder / WEIGHTS_FILE),
        ),
        training=TrainingSet(
            file=data,
            sha256=hash_of(SCORING / data),
            texts=len(y),
            by_class={name: int((y == index).sum()) for index, name in enumerate(CLASSES)},
        ),
        cross_validation=figures,
        weights=tuple(tuple(row) for row in np.round(weights, DIGITS).tolist()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write the head, and say which revision to pin."""
    spec = load_registry().get(MODEL)
    parser = argparse.ArgumentParser(prog="python -m scoring.train_head", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=SCORING / spec.head, help="file to write")
    out: Path = parser.parse_args(arguments).out
    try:
        head = train(spec)
    except (ScoringError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(head.to_json(), encoding="utf-8")
    seen, revision = head.cross_validation, revision_of(out, head.encoder.version)
    sys.stdout.write(
        f"{head.training.texts} texts; {seen.folds}-fold accuracy {seen.accuracy:.3f}, macro-F1 "
        f"{seen.macro_f1:.3f}, ECE {seen.ece:.3f} (C {seen.penalty}, temperature "
        f"{head.temperature:.3f})\nwrote {out}\nrevision {revision}"
    )
    same = revision == spec.revision
    pin = " is the one that is pinned" if same else "; pin it in models.toml and dbt_project.yml"
    sys.stdout.write(pin + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
