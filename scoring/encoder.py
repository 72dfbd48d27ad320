"""BERT and RoBERTa classifiers, computed without padding on layers packed for the CPU.

The tokens of a batch lie one after another, so the linear layers waste nothing on padding, and each
text attends to itself alone, at its own length: nothing of a text's numbers comes from the texts
beside it. Only the first token decides the class, so the last layer computes it alone.

The weights come from a model that the transformers library has loaded; its head is used as it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from scoring.linear import (
    Linear,
    ObservedLinear,
    PackedLinear,
    QuantizedLinear,
)

FIRST_ROWS = 32  # texts that the last layer computes at a time
SUPPORTED = ("bert", "roberta", "xlm-roberta")

#: What a layer's linear part is for: `up` ends in a GELU, `down` begins behind it.
Role = Literal["plain", "up", "down"]
Make = Callable[[Tensor, Tensor, Role], Linear]


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.weight, self.bias, self.epsilon)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer. `inputs` gives queries, keys and values; of the last layer, keys and values."""

    inputs: Linear
    query: Linear
    outputs: Linear
    norm: _Norm
    up: Linear
    down: Linear
    last_norm: _Norm

    def feed(self, attended: Tensor, x: Tensor) -> Tensor:
        """Return what the layer makes of its input and of what the input attended to."""
        x = self.norm(self.outputs(attended, x))
        return self.last_norm(self.down(self.up(x), x))


def is_supported(model: Any) -> bool:
    """Say whether a loaded classifier has the architecture that this module computes."""
    config = model.config
    return (
        config.model_type in SUPPORTED
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not config.is_decoder
    )


class Encoder:
    """A loaded classifier in one number format, on the CPU."""

    def __init__(self, model: Any, dtype: torch.dtype, make: Make) -> None:
        """Take the weights of a classifier for which :func:`is_supported` holds.

        Args:
            model: The classifier, which may be dropped afterwards; its head becomes float32.
            dtype: Format of the numbers between the linear layers.
            make: Makes a linear layer from weight, bias and role.
        """
        config, base = model.config, model.base_model
        is_bert = config.model_type == "bert"
        self._dtype = dtype
        self._heads: int = config.num_attention_heads
        self._first_position: int = 0 if is_bert else config.pad_token_id + 1
        self._head = model.classifier.float()
        self._pooler = base.pooler.float() if is_bert else None
        with torch.inference_mode():
            embeddings = base.embeddings
            self._words = embeddings.word_embeddings.weight.to(dtype)
            kind = embeddings.token_type_embeddings.weight[0].float()
            self._places = (embeddings.position_embeddings.weight.float() + kind).to(dtype)
            self._norm = _norm(embeddings.LayerNorm, dtype)
            *body, last = base.encoder.layer
            self._layers = [_layer(module, dtype, make, is_last=False) for module in body]
            self._last = _layer(last, dtype, make, is_last=True)

    @torch.inference_mode()
    def logits(self, texts: Sequence[Sequence[int]], rows: int = 0) -> Tensor:
        """Return the classes' logits (texts x classes, float32) of token ids, in order.

        Texts of equal length should lie side by side: they attend in one step.

        Args:
            texts: Token ids.
            rows: Fill the batch up to this many tokens. A matrix product may add its terms in
                another order when it has another number of rows; with the same number in every
                batch, a text has the same logits to the last bit whatever lies beside it.
        """
        runs = list(_runs(len(ids) for ids in texts))
        tokens = [token for text in texts for token in text]
        spare = max(0, rows - len(tokens))
        place = [torch.arange(length).repeat(count) for _, count, length in runs]
        places = torch.cat([*place, torch.zeros(spare, dtype=torch.long)]) + self._first_position
        words = functional.embedding(torch.tensor(tokens + [0] * spare), self._words)
        x = self._norm(words + functional.embedding(places, self._places))
        for layer in self._layers:
            x = layer.feed(self._attend(layer.inputs(x), runs), x)
        first = torch.cat([start + length * torch.arange(n) for start, n, length in runs])
        return self._decide(x, x[first], runs)

    def _decide(self, x: Tensor, first: Tensor, runs: Iterable[tuple[int, int, int]]) -> Tensor:
        """Return the logits that the last layer and the head give the first tokens.

        The first tokens go in blocks of one size, for the same reason as `rows`.
        """
        count = len(first)
        blocks = _blocks(functional.pad(first, (0, 0, 0, -count % FIRST_ROWS)))
        queries = torch.cat([self._last.query(block) for block in blocks])
        attended = self._attend_first(queries, self._last.inputs(x), runs)
        found = zip(_blocks(attended), blocks, strict=True)
        logits = [self._classify(self._last.feed(rows, block).float()) for rows, block in found]
        return torch.cat(logits)[:count]

    def _attend(self, projected: Tensor, runs: Iterable[tuple[int, int, int]]) -> Tensor:
        rows, width = projected.shape[0], projected.shape[1] // 3
        out = projected.new_empty(rows, width, dtype=self._dtype)
        end = 0
        for start, count, length in runs:
            end = start + count * length
            shape = (count, length, 3, self._heads, width // self._heads)
            query, key, value = projected[start:end].view(shape).permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(query, key, value)
            out[start:end].view(count, length, self._heads, -1).copy_(found.transpose(1, 2))
        out[end:] = 0  # rows of no text
        return out

    def _attend_first(
        self, queries: Tensor, projected: Tensor, runs: Iterable[tuple[int, int, int]]
    ) -> Tensor:
        width = queries.shape[1]
        out = torch.zeros_like(queries, dtype=self._dtype)
        done = 0
        for start, count, length in runs:
            shape = (count, length, 2, self._heads, width // self._heads)
            part = projected[start : start + count * length]
            key, value = part.view(shape).permute(2, 0, 3, 1, 4)
            query = queries[done : done + count].view(count, self._heads, 1, -1)
            found = functional.scaled_dot_product_attention(query, key, value)
            out[done : done + count] = found.reshape(count, width)
            done += count
        return out

    def _classify(self, first: Tensor) -> Tensor:
        if self._pooler is not None:
            first = torch.tanh(self._pooler.dense(first))
            out: Tensor = self._head(first)
            return out
        out = self._head(first[:, None, :])  # the library's head takes the first of the tokens
        return out


def packed(model: Any, dtype: torch.dtype) -> Encoder:
    """Return an encoder that computes in float32 or bfloat16."""

    def make(weight: Tensor, bias: Tensor, role: Role) -> Linear:
        return PackedLinear(weight, bias, dtype, gelu=role == "up")

    return Encoder(model, dtype, make)


def quantized(model: Any, calibration: Sequence[Sequence[int]]) -> Encoder:
    """Return an encoder whose linear layers compute with 8-bit integers.

    Args:
        model: The classifier.
        calibration: Token ids of texts that show how large the numbers become.
    """
    seen: list[ObservedLinear] = []

    def observe(weight: Tensor, bias: Tensor, role: Role) -> Linear:
        seen.append(ObservedLinear(weight, bias, gelu=role == "up"))
        return seen[-1]

    watched = Encoder(model, torch.float32, observe)
    for ids in sorted(calibration, key=len):
        watched.logits([ids])
    left = iter(seen)  # the second encoder asks for the layers in the order of the first

    def make(_weight: Tensor, _bias: Tensor, role: Role) -> Linear:
        return QuantizedLinear(next(left), behind_gelu=role == "down")

    # What is rounded to 8 bits anyway is kept in float32 until then: no conversion in between.
    return Encoder(model, torch.float32, make)


def _blocks(rows: Tensor) -> tuple[Tensor, ...]:
    return torch.split(rows, FIRST_ROWS)


def _runs(lengths: Iterable[int]) -> Iterable[tuple[int, int, int]]:
    """Yield (first token, texts, length) of each run of texts of equal length."""
    start = 0
    for length, group in groupby(lengths):
        count = len(list(group))
        yield start, count, length
        start += count * length


def _norm(module: Any, dtype: torch.dtype) -> _Norm:
    return _Norm(module.weight.to(dtype), module.bias.to(dtype), module.eps)


def _layer(module: Any, dtype: torch.dtype, make: Make, *, is_last: bool) -> _Layer:
    attention, output = module.attention.self, module.attention.output
    query, *others = attention.query, attention.key, attention.value
    joined = others if is_last else [query, *others]
    up = make(module.intermediate.dense.weight, module.intermediate.dense.bias, "up")
    down = make(module.output.dense.weight, module.output.dense.bias, "down")
    if isinstance(up, QuantizedLinear) and isinstance(down, QuantizedLinear):
        up.next_code = down.code
    inputs = make(
        torch.cat([part.weight for part in joined]),
        torch.cat([part.bias for part in joined]),
        "plain",
    )
    first = make(query.weight, query.bias, "plain") if is_last else inputs
    outputs = make(output.dense.weight, output.dense.bias, "plain")
    if isinstance(inputs, QuantizedLinear) and isinstance(outputs, QuantizedLinear):
        inputs.scale_last(outputs)
    return _Layer(
        inputs=inputs,
        query=first,
        outputs=outputs,
        norm=_norm(output.LayerNorm, dtype),
        up=up,
        down=down,
        last_norm=_norm(module.output.LayerNorm, dtype),
    )
