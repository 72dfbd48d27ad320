"""The trained head: plain numbers in a JSON file that names its training data and encoder."""

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoring.errors import ModelRefused
from scoring.registry import Meaning

SCORING = Path(__file__).parent
REVISION_DIGITS = 12


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncoderPin(_Frozen):
    """The encoder whose embeddings the head was fitted to; `sha256` is that of its weights."""

    id: str
    package: str
    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class TrainingSet(_Frozen):
    """The labelled texts: file (relative to the scoring package), hash, counts by class."""

    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    texts: int = Field(gt=0)
    by_class: dict[Meaning, int]


class CrossValidation(_Frozen):
    """Figures on texts that the fold's head had not seen.

    Attributes:
        penalty: L2 strength `C` of the fit, the best by out-of-fold log loss.
        ece: Expected calibration error of the confidence, after the temperature.
    """

    folds: int
    penalty: float
    accuracy: float
    macro_f1: float
    log_loss: float
    ece: float


class Head(_Frozen):
    """A multinomial logistic regression over unit-length sentence embeddings.

    Attributes:
        classes: Meaning of each row of `weights`, in order.
        temperature: What logits are divided by before the softmax; 1 changes nothing.
    """

    classes: tuple[Meaning, ...]
    temperature: float = Field(gt=0)
    bias: tuple[float, ...]
    encoder: EncoderPin
    training: TrainingSet
    cross_validation: CrossValidation
    weights: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        sizes = {len(row) for row in self.weights}
        if not len(self.classes) == len(set(self.classes)) == len(self.bias) == len(self.weights):
            msg = "classes, bias and weights must have one entry per class"
            raise ValueError(msg)
        if len(sizes) != 1:
            msg = f"rows of weights differ in length: {sorted(sizes)}"
            raise ValueError(msg)
        return self

    def to_json(self) -> str:
        """Return the file's content: one line per class of weights, the same for the same head."""
        fields = json.loads(self.model_dump_json(exclude={"weights"}))
        text = json.dumps(fields, indent=2)
        rows = ",\n    ".join(json.dumps(list(row)) for row in self.weights)
        return f'{text[:-2]},\n  "weights": [\n    {rows}\n  ]\n}}\n'


def load_head(path: Path) -> Head:
    """Read a head.

    Raises:
        ModelRefused: The file is missing, is not JSON, or is not a head.
    """
    try:
        return Head.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        msg = f"cannot use the head {path}: {reason}; train it with: make train-head"
        raise ModelRefused(msg) from error


def revision_of(path: Path, encoder_version: str) -> str:
    """Return the revision that scores of a head carry: encoder version and short file hash."""
    return f"{encoder_version}-{sha256_of(path)[:REVISION_DIGITS]}"


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file.

    Raises:
        ModelRefused: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"cannot read {path}: {error}"
        raise ModelRefused(msg) from error
