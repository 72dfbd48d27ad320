"""The embedded model: its encoder, its head, and what makes it refuse to score."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import yaml

from scoring import embedding
from scoring.config import ScoringSettings
from scoring.embedding import (
    EmbeddingScorer,
    Encoder,
    encoder_folder,
    load,
    load_encoder,
    probabilities,
    softmax,
)
from scoring.errors import ModelRefused, WeightsUnavailable
from scoring.head import SCORING, Head, load_head, revision_of, sha256_of
from scoring.registry import GoldenSentence, ModelSpec, Registry, load_registry
from scoring.weights import build_scorers, check, list_models, load_scorer, pull

torch = pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]
SETTINGS = ScoringSettings(_env_file=None, device="cpu")
SPEC = load_registry().get("minilm")
HEAD = SCORING / SPEC.head

TEXTS = [
    "Bitcoin climbs past $50,000",
    "gm",
    "\U0001f680\U0001f680",
    "Exchange halts withdrawals after an attacker drains its hot wallet of 4,000 ether.",
    "word " * 5_000,
    "x" * 20_000,
    "bitcoin \x07 \u0000 naïve Ünïcode 比特币",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(SPEC, encoder_folder(SPEC.package), SETTINGS)


@pytest.fixture(scope="module")
def scorer() -> EmbeddingScorer:
    return load(SPEC, SETTINGS)


def test_an_embedding_is_the_unit_mean_of_the_tokens(encoder: Encoder) -> None:
    """Against a computation of one text at a time, without padding, mask or batch."""
    from transformers import AutoModel, AutoTokenizer

    folder = encoder_folder(SPEC.package)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    made = encoder.embed(TEXTS)
    assert made.shape == (len(TEXTS), 384)
    for text, row in zip(TEXTS, made, strict=True):
        ids = tokenizer(text, truncation=True, max_length=SPEC.max_length)["input_ids"]
        assert len(ids) <= SPEC.max_length
        with torch.inference_mode():
            tokens = model(torch.tensor([ids])).last_hidden_state[0].double().numpy()
        mean = tokens.mean(axis=0)
        assert row == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
        assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-5)


def test_scores_do_not_depend_on_the_batch(scorer: EmbeddingScorer) -> None:
    words = ["bitcoin", "falls", "rally", "hack", "the", "lender", "raises", "why", "?", "ether"]
    rng = random.Random(5)
    texts = TEXTS + [" ".join(rng.choices(words, k=rng.choice([1, 4, 12, 90]))) for _ in range(20)]
    together = scorer.score(texts)
    assert len({round(score.score, 4) for score in together}) > 20, "the model is not constant"
    alone = [scorer.score([text])[0] for text in texts]
    backwards = scorer.score(texts[::-1])[::-1]
    for other in (alone, backwards):
        for left, right in zip(together, other, strict=True):
            assert left.score == pytest.approx(right.score, abs=1e-5)
            assert left.confidence == pytest.approx(right.confidence, abs=1e-5)
    assert together == scorer.score(texts), "two runs agree exactly"


def test_blank_texts_are_refused_and_no_texts_give_no_scores(scorer: EmbeddingScorer) -> None:
    assert scorer.score([]) == []
    with pytest.raises(ValueError, match="blank"):
        scorer.score(["bitcoin", " "])


def head_of(**changes: object) -> Head:
    """A head of two numbers per text, whose probabilities can be worked out by hand."""
    shipped = load_head(HEAD).model_dump()
    small = {
        "temperature": 2.0,
        "bias": (0.0, 0.0, 2.0),
        "weights": ((4.0, 0.0), (0.0, 4.0), (0.0, 0.0)),
    }
    return Head.model_validate({**shipped, **small, **changes})


def test_probabilities_are_the_softmax_of_logits_over_the_temperature() -> None:
    rows = probabilities(head_of(), np.array([[1.0, 0.0], [0.0, 0.5]]))
    e = np.exp
    assert rows[0] == pytest.approx(np.array([e(2), 1, e(1)]) / (e(2) + 1 + e(1)))
    assert rows[1] == pytest.approx(np.array([1, e(1), e(1)]) / (1 + 2 * e(1)))
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
    hot = probabilities(head_of(temperature=50.0), np.array([[1.0, 0.0]]))
    assert hot.max() - hot.min() < 0.05, "a high temperature makes the head unsure"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bias": (0.0, 0.0)}, "one entry per class"),
        ({"weights": ((4.0,), (0.0, 4.0), (0.0, 0.0))}, "differ in length"),
        ({"temperature": 0.0}, "temperature"),
        ({"classes": ("negative", "positive", "positive")}, "one entry per class"),
    ],
)
def test_a_head_that_cannot_be_right_is_not_a_head(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        head_of(**changes)


def test_a_head_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(head_of().to_json(), encoding="utf-8")
    assert load_head(path) == head_of()
    shipped = load_head(HEAD)
    assert HEAD.read_text(encoding="utf-8") == shipped.to_json()
    assert np.array(shipped.weights).shape == (3, 384)
    for broken in ("{", "{}", json.dumps({"weights": []})):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(ModelRefused, match="make train-head") as caught:
            load_head(path)
        assert "\n" not in str(caught.value)


def pinned(tmp_path: Path, head: Head, **changes: object) -> ModelSpec:
    """The registry's entry for a head stored elsewhere, pinned as if it were shipped."""
    path = tmp_path / "head.json"
    path.write_text(head.to_json(), encoding="utf-8")
    revision = revision_of(path, head.encoder.version)
    return SPEC.model_copy(update={"head": str(path), "revision": revision, **changes})


def changed(part: str, **fields: object) -> Head:
    shipped = load_head(HEAD)
    return shipped.model_copy(
        update={part: getattr(shipped, part).model_copy(update=fields)},
    )


@pytest.mark.parametrize(
    ("part", "fields", "reason"),
    [
        ("encoder", {"sha256": "0" * 64}, "encoder weights .* are not those of head.json"),
        ("encoder", {"version": "0.0.9"}, r"0\.0\.9, installed is"),
        ("encoder", {"package": "another"}, "fitted to another"),
        ("training", {"sha256": "0" * 64}, "headlines.tsv changed since head.json was fitted"),
        ("training", {"file": "training/gone.tsv"}, "cannot read"),
    ],
)
def test_a_head_of_other_data_or_encoder_is_refused(
    tmp_path: Path, part: str, fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(ModelRefused, match=reason) as caught:
        load(pinned(tmp_path, changed(part, **fields)), SETTINGS)
    assert "\n" not in str(caught.value)


def test_a_head_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    spec = pinned(tmp_path, load_head(HEAD))
    assert load(spec, SETTINGS).model_revision == spec.revision
    with pytest.raises(ModelRefused, match=r"the registry pins 0\.1\.0-000000000000"):
        load(spec.model_copy(update={"revision": "0.1.0-000000000000"}), SETTINGS)


def test_swapped_classes_are_refused(tmp_path: Path) -> None:
    """By the head's own order, by the registry's, and, if both lie, by the golden sentences."""
    shipped = load_head(HEAD)
    swapped = shipped.model_copy(update={"classes": shipped.classes[::-1]})
    with pytest.raises(ModelRefused, match="classes of"):
        load(pinned(tmp_path, swapped), SETTINGS)
    with pytest.raises(ModelRefused, match="classes of"):
        load(pinned(tmp_path, shipped, labels=SPEC.labels[::-1]), SETTINGS)
    with pytest.raises(ModelRefused, match="golden sentences fail"):
        load_scorer(pinned(tmp_path, swapped, labels=SPEC.labels[::-1]), SETTINGS)


def test_the_shipped_model_passes_its_own_checks() -> None:
    assert {sentence.sign for sentence in SPEC.golden} == {"positive", "negative"}
    assert "6 golden sentences ok (float32)" in check(SPEC, SETTINGS)
    wrong = SPEC.model_copy(
        update={"golden": (GoldenSentence(text="Bank buys bitcoin", sign="negative"),)}
    )
    with pytest.raises(ModelRefused, match="expected negative"):
        load_scorer(wrong, SETTINGS)


def test_without_its_package_it_is_told_and_the_rest_runs() -> None:
    absent = SPEC.model_copy(update={"package": "no-such-package"})
    with pytest.raises(WeightsUnavailable, match="make setup"):
        encoder_folder("no-such-package")
    with pytest.raises(WeightsUnavailable, match=r"model\.safetensors"):
        encoder_folder("vaderSentiment")
    registry = Registry(models=(load_registry().get("vader"), absent))
    scorers, missing = build_scorers(SETTINGS, registry)
    assert [scorer.model_id for scorer in scorers] == ["vader"]
    assert [(gone.key, gone.remedy) for gone in missing] == [("minilm", "make setup")]
    assert {row.key: row.status for row in list_models(SETTINGS, registry)} == {
        "vader": "in the package",
        "minilm": "missing",
    }


def test_nothing_is_fetched_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    assert pull(SPEC, SETTINGS) is None
    rows = {row.key: row for row in list_models(SETTINGS)}
    assert rows["minilm"].status == "in the package"
    assert Path(rows["minilm"].path, embedding.WEIGHTS_FILE).is_file()


def test_encoder_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="cannot load"):
        load_encoder(SPEC, tmp_path, SETTINGS)


def test_the_marts_show_the_pinned_revision() -> None:
    project = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text("utf-8"))
    shown = project["vars"]["sentiment_models"]["minilm"]
    pin = load_head(HEAD).encoder
    expected = {"id": SPEC.id, "revision": revision_of(HEAD, pin.version)}
    assert shown == expected, "pin the head's revision in dbt_project.yml"
    assert SPEC.revision == expected["revision"], "pin the head's revision in scoring/models.toml"
    assert pin.sha256 == sha256_of(encoder_folder(SPEC.package) / embedding.WEIGHTS_FILE)
