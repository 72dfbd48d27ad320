"""The transformer scorer on tiny models of the real architectures, with the real label order."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from scoring.config import ScoringSettings
from scoring.errors import ModelRefused, WeightsUnavailable
from scoring.reading import batches, encode
from scoring.registry import GoldenSentence, ModelSpec, Registry, load_registry
from scoring.scorer import Failure, Score, score_each
from scoring.transformer import TransformerScorer, load, score_of
from scoring.weights import (
    REVISION_FILE,
    build_scorers,
    check,
    find_weights,
    list_models,
    load_scorer,
    pull,
)

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tests.support.processors import needs_bfloat16, needs_int8  # noqa: E402 - after the check for torch

SETTINGS = ScoringSettings(_env_file=None, device="cpu", threads=1, precision="float32")
ARCHITECTURE = {"cryptobert": "Roberta", "finbert": "Bert", "kk08_cryptobert": "Bert"}
WORDS = ["bitcoin", "falls", "rises", "sharply", "profit", "a", "the", "to", "moon", "##s", "!"]

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
}


def spec_of(key: str, **changes: object) -> ModelSpec:
    return load_registry().get(key).model_copy(update={"golden": (), **changes})


def make_tokenizer(folder: Path, architecture: str) -> int:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: index for index, word in enumerate([*SPECIAL.values(), *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ["input_ids", "attention_mask"]
    if architecture == "Bert":
        names.insert(1, "token_type_ids")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=names,
        **SPECIAL,
    ).save_pretrained(folder)
    return len(vocabulary)


def make_model(
    folder: Path,
    key: str,
    *,
    labels: Sequence[str] | None = None,
    bias: Sequence[float] | None = None,
    **changes: object,
) -> Path:
    """Save a tiny random model; `bias` pushes its answer towards a class of known meaning."""
    architecture = ARCHITECTURE[key]
    names = labels or [label.name for label in load_registry().get(key).labels]
    torch.manual_seed(7)
    config = getattr(transformers, f"{architecture}Config")(
        **changes,
        vocab_size=make_tokenizer(folder, architecture),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=520,
        pad_token_id=0,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    model = getattr(transformers, f"{architecture}ForSequenceClassification")(config)
    head = model.classifier.out_proj if architecture == "Roberta" else model.classifier
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # random models answer nearly alike; spread them
        head.bias.copy_(torch.tensor(bias if bias is not None else [0.0] * len(names)))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def crypto_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("cryptobert"), "cryptobert")


@pytest.fixture(scope="module")
def scorer(crypto_folder: Path) -> TransformerScorer:
    return load(spec_of("cryptobert"), crypto_folder, SETTINGS)


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        (key, label.meaning)
        for key in sorted(ARCHITECTURE)
        for label in load_registry().get(key).labels
    ],
)
def test_the_score_follows_the_meaning_of_the_class(tmp_path: Path, key: str, meaning: str) -> None:
    spec = spec_of(key, revision="r")
    index = spec.class_index(meaning)  # type: ignore[arg-type]
    bias = [50.0 if i == index else 0.0 for i in range(len(spec.labels))]
    (score,) = load(spec, make_model(tmp_path, key, bias=bias), SETTINGS).score(["bitcoin"])
    assert score.label == meaning
    assert score.score == pytest.approx(
        {"negative": -1, "neutral": 0, "positive": 1}[meaning], abs=1e-6
    )
    assert score.confidence > 0.999
    assert (score.p_neutral is None) == (key == "kk08_cryptobert")


@pytest.mark.parametrize("key", sorted(ARCHITECTURE))
def test_the_swapped_label_order_is_refused(tmp_path: Path, key: str) -> None:
    spec = spec_of(key, revision="r")
    swapped = [label.name for label in spec.labels][::-1]
    folder = make_model(tmp_path, key, labels=swapped)
    with pytest.raises(ModelRefused, match="would swap signs") as caught:
        load(spec, folder, SETTINGS)
    assert "\n" not in str(caught.value)


def test_a_known_probability_gives_a_known_score() -> None:
    score = score_of(spec_of("cryptobert"), [0.2, 0.3, 0.5])
    assert score == Score(0.5 - 0.2, 0.5, 0.2, 0.3, 0.5, "positive")
    two = score_of(spec_of("kk08_cryptobert"), [0.75, 0.25])
    assert two == Score(-0.5, 0.75, 0.75, None, 0.25, "negative")


@pytest.mark.parametrize("bad", [(float("nan"), 0.5), (1.5, 0.5), (0.5, 1.5), (0.0, float("inf"))])
def test_a_number_no_model_can_mean_is_never_a_score(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="outside"):
        Score(bad[0], bad[1], None, None, None, "neutral")


def corpus(count: int = 60) -> list[str]:
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=rng.choice([1, 3, 9, 40, 200]))) for _ in range(count)]
    return [*texts, "\U0001f680\U0001f680", "bitcoin \x07 \u0000", "x" * 5000, "bitcoin " * 50_000]


def test_scores_do_not_depend_on_the_batch(scorer: TransformerScorer) -> None:
    texts = corpus()
    together = scorer.score(texts)
    assert len({round(score.score, 6) for score in together}) > 20, "the model is not constant"
    alone = [scorer.score([text])[0] for text in texts]
    backwards = scorer.score(texts[::-1])[::-1]
    eights = [s for i in range(0, len(texts), 8) for s in scorer.score(texts[i : i + 8])]
    for other in (alone, backwards, eights):
        for left, right in zip(together, other, strict=True):
            assert left.score == pytest.approx(right.score, abs=1e-5)
            assert left.confidence == pytest.approx(right.confidence, abs=1e-5)
    assert together == scorer.score(texts), "two runs agree exactly"


def test_batches_keep_the_budget_and_lose_nothing() -> None:
    rng = random.Random(1)
    lengths = [rng.randint(1, 128) for _ in range(500)] + [900]
    made = list(batches(lengths, 512))
    assert sorted(index for batch in made for index in batch) == list(range(501))
    for batch in made:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 512


def test_blank_texts_fail_alone(scorer: TransformerScorer) -> None:
    with pytest.raises(ValueError, match="blank"):
        scorer.score(["bitcoin", " "])
    good, blank, other = score_each(scorer, ["bitcoin", " ", "moon"])
    assert isinstance(good, Score)
    assert isinstance(other, Score)
    assert blank == Failure("the text is blank")
    assert scorer.score([]) == []


@pytest.mark.parametrize(
    ("precision", "close"),
    [
        pytest.param("bfloat16", 0.1, marks=needs_bfloat16),
        pytest.param("int8", 0.1, marks=needs_int8),
    ],
)
def test_a_rougher_format_stays_close_and_keeps_texts_apart(
    crypto_folder: Path, scorer: TransformerScorer, precision: str, close: float
) -> None:
    settings = SETTINGS.model_copy(update={"precision": precision})
    rough = load(spec_of("cryptobert"), crypto_folder, settings)
    assert rough.precision == precision
    texts = corpus(30)
    together = rough.score(texts)
    for left, right in zip(together, scorer.score(texts), strict=True):
        assert left.score == pytest.approx(right.score, abs=close)
    assert together == rough.score(texts), "two runs agree exactly"
    assert together == [rough.score([text])[0] for text in texts], "and so does each text alone"


@pytest.mark.parametrize(
    ("is_fast", "expected"),
    [pytest.param(True, "bfloat16", marks=needs_bfloat16), (False, "float32")],
)
def test_the_format_is_what_the_hardware_computes(
    crypto_folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_fast: bool, expected: str
) -> None:
    from scoring import engine

    auto = SETTINGS.model_copy(update={"precision": "auto"})
    monkeypatch.setattr(engine, "has_fast_bfloat16", lambda _device: is_fast)
    assert load(spec_of("cryptobert"), crypto_folder, auto).precision == expected


def test_a_format_that_the_hardware_does_not_compute_is_refused(
    crypto_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scoring import engine

    monkeypatch.setattr(engine, "computes_bfloat16", lambda: False)
    half = SETTINGS.model_copy(update={"precision": "bfloat16"})
    with pytest.raises(ModelRefused, match="needs a CPU with AVX-512; set it to auto"):
        load(spec_of("cryptobert"), crypto_folder, half)
    monkeypatch.setattr(engine, "has_quantized_operators", lambda: False)
    whole = SETTINGS.model_copy(update={"precision": "int8"})
    with pytest.raises(ModelRefused, match="int8 needs a CPU with AVX-512"):
        load(spec_of("cryptobert"), crypto_folder, whole)
    with pytest.raises(ModelRefused, match="torch sees no GPU"):
        load(spec_of("cryptobert"), crypto_folder, SETTINGS.model_copy(update={"device": "cuda"}))


@needs_int8
def test_8_bits_that_move_the_scores_are_refused(
    crypto_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scoring import engine

    monkeypatch.setattr(engine, "INT8_MEAN_LIMIT", 1e-9)
    settings = SETTINGS.model_copy(update={"precision": "int8"})
    with pytest.raises(ModelRefused, match=r"int8 moves scores by 0\.\d+ on average"):
        load(spec_of("cryptobert"), crypto_folder, settings)


@pytest.mark.parametrize("key", sorted(ARCHITECTURE))
def test_the_engine_computes_what_the_library_computes(tmp_path: Path, key: str) -> None:
    spec = spec_of(key, revision="r")
    ours = load(spec, make_model(tmp_path, key), SETTINGS)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = corpus(20)
    for text, score in zip(texts, ours.score(texts), strict=True):
        ids = torch.tensor(encode(tokenizer, [text], spec.max_length))
        with torch.inference_mode():
            expected = torch.softmax(theirs(input_ids=ids).logits, -1)[0]
        known = score_of(spec, expected.double().tolist())
        assert score.score == pytest.approx(known.score, abs=1e-5)
        assert score.confidence == pytest.approx(known.confidence, abs=1e-5)


def test_another_architecture_goes_through_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path, "cryptobert", hidden_act="relu")
    texts = corpus(20)
    padded = load(spec_of("cryptobert"), folder, SETTINGS)
    together = padded.score(texts)
    for text, score in zip(texts, together, strict=True):
        assert score.score == pytest.approx(padded.score([text])[0].score, abs=1e-5)
    monkeypatch.setattr("scoring.engine.has_quantized_operators", lambda: True)
    with pytest.raises(ModelRefused, match="no 8-bit layers"):
        load(spec_of("cryptobert"), folder, SETTINGS.model_copy(update={"precision": "int8"}))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "finbert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelRefused, match=r"no \.safetensors, only pytorch_model\.bin"):
        load(spec_of("finbert"), folder, SETTINGS)


def test_a_missing_head_is_refused_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_model(tmp_path, "finbert")
    path = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if "classifier" not in name}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(ModelRefused, match=r"lacks the weights classifier\.bias"):
        load(spec_of("finbert"), folder, SETTINGS)


def test_broken_files_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "finbert")
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelRefused, match="cannot load") as caught:
        load(spec_of("finbert"), folder, SETTINGS)
    assert "\n" not in str(caught.value)
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelRefused, match="cannot read"):
        load(spec_of("finbert"), folder, SETTINGS)


def local(tmp_path: Path) -> ScoringSettings:
    return SETTINGS.model_copy(update={"models_dir": tmp_path, "hf_home": tmp_path / "hf"})


def registry_of(*specs: ModelSpec) -> Registry:
    return Registry(models=specs)


def test_golden_sentences_decide_whether_a_model_may_score(tmp_path: Path) -> None:
    (tmp_path / "finbert").mkdir()
    make_model(tmp_path / "finbert", "finbert", bias=[50.0, 0.0, 0.0])
    good = spec_of("finbert", golden=(GoldenSentence(text="profit rises", sign="positive"),))
    assert "1 golden sentences ok" in check(good, local(tmp_path))
    bad = spec_of("finbert", golden=(GoldenSentence(text="profit falls", sign="negative"),))
    with pytest.raises(ModelRefused, match=r"golden sentences fail.*expected negative"):
        load_scorer(bad, local(tmp_path))
    scorers, missing = build_scorers(local(tmp_path), registry_of(bad))
    assert scorers == []
    assert [(gone.key, gone.remedy) for gone in missing] == [
        ("finbert", "cfw models check finbert")
    ]


def test_without_weights_the_models_of_packages_run_and_the_rest_is_told(tmp_path: Path) -> None:
    scorers, missing = build_scorers(local(tmp_path))
    assert [scorer.model_id for scorer in scorers] == ["vader", "cfw/minilm-head"]
    assert [gone.remedy for gone in missing] == [
        "cfw models pull cryptobert",
        "cfw models pull finbert",
    ]
    with pytest.raises(WeightsUnavailable, match="no weights of ProsusAI/finbert"):
        check(spec_of("finbert"), local(tmp_path))


def test_weights_are_found_in_the_folder_then_in_the_hub_cache(tmp_path: Path) -> None:
    spec = spec_of("finbert")
    settings = local(tmp_path)
    assert find_weights(spec, settings) is None
    repo = tmp_path / "hf" / "hub" / "models--ProsusAI--finbert"
    cached = repo / "snapshots" / spec.revision
    cached.mkdir(parents=True)
    make_model(cached, "finbert")
    assert find_weights(spec, settings) == cached
    assert find_weights(spec_of("finbert", revision="f" * 40), settings) is None
    (tmp_path / "finbert").mkdir()
    make_model(tmp_path / "finbert", "finbert")
    assert find_weights(spec, settings) == tmp_path / "finbert"
    rows = {row.key: row for row in list_models(settings)}
    assert rows["finbert"].status == "present"
    assert rows["cryptobert"].status == "missing"
    assert rows["vader"].status == "in the package"
    assert rows["kk08_cryptobert"].status == "needs a pinned revision"


def test_a_stale_local_copy_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "finbert"
    folder.mkdir()
    make_model(folder, "finbert")
    (folder / REVISION_FILE).write_text("0" * 40 + "\n", encoding="utf-8")
    with pytest.raises(ModelRefused, match="holds revision 00000000"):
        find_weights(spec_of("finbert"), local(tmp_path))
    assert build_scorers(local(tmp_path), registry_of(spec_of("finbert")))[1][0].key == "finbert"


def test_pull_says_in_one_line_why_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = local(tmp_path).model_copy(update={"offline": True})
    with pytest.raises(WeightsUnavailable, match="CFW_OFFLINE"):
        pull(spec_of("finbert"), offline)
    with pytest.raises(WeightsUnavailable, match="no revision"):
        pull(spec_of("kk08_cryptobert"), local(tmp_path))
    assert pull(load_registry().get("vader"), local(tmp_path)) is None

    import httpx
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> str:
        msg = "name or service\nnot known"
        raise httpx.ConnectError(msg)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(WeightsUnavailable, match="check the network") as caught:
        pull(spec_of("finbert"), local(tmp_path))
    assert "\n" not in str(caught.value)


def test_pull_asks_for_the_pin_and_marks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: dict[str, object] = {}

    def download(repo: str, **options: object) -> str:
        asked.update(options, repo=repo)
        folder = Path(str(options["local_dir"]))
        folder.mkdir(exist_ok=True)
        return str(make_model(folder, "finbert"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    spec = spec_of("finbert")
    assert pull(spec, local(tmp_path)) == tmp_path / "finbert"
    assert (asked["repo"], asked["revision"]) == (spec.id, spec.revision)
    assert asked["allow_patterns"] == ["*.safetensors", "*.json", "*.txt"]
    assert (tmp_path / "finbert" / REVISION_FILE).read_text().strip() == spec.revision
    assert load_scorer(spec, local(tmp_path)).score(["bitcoin"])
    assert json.loads((tmp_path / "finbert" / "config.json").read_text())["id2label"]
