"""The model registry that ships, and what a registry may not say."""

import subprocess
import sys
from pathlib import Path

import pytest

from scoring.config import ScoringSettings
from scoring.errors import RegistryError
from scoring.registry import BUILT_IN, Registry, load_registry

MODEL = """
[[models]]
key = "one"
kind = "transformer"
id = "someone/one"
revision = "abc"
licence = "MIT"
enabled = true
routes = ["crypto"]
labels = [{ name = "a", meaning = "negative" }, { name = "b", meaning = "positive" }]
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_built_in_models_are_wired_as_documented() -> None:
    registry = load_registry()
    meanings = {
        model.key: [(label.name, label.meaning) for label in model.labels]
        for model in registry.models
    }
    assert meanings == {
        "vader": [],
        "cryptobert": [("Bearish", "negative"), ("Neutral", "neutral"), ("Bullish", "positive")],
        "finbert": [("positive", "positive"), ("negative", "negative"), ("neutral", "neutral")],
        "minilm": [(name, name) for name in ("negative", "neutral", "positive")],
        "kk08_cryptobert": [("LABEL_0", "negative"), ("LABEL_1", "positive")],
    }
    assert registry.get("cryptobert").max_length == 128
    assert registry.get("finbert").max_length == 512


def test_every_route_has_one_enabled_model_of_each_kind() -> None:
    enabled = load_registry().selected()
    assert [model.key for model in enabled] == ["vader", "cryptobert", "finbert", "minilm"]
    for route in ("crypto", "market", "posts"):
        readers = [model.kind for model in enabled if route in model.routes]
        assert sorted(readers) == ["embedding", "lexicon", "transformer"]


def test_enabled_transformers_are_pinned_to_a_commit_and_have_golden_sentences() -> None:
    for model in load_registry().selected():
        if model.kind == "transformer":
            assert len(model.revision) == 40
            assert {sentence.sign for sentence in model.golden} == {"positive", "negative"}


def test_a_model_without_a_pin_cannot_be_selected() -> None:
    with pytest.raises(RegistryError, match=r"kk08_cryptobert has no revision.*CFW_MODELS_FILE"):
        load_registry().selected(["kk08_cryptobert"])


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="known: vader, cryptobert"):
        load_registry().get("nope")
    with pytest.raises(RegistryError, match="no model with id 'nope'"):
        load_registry().by_id("nope")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MODEL + MODEL, "share a key"),
        (MODEL.replace('revision = "abc"', ""), "pin a revision"),
        (MODEL.replace('meaning = "positive"', 'meaning = "negative"'), "positive and negative"),
        (MODEL.replace('meaning = "positive"', 'meaning = "bullish"'), "meaning"),
        (MODEL.replace('routes = ["crypto"]', "routes = []"), "routes"),
        (MODEL + "surprise = 1", "surprise"),
        (MODEL.replace("transformer", "embedding"), "needs a package, an encoder and a head"),
        (MODEL.replace("transformer", "lexicon"), "needs the name of its package"),
        ("[[models]", "cannot use the model registry"),
        ("", "models"),
    ],
)
def test_a_wrong_registry_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        load_registry(write(tmp_path / "models.toml", text))
    assert "\n" not in str(caught.value)


def test_another_registry_can_be_used(tmp_path: Path) -> None:
    registry = load_registry(write(tmp_path / "models.toml", MODEL))
    assert isinstance(registry, Registry)
    assert registry.get("one").class_index("neutral") is None
    with pytest.raises(RegistryError, match="cannot use"):
        load_registry(tmp_path / "absent.toml")


def test_settings_name_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", " vader, finbert ,")
    monkeypatch.setenv("CFW_MODELS_DIR", "")
    settings = ScoringSettings(_env_file=None)
    assert settings.selected_models() == ("vader", "finbert")
    assert settings.models_dir is None
    assert BUILT_IN.is_file()


def test_importing_the_package_does_not_import_torch() -> None:
    code = (
        "import sys, scoring.work, scoring.weights, scoring.transformer, scoring.vader; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
