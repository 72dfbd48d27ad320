"""`cfw evaluate` as a person meets it: tables at 80 columns, JSON, wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flows.cli import main
from scoring.scorer import Score

WIDTH = 80

Run = Callable[..., tuple[int, str, str]]


def evaluate(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `cfw evaluate` without any settings from outside."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CFW_")}
    return subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "evaluate", *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": str(WIDTH), **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_tables_fit_80_columns_and_missing_models_are_named(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("text,label\nBitcoin soars,1\nA hack drains [red] funds,-1\n", encoding="utf-8")
    done = evaluate(
        tmp_path, "--labels", str(own), "--verbose", CFW_MODELS_DIR=".", CFW_HF_HOME="."
    )
    assert done.returncode == 0, done.stderr
    tables = [line for line in done.stdout.splitlines() if line[:1] in "┏┃┡│└"]
    assert len(tables) > 20
    assert max(map(len, tables)) <= WIDTH
    for words in (
        "Labelled set shipped: 388 texts (134 negative, 123 neutral, 131 positive)",
        f"Labelled set {own}: 2 texts (1 negative, 0 neutral, 1 positive)",
        "macro-F1",
        "majority",
        "said negative",
        "10 bins of equal width",
        "cryptobert: not measured (no weights of ElKulako/cryptobert on this machine); type: cfw",
        "Mentions: 458 texts, 365 mentions",
        "vader: wrong, opposite sign and most confident first",
        "missed BTC: Bitcoiners descend on Nashville",
    ):
        assert words in done.stdout, words


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `cfw evaluate` in this process; return its code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cfw", "evaluate", *arguments])
        with pytest.raises(SystemExit) as left:
            main.run()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def test_help_shows_an_example(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Example: " in out


def test_json_holds_every_figure(run: Run) -> None:
    code, out, _ = run("--model", "vader", "--json")
    assert code == 0
    report = json.loads(out)
    (shipped,) = report["sets"]
    assert [model["model"] for model in shipped["models"]] == ["majority", "vader"]
    vader = shipped["models"][1]
    assert sum(map(sum, vader["confusion"])) == vader["scored"] == vader["texts"] == 388
    assert vader["coverage"] == 1.0
    assert vader["ece"] is None
    assert 0.4 < vader["macro_f1"] < 0.6
    assert report["missing"] == []
    assert report["mentions"]["precision"] > 0.97


class Guesser:
    """A model that is sure of everything but refuses one text."""

    model_id, model_revision, precision = "guesser", "1", "float32"

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Say positive with a probability of 0.8."""
        if any("hack" in text for text in texts):
            msg = "no"
            raise ValueError(msg)
        return [Score(0.7, 0.8, 0.1, 0.1, 0.8, "positive") for _ in texts]


def test_probabilities_are_calibrated_and_failures_lower_coverage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.csv"
    own.write_text("text,label\nup,1\ndown,-1\nflat,0\na hack,-1\nhigher,1\n", encoding="utf-8")
    monkeypatch.setattr("flows.evaluation.build_scorers", lambda *_: ([Guesser()], []))
    code, out, _ = run("--model", "vader", "--labels", str(own), "--verbose")
    assert code == 0
    rows = [line.replace("│", " ").split() for line in out.split("Labelled set")[2].splitlines()]
    # 2 of 4 right at 0.8: accuracy 50%, gap 0.3; positive F1 2*2/(2+4), the other classes 0
    assert ["vader", "50.0%", "0.222", "0.000", "0.000", "0.667", "0.300", "80.0%"] in rows
    assert ["0.7", "to", "0.8", "4", "0.800", "0.500"] in rows
    assert "negative taken for positive: down" in out


def test_a_folder_of_labels_is_measured_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.csv").write_text("headline,sentiment\nup,positive\n", encoding="utf-8")
    monkeypatch.setenv("CFW_LABELS_DIR", str(tmp_path))
    _, out, _ = run("--model", "vader", "--json")
    assert [item["texts"] for item in json.loads(out)["sets"]] == [388, 1]


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (("--labels", "none.csv"), {}, "cannot read the labelled file none.csv: No such file"),
        (("--labels", "wrong.csv"), {}, "wrong.csv: has no column label"),
        (("--model", "gpt"), {}, "no model 'gpt' in the registry; known: vader"),
        (
            ("--model", "finbert"),
            {"CFW_MODELS_DIR": ".", "CFW_HF_HOME": "."},
            "finbert: no weights of ProsusAI/finbert on this machine; type: cfw models pull",
        ),
        ((), {"CFW_LABELS_DIR": "none"}, "CFW_LABELS_DIR: no such folder none"),
        (("--folds", "3"), {}, "No such option"),
    ],
)
def test_wrong_input_is_one_line_and_a_code(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    env: dict[str, str],
    says: str,
) -> None:
    (tmp_path / "wrong.csv").write_text("text\nup\n", encoding="utf-8")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    code, _, err = run(*arguments)
    assert code != 0
    assert says in " ".join(err.split())
    assert "Traceback" not in err
