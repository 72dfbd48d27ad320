"""The embedded model: a sentence encoder that ships inside a package, under a linear head.

torch and transformers take seconds to import, so they are imported where the encoder is loaded.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.config import ScoringSettings
from scoring.errors import ModelRefused, WeightsUnavailable
from scoring.head import SCORING, Head, load_head, revision_of, sha256_of
from scoring.reading import batches, encode, padded, read, refuse_blank
from scoring.registry import ModelSpec
from scoring.scorer import Score
from scoring.transformer import score_of

Array = NDArray[np.float64]

WEIGHTS_FILE = "model.safetensors"
BATCH_TOKENS = 4096  # a small encoder is fastest on the CPU when a batch fits its caches


class Encoder:
    """Turns texts into unit-length sentence embeddings: the mean of the last layer's tokens.

    Padding is masked out of both attention and mean, so a text's embedding does not depend on
    the texts beside it.
    """

    def __init__(self, tokenizer: Any, model: Any, *, max_length: int, batch_tokens: int) -> None:
        """Wrap a tokenizer and an encoder that :func:`load_encoder` has read."""
        self._tokenizer = tokenizer
        self._model = model
        self._max_length = max_length
        self._batch_tokens = batch_tokens

    @property
    def size(self) -> int:
        """Numbers in one embedding."""
        return int(self._model.config.hidden_size)

    def embed(self, texts: Sequence[str]) -> Array:
        """Return one row per text, in order."""
        rows = np.zeros((len(texts), self.size))
        encoded = encode(self._tokenizer, texts, self._max_length)
        for batch in batches([len(ids) for ids in encoded], self._batch_tokens):
            rows[batch] = self._pooled([encoded[index] for index in batch])
        return rows

    def _pooled(self, texts: Sequence[Sequence[int]]) -> Array:
        import torch

        given = padded(self._model, texts)
        with torch.inference_mode():
            tokens = self._model(**given).last_hidden_state
            mask = given["attention_mask"].unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(dim=1) / mask.sum(dim=1)
            unit = torch.nn.functional.normalize(mean, dim=1)
        pooled: Array = unit.double().cpu().numpy()
        return pooled


class EmbeddingScorer:
    """Scores texts by a linear head over their embeddings, with calibrated probabilities."""

    precision = "float32"  # of the encoder; the head is computed in float64

    def __init__(self, spec: ModelSpec, encoder: Encoder, head: Head) -> None:
        """Wrap an encoder and a head that :func:`load` has checked."""
        self.model_id = spec.id
        self.model_revision = spec.pinned_revision
        self._spec = spec
        self._encoder = encoder
        self._head = head

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order.

        Raises:
            ValueError: A text is blank, or the model gave a number that is not finite.
        """
        refuse_blank(texts)
        rows = probabilities(self._head, self._encoder.embed(texts))
        if not bool(np.isfinite(rows).all()):
            msg = f"{self._spec.key} gave a probability that is not finite"
            raise ValueError(msg)
        return [score_of(self._spec, row) for row in rows.tolist()]


def probabilities(head: Head, embeddings: Array) -> Array:
    """Return the calibrated class probabilities, one row per embedding."""
    logits = embeddings @ np.array(head.weights).T + np.array(head.bias)
    return softmax(logits / head.temperature)


def softmax(logits: Array) -> Array:
    """Return the softmax of every row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def load(spec: ModelSpec, settings: ScoringSettings) -> EmbeddingScorer:
    """Load encoder and head, after checking that they are the pair that was trained.

    Raises:
        WeightsUnavailable: The package with the encoder is not installed.
        ModelRefused: Head, encoder or training data are not those the registry pins.
    """
    path = SCORING / spec.head
    head = load_head(path)
    folder = encoder_folder(spec.package)
    check_head(spec, head, path, folder)
    return EmbeddingScorer(spec, load_encoder(spec, folder, settings), head)


def check_head(spec: ModelSpec, head: Head, path: Path, folder: Path) -> None:
    """Refuse a head that is not the pinned one, or was not fitted to this encoder and data.

    Raises:
        ModelRefused: Classes, revision, encoder weights or training data differ.
    """
    installed = version(spec.package)
    names = tuple(label.name for label in spec.labels)
    remedy = "train it anew with: make train-head"
    if head.classes != tuple(label.meaning for label in spec.labels) or head.classes != names:
        msg = f"{spec.key}: classes of {path} are {head.classes}, the registry expects {names}"
        raise ModelRefused(msg)
    pin = head.encoder
    if (pin.package, pin.version) != (spec.package, installed):
        msg = (
            f"{spec.key}: {path.name} was fitted to {pin.package} {pin.version}, installed is "
            f"{spec.package} {installed}; install the pinned version, or {remedy}"
        )
        raise ModelRefused(msg)
    if sha256_of(folder / WEIGHTS_FILE) != pin.sha256:
        msg = f"{spec.key}: encoder weights in {folder} are not those of {path.name}; {remedy}"
        raise ModelRefused(msg)
    if sha256_of(SCORING / head.training.file) != head.training.sha256:
        msg = f"{spec.key}: {head.training.file} changed since {path.name} was fitted; {remedy}"
        raise ModelRefused(msg)
    found = revision_of(path, installed)
    if found != spec.revision:
        msg = (
            f"{spec.key}: {path.name} is revision {found}, the registry pins {spec.revision}; "
            "set it in scoring/models.toml and in dbt's sentiment_models"
        )
        raise ModelRefused(msg)


def encoder_folder(package: str) -> Path:
    """Return the folder inside an installed package that holds the encoder.

    Raises:
        WeightsUnavailable: The package is not installed, or holds no safetensors.
    """
    try:
        installed = version(package)
    except PackageNotFoundError as error:
        msg = f"the package {package} is not installed; install it with: make setup"
        raise WeightsUnavailable(msg) from error
    module = find_spec(package.replace("-", "_"))
    folder = Path(module.origin).parent / "model" if module and module.origin else None
    if folder is None or not (folder / WEIGHTS_FILE).is_file():
        msg = f"{package} {installed} holds no model/{WEIGHTS_FILE}; reinstall it: make setup"
        raise WeightsUnavailable(msg)
    return folder


def load_encoder(spec: ModelSpec, folder: Path, settings: ScoringSettings) -> Encoder:
    """Read tokenizer and encoder from a folder; nothing is downloaded and no code of it is run.

    Raises:
        ModelRefused: The files cannot be read, weights are missing, or the device is not there.
    """
    from scoring.engine import plan_of

    plan = plan_of(spec, settings, precision="float32", cpu_tokens=BATCH_TOKENS)
    tokenizer, model = read(spec, folder, "AutoModel", remedy="reinstall it: make setup")
    return Encoder(
        tokenizer,
        model.to(plan.device),
        max_length=spec.max_length,
        batch_tokens=plan.batch_tokens,
    )
