"""Tokenizer and weights from a folder on this machine; the texts as tokens and as batches.

torch and transformers take seconds to import, so they are imported where a model is read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from scoring.errors import ModelRefused
from scoring.registry import ModelSpec

# A token is rarely longer than a dozen characters, so cutting here changes no ordinary text;
# it keeps the tokenizer's memory bounded when a text is a megabyte long.
CHARACTERS_PER_TOKEN = 64

#: The library's class of a model with a head, and of one without.
Kind = Literal["AutoModelForSequenceClassification", "AutoModel"]


def read(
    spec: ModelSpec, folder: Path, kind: Kind, *, dtype: str = "float32", remedy: str
) -> tuple[Any, Any]:
    """Return tokenizer and model. Nothing is downloaded and no code of the folder is run.

    Args:
        spec: Named in errors.
        folder: Holds the files of the transformers library, weights as safetensors.
        kind: The library's class.
        dtype: Format in which the weights are read.
        remedy: What to do when weights are missing.

    Raises:
        ModelRefused: The files cannot be read, or weights are missing.
    """
    import torch
    import transformers
    from safetensors import SafetensorError
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar per model has no place in the log of a scheduled run
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        model, info = getattr(transformers, kind).from_pretrained(
            folder,
            use_safetensors=True,
            dtype=getattr(torch, dtype),
            output_loading_info=True,
            **local,
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        msg = f"{spec.key}: cannot load {folder}: {' '.join(str(error).split())[:300]}"
        raise ModelRefused(msg) from error
    absent = sorted(info["missing_keys"])
    if absent:  # the library would fill these with random numbers and go on
        msg = f"{spec.key}: {folder} lacks the weights {', '.join(absent[:3])}; {remedy}"
        raise ModelRefused(msg)
    return tokenizer, model.eval()


def refuse_blank(texts: Sequence[str]) -> None:
    """Raise for a text that says nothing.

    Raises:
        ValueError: A text is blank.
    """
    if any(not text.strip() for text in texts):
        msg = "the text is blank"
        raise ValueError(msg)


def encode(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Return the token ids of each text, cut to a number of tokens."""
    cut = [text[: limit * CHARACTERS_PER_TOKEN] for text in texts]
    if not cut:
        return []
    found = tokenizer(cut, truncation=True, max_length=limit, padding=False)
    ids: list[list[int]] = found["input_ids"]
    return ids


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


def padded(model: Any, texts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return token ids and mask as the library's models take them, where the model is."""
    import torch

    longest, padding = max(len(ids) for ids in texts), model.config.pad_token_id or 0
    ids = torch.tensor([[*text, *([padding] * (longest - len(text)))] for text in texts])
    lengths = torch.tensor([len(text) for text in texts])
    mask = (torch.arange(longest) < lengths[:, None]).long()
    return {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
