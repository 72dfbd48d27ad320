"""How far 8 bits move scores, on weights that were trained: random ones have no large channels."""

from pathlib import Path

import pytest

from scoring.config import ScoringSettings
from scoring.embedding import encoder_folder
from scoring.errors import ModelRefused
from scoring.labelled_sets import HEADLINES, read_labelled
from scoring.registry import load_registry
from scoring.transformer import load

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from scoring import engine, linear  # noqa: E402 - after the check for torch
from tests.support.processors import needs_bfloat16, needs_int8  # noqa: E402

SPEC = load_registry().get("finbert").model_copy(update={"golden": ()})
TEXTS = [item.text for item in read_labelled(HEADLINES)]


def classifier(place: Path, *, spread: float) -> Path:
    """Save a classifier on the embedded model's trained encoder, under a random head."""
    source = encoder_folder(load_registry().get("minilm").package)
    names = dict(enumerate(label.name for label in SPEC.labels))
    torch.manual_seed(5)
    model = transformers.BertForSequenceClassification.from_pretrained(
        source, id2label=names, label2id={name: index for index, name in names.items()}
    )
    with torch.no_grad():
        torch.nn.init.normal_(model.bert.pooler.dense.weight, std=spread)
        torch.nn.init.normal_(model.classifier.weight, std=0.3)
    model.save_pretrained(place)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(place)
    return place


def scores_of(folder: Path, precision: str) -> list[float]:
    settings = ScoringSettings(_env_file=None, device="cpu", precision=precision)
    return [score.score for score in load(SPEC, folder, settings).score(TEXTS)]


def moved(one: list[float], other: list[float]) -> tuple[float, float]:
    apart = [abs(left - right) for left, right in zip(one, other, strict=True)]
    return sum(apart) / len(apart), max(apart)


@pytest.mark.parametrize(
    ("precision", "mean_limit", "largest_limit"),
    [
        pytest.param("bfloat16", 0.002, 0.01, marks=needs_bfloat16),
        pytest.param("int8", engine.INT8_MEAN_LIMIT, engine.INT8_LARGEST_LIMIT, marks=needs_int8),
    ],
)
def test_what_passes_the_proof_keeps_its_scores_on_other_texts(
    tmp_path: Path, precision: str, mean_limit: float, largest_limit: float
) -> None:
    """The proof at load reads the calibration's sentences; these 388 texts are none of them."""
    folder = classifier(tmp_path, spread=0.007)
    exact = scores_of(folder, "float32")
    assert max(exact) - min(exact) > 0.4, "the scores lie apart"
    mean, largest = moved(scores_of(folder, precision), exact)
    assert mean < mean_limit
    assert largest < largest_limit


@needs_int8
def test_a_head_that_amplifies_small_differences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="int8 moves scores by"):
        scores_of(classifier(tmp_path, spread=0.1), "int8")


def test_the_ways_to_8_bits_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.linspace(-300, 300, 10_007) + 0.01
    x = torch.cat([x, torch.tensor([0.5, 1.5, -0.5, -1.5, 1e9, -1e9])])
    at_once = linear.to_bytes(x, 128)
    monkeypatch.setattr(linear, "_converts_at_once", lambda: False)
    assert at_once.dtype == torch.uint8
    assert torch.equal(at_once, linear.to_bytes(x, 128))
    assert torch.equal(at_once.double(), (x.double().round() + 128).clamp(0, 255))
