"""What computes a loaded classifier's logits: the device, the number format, and its proof."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from scoring.config import ScoringSettings
from scoring.encoder import Encoder, is_supported, packed, quantized
from scoring.errors import ModelRefused
from scoring.linear import computes_bfloat16, has_fast_bfloat16, has_quantized_operators
from scoring.reading import batches, padded
from scoring.registry import ModelSpec

CALIBRATION = Path(__file__).with_name("calibration.toml")
#: 8 bits may move the scores of the calibration texts by this much on average, and at most.
INT8_MEAN_LIMIT = 0.01
INT8_LARGEST_LIMIT = 0.1
CPU_BATCH_TOKENS = 2048  # two or three of its matrices fit into a core's cache
INT8_BATCH_TOKENS = 1024  # in float32 between the 8-bit layers: rows twice as wide
GPU_BATCH_TOKENS = 65536

Encode = Callable[[Sequence[str]], list[list[int]]]


class Engine(Protocol):
    """Computes logits. A text's never depend on the texts beside it by more than 1e-3 in score."""

    @property
    def precision(self) -> str:
        """The number format, as it is stored with each score."""

    def logits(self, texts: Sequence[Sequence[int]], budget: int) -> Tensor:
        """Return float32 logits (texts x classes) of token ids, longest first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where and how a model is computed; `load_as` is the format its weights are read in."""

    device: str
    precision: str
    batch_tokens: int
    load_as: str


def plan_of(
    spec: ModelSpec,
    settings: ScoringSettings,
    *,
    precision: str | None = None,
    cpu_tokens: int = CPU_BATCH_TOKENS,
) -> Plan:
    """Decide on the device, the number format and the size of a batch; set torch's threads.

    Args:
        spec: Named in errors.
        settings: What the user asks for.
        precision: The format of a model that has only one.
        cpu_tokens: Tokens of a batch on the CPU where the settings leave them open.

    Raises:
        ModelRefused: The device is not there, or it cannot compute in this format.
    """
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        msg = f"{spec.key}: CFW_DEVICE=cuda but torch sees no GPU; set CFW_DEVICE=cpu"
        raise ModelRefused(msg)
    device = "cuda" if available and settings.device != "cpu" else "cpu"
    precision = precision or settings.precision
    if precision == "auto":
        precision = "bfloat16" if has_fast_bfloat16(device) else "float32"
    if precision == "int8" and not (device == "cpu" and has_quantized_operators()):
        msg = f"{spec.key}: CFW_PRECISION=int8 needs a CPU with AVX-512; set it to auto"
        raise ModelRefused(msg)
    if precision == "bfloat16" and device == "cpu" and not computes_bfloat16():
        msg = f"{spec.key}: CFW_PRECISION=bfloat16 needs a CPU with AVX-512; set it to auto"
        raise ModelRefused(msg)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    default = GPU_BATCH_TOKENS if device == "cuda" else cpu_tokens
    if precision == "int8":
        default = INT8_BATCH_TOKENS
    load_as = "float32" if precision == "int8" else precision
    return Plan(device, precision, settings.batch_tokens or default, load_as)


def engine_for(spec: ModelSpec, model: Any, plan: Plan, encode: Encode) -> Engine:
    """Return the engine for a loaded model.

    Raises:
        ModelRefused: The architecture has no 8-bit layers, or they change the scores too much.
    """
    if plan.device == "cpu" and is_supported(model):
        if plan.precision == "int8":
            return _proven(spec, model, encode, plan.batch_tokens)
        return _Packed(packed(model, getattr(torch, plan.precision)), plan.precision)
    if plan.precision == "int8":
        msg = f"{spec.key}: no 8-bit layers for a {model.config.model_type}; set CFW_PRECISION=auto"
        raise ModelRefused(msg)
    return _Padded(model.to(plan.device, getattr(torch, plan.precision)), plan.precision)


def _proven(spec: ModelSpec, model: Any, encode: Encode, budget: int) -> Engine:
    """Quantize on every other calibration text; compare the scores of the rest with float32."""
    texts = encode(calibration_texts())
    exact = packed(model, torch.float32)
    rough = quantized(model, texts[::2])
    mean, largest = difference(spec, exact, rough, texts[1::2], budget)
    if mean > INT8_MEAN_LIMIT or largest > INT8_LARGEST_LIMIT:
        msg = (
            f"{spec.key}: int8 moves scores by {mean:.4f} on average and {largest:.3f} at most, "
            f"the limits are {INT8_MEAN_LIMIT} and {INT8_LARGEST_LIMIT}; set CFW_PRECISION=auto"
        )
        raise ModelRefused(msg)
    return _Packed(rough, "int8")


def difference(
    spec: ModelSpec, one: Encoder, other: Encoder, texts: Sequence[Sequence[int]], budget: int
) -> tuple[float, float]:
    """Return the mean and the largest absolute difference between two encoders' scores."""
    positive, negative = spec.class_index("positive"), spec.class_index("negative")
    apart: list[float] = []
    for batch in batches([len(ids) for ids in texts], budget):
        given = [texts[index] for index in batch]
        left, right = (torch.softmax(encoder.logits(given), -1) for encoder in (one, other))
        moved = left - right
        apart += (moved[:, positive] - moved[:, negative]).abs().tolist()
    return sum(apart) / len(apart), max(apart)


def calibration_texts() -> list[str]:
    """Return the sentences that show an 8-bit model how large its numbers become."""
    texts: list[str] = tomllib.loads(CALIBRATION.read_text(encoding="utf-8"))["texts"]
    return texts


@dataclass(frozen=True, slots=True)
class _Packed:
    """The project's own encoder on the CPU: every batch has one size, so nothing depends on it."""

    encoder: Encoder
    precision: str

    def logits(self, texts: Sequence[Sequence[int]], budget: int) -> Tensor:
        return self.encoder.logits(texts, budget)


@dataclass(frozen=True, slots=True)
class _Padded:
    """The library's model, on padded batches: for a GPU, and for other architectures."""

    model: Any
    precision: str

    def logits(self, texts: Sequence[Sequence[int]], budget: int) -> Tensor:
        with torch.inference_mode():
            out: Tensor = self.model(**padded(self.model, texts)).logits.float()
        return out
