"""Sentiment classifiers of the transformers library, loaded from a folder on this machine.

torch and transformers take seconds to import, so they are imported where a model is loaded.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.config import ScoringSettings
from scoring.errors import ModelRefused
from scoring.reading import batches, encode, read, refuse_blank
from scoring.registry import ModelSpec
from scoring.scorer import Score

if TYPE_CHECKING:
    from scoring.engine import Engine


class TransformerScorer:
    """One loaded classifier.

    Texts are tokenised once, sorted by length and batched by a budget of tokens; the scores come
    back in the order given.
    """

    def __init__(
        self, spec: ModelSpec, tokenizer: Any, engine: Engine, *, batch_tokens: int
    ) -> None:
        """Wrap a tokenizer and an engine that :func:`load` has checked."""
        self.model_id = spec.id
        self.model_revision = spec.pinned_revision
        self.precision = engine.precision
        self._spec = spec
        self._tokenizer = tokenizer
        self._engine = engine
        self._batch_tokens = batch_tokens

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order.

        Raises:
            ValueError: A text is blank, or the model gave a number that is not finite.
        """
        refuse_blank(texts)
        encoded = self.token_ids(texts)
        rows: list[list[float]] = [[] for _ in texts]
        for batch in batches([len(ids) for ids in encoded], self._batch_tokens):
            found = self._probabilities([encoded[index] for index in batch])
            for index, row in zip(batch, found, strict=True):
                rows[index] = row
        return [score_of(self._spec, row) for row in rows]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, cut to what the model reads."""
        return encode(self._tokenizer, texts, self._spec.max_length)

    def _probabilities(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        import torch

        logits = self._engine.logits(batch, self._batch_tokens)
        with torch.inference_mode():
            probabilities = torch.softmax(logits.float(), dim=-1)
        if not bool(torch.isfinite(probabilities).all()):
            msg = f"{self._spec.key} gave a probability that is not finite"
            raise ValueError(msg)
        rows: list[list[float]] = probabilities.double().cpu().tolist()
        return rows


def score_of(spec: ModelSpec, probabilities: Sequence[float]) -> Score:
    """Turn class probabilities into a score, by what the registry says each class means."""

    def p(index: int | None) -> float | None:
        return None if index is None else probabilities[index]

    negative = p(spec.class_index("negative"))
    neutral = p(spec.class_index("neutral"))
    positive = p(spec.class_index("positive"))
    if negative is None or positive is None:
        msg = f"model {spec.key} has no negative or no positive class"
        raise ValueError(msg)
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    confidence = min(1.0, probabilities[best])
    score = max(-1.0, min(1.0, positive - negative))
    return Score(score, confidence, negative, neutral, positive, spec.labels[best].meaning)


def load(spec: ModelSpec, folder: Path, settings: ScoringSettings) -> TransformerScorer:
    """Load the weights in a folder, after checking that they are the model of the registry.

    Nothing is downloaded, no code of the repository is run, and only safetensors are read.

    Raises:
        ModelRefused: The labels differ from the registry, there are no safetensors, weights are
            missing, the device is not there or cannot compute in the precision asked for, or
            8 bits would change the scores too much.
    """
    check_labels(spec, folder)
    if not list(folder.glob("*.safetensors")):
        pickled = ", ".join(sorted(path.name for path in folder.glob("*.bin")))
        msg = (
            f"{spec.key}: {folder} holds no .safetensors"
            + (f", only {pickled}, and pickled weights are never loaded" if pickled else "")
            + f"; put a safetensors copy of {spec.id} there"
        )
        raise ModelRefused(msg)
    from scoring.engine import engine_for, plan_of

    plan = plan_of(spec, settings)
    tokenizer, model = read(
        spec,
        folder,
        "AutoModelForSequenceClassification",
        dtype=plan.load_as,
        remedy="pull it again",
    )

    def encoded(texts: Sequence[str]) -> list[list[int]]:
        return encode(tokenizer, texts, spec.max_length)

    engine = engine_for(spec, model, plan, encoded)
    del model
    gc.collect()  # the library's model refers to itself; its weights have been taken over
    return TransformerScorer(spec, tokenizer, engine, batch_tokens=plan.batch_tokens)


def check_labels(spec: ModelSpec, folder: Path) -> None:
    """Refuse weights whose classes are not, in this order, those of the registry.

    Raises:
        ModelRefused: `config.json` is unreadable or its `id2label` differs.
    """
    path = folder / "config.json"
    try:
        named = json.loads(path.read_text(encoding="utf-8")).get("id2label")
    except (OSError, ValueError) as error:
        msg = f"{spec.key}: cannot read {path}: {error}"
        raise ModelRefused(msg) from error
    if named is None:  # the library's own default when a configuration names no classes
        named = {"0": "LABEL_0", "1": "LABEL_1"}
    found = {str(index): str(name) for index, name in dict(named).items()}
    expected = {str(index): label.name for index, label in enumerate(spec.labels)}
    if found != expected:
        msg = (
            f"{spec.key}: labels in {path} are {found}, the registry expects {expected}; "
            "scoring with them would swap signs, so this model is refused"
        )
        raise ModelRefused(msg)
