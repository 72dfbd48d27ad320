"""Measure every model and the mention finder on labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.assets import read_assets
from ingestion.config import Settings
from scoring.config import ScoringSettings
from scoring.evaluate import CLASSES, Labelled, Quality, assess, majority
from scoring.evaluate_mentions import MentionQuality, assess_mentions
from scoring.labelled_sets import HEADLINES, MENTIONS, find_sets, read_labelled, read_named
from scoring.mentions import AssetNames, MentionFinder
from scoring.registry import Meaning, load_registry
from scoring.scorer import Scorer, score_each
from scoring.weights import MissingModel, build_scorers

USUAL_LABELS = Path("../shared/data/labels")
BASELINE = "majority"


@dataclass
class SetReport:
    """How every model did on one labelled set; `labels` counts the texts of each class."""

    name: str
    texts: int
    labels: dict[str, int]
    models: list[Quality]


@dataclass
class EvaluationReport:
    """All figures of one evaluation, and the models that could not take part."""

    sets: list[SetReport] = field(default_factory=list)
    missing: list[MissingModel] = field(default_factory=list)
    mentions: MentionQuality | None = None


def evaluate(
    settings: Settings, scoring: ScoringSettings, files: Sequence[Path] = ()
) -> EvaluationReport:
    """Measure the selected models and the mention finder.

    One model is in memory at a time. A model without weights is reported as missing.

    Args:
        settings: names the asset list.
        scoring: selects the models, and the folder of labelled files.
        files: labelled files to measure on instead of that folder; the shipped set always counts.

    Raises:
        LabelsError: a labelled file cannot be used.
        RegistryError: a selected model is unknown.
    """
    sets = {path: read_labelled(path) for path in _paths(scoring, files)}
    report = EvaluationReport(mentions=_mentions(settings))
    for path, labelled in sets.items():
        counts: Counter[Meaning] = Counter(item.label for item in labelled)
        baseline = assess(BASELINE, labelled, majority(labelled))
        labels: dict[str, int] = {meaning: counts[meaning] for meaning in CLASSES}
        report.sets.append(SetReport(_name(path), len(labelled), labels, [baseline]))
    registry = load_registry(scoring.models_file)
    for spec in registry.selected(scoring.selected_models()):
        one = scoring.model_copy(update={"score_models": spec.key})
        _measure(spec.key, list(sets.values()), report, *build_scorers(one, registry))
    return report


def _measure(
    key: str,
    sets: Sequence[Sequence[Labelled]],
    report: EvaluationReport,
    scorers: Sequence[Scorer],
    missing: Sequence[MissingModel],
) -> None:
    """Add one model's figures; nothing keeps its weights in memory afterwards."""
    report.missing += missing
    for scorer in scorers:
        for set_report, labelled in zip(report.sets, sets, strict=True):
            results = score_each(scorer, [item.text for item in labelled])
            set_report.models.append(assess(key, labelled, results))


def _paths(scoring: ScoringSettings, files: Sequence[Path]) -> list[Path]:
    """Return the shipped set, and the files asked for, else those of the folder of labels."""
    if files:
        return list(dict.fromkeys([HEADLINES, *files]))
    if scoring.labels_dir is not None:
        return [HEADLINES, *find_sets(scoring.labels_dir)]
    return [HEADLINES, *(find_sets(USUAL_LABELS) if USUAL_LABELS.is_dir() else [])]


def _name(path: Path) -> str:
    return "shipped" if path == HEADLINES else str(path)


def _mentions(settings: Settings) -> MentionQuality:
    assets = [
        AssetNames(asset.symbol, asset.name, asset.aliases, asset.is_ordinary_word)
        for asset in read_assets(settings.assets_path)
    ]
    finder = MentionFinder(assets)
    named = read_named(MENTIONS, {asset.symbol for asset in assets})
    return assess_mentions(named, lambda text: frozenset(m.symbol for m in finder.find(text)))
