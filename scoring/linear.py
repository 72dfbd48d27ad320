"""Linear layers packed once for the CPU's matrix unit: float32, bfloat16, or 8-bit integers.

The operators are those that torch's own compiler emits for a frozen model. They keep the weights in
the layout the unit wants and apply bias, GELU and the residual while the result is still in cache;
called plainly, torch reorders the weights and passes over memory again for each of the three.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

# Layouts are chosen for about this many rows; any other number of rows works too.
TYPICAL_ROWS = 2048
# GELU is never below this, so its 8-bit code spends no steps on numbers that cannot come.
GELU_MINIMUM = -0.17
# How much of the difference in size between input channels moves into the weights (SmoothQuant).
SMOOTHING = 0.5
_TINY = 1e-6

#: An elementwise operation after a product, with its numbers and its variant.
_Operator = tuple[str, list[float], str]


class Linear(Protocol):
    """`x @ weight.T + bias`, then GELU if it was made with it, then plus the residual if given."""

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Apply the layer to rows."""


class PackedLinear:
    """A layer in float32 or bfloat16."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, *, gelu: bool) -> None:
        """Pack the weight (out x in) for this number format."""
        self._bias = bias.to(dtype)
        self._gelu = gelu
        self._is_packed = has_packed_operators()
        plain = weight.to(dtype).contiguous()
        self._weight = (
            torch.ops.mkldnn._reorder_linear_weight(plain, TYPICAL_ROWS)
            if self._is_packed
            else plain
        )

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Apply the layer to rows of its number format."""
        if not self._is_packed:
            return _plain(x, self._weight, self._bias, residual, gelu=self._gelu)
        ops = torch.ops.mkldnn
        if residual is not None:
            out: Tensor = ops._linear_pointwise.binary(x, residual, self._weight, self._bias, "add")
            return out
        after: _Operator = ("gelu", [], "none") if self._gelu else ("none", [], "")
        out = ops._linear_pointwise(x, self._weight, self._bias, *after)
        return out


class ObservedLinear:
    """A float32 layer that remembers how large its inputs became, channel by channel."""

    def __init__(self, weight: Tensor, bias: Tensor, *, gelu: bool) -> None:
        """Keep the weight as it is."""
        self.weight = weight.float()
        self.bias = bias.float()
        self.gelu = gelu
        self.largest = torch.zeros(weight.shape[1])

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Apply the layer and note its input."""
        self.largest = torch.maximum(self.largest, x.abs().amax(0))
        return _plain(x, self.weight, self.bias, residual, gelu=self.gelu)


@dataclass(frozen=True, slots=True)
class Code:
    """How a number becomes 8 bits: `round(x / step) + zero`, cut to 0..255."""

    step: float
    zero: int


class QuantizedLinear:
    """An 8-bit layer. Its steps were fixed in advance, so a text's numbers never depend on others.

    The input is first divided by a factor per channel, which the weight takes over, so that one
    large channel does not use up the steps of all. A layer behind a GELU takes 8-bit input as it
    comes from the layer before.
    """

    def __init__(self, seen: ObservedLinear, *, behind_gelu: bool = False) -> None:
        """Quantize a layer whose inputs have been observed."""
        weight, largest = seen.weight, seen.largest.clamp(min=_TINY)
        if behind_gelu:
            top = float(largest.max())
            step = (top - GELU_MINIMUM) / 255
            self.code = Code(step, round(-GELU_MINIMUM / step))
            factor = torch.ones_like(largest)
        else:
            columns = weight.abs().amax(0).clamp(min=_TINY)
            factor = largest.pow(SMOOTHING) / columns.pow(1 - SMOOTHING)
            self.code = Code(float((largest / factor).max()) / 127, 128)
        self._multiplier: Tensor | None = 1 / (factor * self.code.step)
        smoothed = weight * factor
        self._steps = smoothed.abs().amax(1).clamp(min=_TINY) / 127
        whole = (smoothed / self._steps[:, None]).round().clamp(-127, 127).to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(whole, [TYPICAL_ROWS, whole.shape[1]])
        self._zeros = torch.zeros(whole.shape[0], dtype=torch.int32)
        self._bias = seen.bias.clone()
        self._gelu = seen.gelu
        self.next_code: Code | None = None

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Apply the layer to rows.

        The result has the residual's format, without one bfloat16 (it goes to attention), or 8 bits
        in the next layer's code.
        """
        whole = x if x.dtype == torch.uint8 else self._encode(x)
        ops = torch.ops.onednn
        given = (whole, self.code.step, self.code.zero, self._weight, self._steps, self._zeros)
        kind = torch.bfloat16
        if residual is not None:
            add: tuple[Any, ...] = (1.0, 0, "add", 1.0, "none", [], "")
            out: Tensor = ops.qlinear_pointwise.binary(
                *given, residual, self._bias, 1.0, 0, residual.dtype, *add
            )
            return out
        after: _Operator = ("gelu", [], "none") if self._gelu else ("none", [], "")
        step, zero = 1.0, 0
        if self.next_code is not None:
            step, zero, kind = self.next_code.step, self.next_code.zero, torch.uint8
        out = ops.qlinear_pointwise(*given, self._bias, step, zero, kind, *after)
        return out

    def scale_last(self, following: "QuantizedLinear") -> None:
        """Give the last outputs in the units of a following layer, which then need not convert.

        Only for what reaches that layer as a weighted mean, channel by channel: attention's values.
        """
        multiplier, following._multiplier = following._multiplier, None
        if multiplier is not None:
            self._steps[-len(multiplier) :] *= multiplier
            self._bias[-len(multiplier) :] *= multiplier

    def _encode(self, x: Tensor) -> Tensor:
        whole = x if self._multiplier is None else x * self._multiplier
        return to_bytes(whole, self.code.zero)


def to_bytes(x: Tensor, zero: int) -> Tensor:
    """Return `round(x) + zero`, cut to 0..255, as 8-bit integers."""
    if _converts_at_once():
        code = torch.quantize_per_tensor(x, 1.0, zero, torch.quint8)
        # The same bytes under the type that the operators take; torch's own way copies them.
        plain = torch.empty(0, dtype=torch.uint8)
        return plain.set_(code.untyped_storage(), 0, code.shape, code.stride())
    return (x.round() + zero).clamp_(0, 255).to(torch.uint8)


@cache
def _converts_at_once() -> bool:
    """Say whether torch converts in one pass over memory, four times as fast as in three.

    Newer versions will not: the one pass comes with a type that is on its way out, and says so.
    """
    if not hasattr(torch, "quantize_per_tensor"):
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says it once in a process
        torch.quantize_per_tensor(torch.zeros(1), 1.0, 0, torch.quint8)
    return True


def has_packed_operators() -> bool:
    """Say whether this build of torch has the packed operators."""
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


def computes_bfloat16() -> bool:
    """Say whether the CPU computes bfloat16; one that emulates it is far slower than in float32."""
    return not has_packed_operators() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def has_quantized_operators() -> bool:
    """Say whether this build of torch has the 8-bit operators and the CPU the instructions.

    Without AVX-512 the operators give the same scores, many times more slowly than float32.
    """
    return (
        hasattr(torch.ops.onednn, "qlinear_pointwise")
        and "onednn" in torch.backends.quantized.supported_engines
        and "AVX512" in torch.backends.cpu.get_cpu_capability()
    )


def has_fast_bfloat16(device: str) -> bool:
    """Say whether bfloat16 is computed by the hardware itself, so that it is faster."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: Mapping[str, Any] = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def _plain(
    x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, *, gelu: bool
) -> Tensor:
    out = functional.linear(x, weight, bias)
    if gelu:
        out = functional.gelu(out)
    return out if residual is None else out + residual
