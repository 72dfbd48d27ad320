"""Sentiment classifiers of the transformers library, loaded from a folder on this machine.

torch and transformers take seconds to import, so they are imported where a model is loaded.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scoring.config import ScoringSettings
from scoring.errors import ModelRefused
from scoring.registry import ModelSpec
from scoring.scorer import Score

# A token is rarely longer than a dozen characters, so cutting here changes no ordinary text;
# it keeps the tokenizer's memory bounded when a text is a megabyte long.
CHARACTERS_PER_TOKEN = 64


class TransformerScorer:
    """One loaded classifier.

    Texts are tokenised once, sorted by length and batched by a budget of padded tokens; the
    scores come back in the order given.
    """

    def __init__(
        self,
        spec: ModelSpec,
        tokenizer: Any,
        model: Any,
        *,
        precision: str = "float32",
        batch_tokens: int = 8192,
    ) -> None:
        """Wrap a tokenizer and a model that :func:`load` has checked."""
        self.model_id = spec.id
        self.model_revision = spec.pinned_revision
        self.precision = precision
        self._spec = spec
        self._tokenizer = tokenizer
        self._model = model
        self._batch_tokens = batch_tokens

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order.

        Raises:
            ValueError: A text is blank, or the model gave a number that is not finite.
        """
        if any(not text.strip() for text in texts):
            msg = "the text is blank"
            raise ValueError(msg)
        if not texts:
            return []
        limit = self._spec.max_length
        encoded = self._tokenizer(
            [text[: limit * CHARACTERS_PER_TOKEN] for text in texts],
            truncation=True,
            max_length=limit,
            padding=False,
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        rows: list[list[float]] = [[] for _ in texts]
        for batch in batches(lengths, self._batch_tokens):
            features = {name: [column[i] for i in batch] for name, column in encoded.items()}
            for index, row in zip(batch, self._probabilities(features), strict=True):
                rows[index] = row
        return [score_of(self._spec, row) for row in rows]

    def _probabilities(self, features: dict[str, Any]) -> list[list[float]]:
        import torch

        padded = self._tokenizer.pad(features, padding=True, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**padded.to(self._model.device)).logits
            probabilities = torch.softmax(logits.float(), dim=-1)
        if not bool(torch.isfinite(probabilities).all()):
            msg = f"{self._spec.key} gave a probability that is not finite"
            raise ValueError(msg)
        rows: list[list[float]] = probabilities.double().cpu().tolist()
        return rows


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group the indexes of texts, longest first, so that count x longest stays in the budget.

    Longest first shows at once whether the largest batch fits into memory. A text longer than
    the budget gets a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


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
            missing, or the device is not there.
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
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar per model has no place in the log of a scheduled run
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = _device(spec, settings)
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        model, info = AutoModelForSequenceClassification.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=getattr(torch, settings.precision),
            output_loading_info=True,
            **local,
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        msg = f"{spec.key}: cannot load {folder}: {' '.join(str(error).split())[:300]}"
        raise ModelRefused(msg) from error
    absent = sorted(info["missing_keys"])
    if absent:  # the library would fill these with random numbers and go on
        msg = f"{spec.key}: {folder} lacks the weights {', '.join(absent[:3])}; pull it again"
        raise ModelRefused(msg)
    return TransformerScorer(
        spec,
        tokenizer,
        model.to(device).eval(),
        precision=settings.precision,
        batch_tokens=settings.batch_tokens,
    )


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


def _device(spec: ModelSpec, settings: ScoringSettings) -> str:
    import torch

    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        msg = f"{spec.key}: CFW_DEVICE=cuda but torch sees no GPU; set CFW_DEVICE=cpu"
        raise ModelRefused(msg)
    return "cuda" if available and settings.device != "cpu" else "cpu"
