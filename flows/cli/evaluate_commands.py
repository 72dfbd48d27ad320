"""`cfw evaluate`: how good the scores and the mentions are, on labelled texts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.cli import output
from flows.errors import RunError
from flows.evaluation import EvaluationReport, SetReport, evaluate
from ingestion.config import Settings
from scoring.config import ScoringSettings
from scoring.evaluate import BINS, CLASSES, Quality
from scoring.evaluate_mentions import MentionQuality

_SHOWN = 12  # symbols and texts in a list of the worst


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="A labelled CSV file to measure on besides the shipped set; repeatable."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Measure this model only; repeatable.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="List calibration and the worst errors too.")
    ] = False,
    as_json: output.JsonFlag = False,
) -> None:
    """Measure models and mentions on labelled texts: the set that ships, and your own.

    Example: `cfw evaluate --labels my_labels.csv --model vader --verbose`
    """
    scoring = ScoringSettings()
    if model:
        scoring = scoring.model_copy(update={"score_models": ",".join(model)})
    report = evaluate(Settings(), scoring, labels or ())
    if as_json:
        output.show_json(asdict(report))
    else:
        _print(report, verbose=verbose)
    if model and report.missing:
        lines = [f"{gone.key}: {gone.reason}; type: {gone.remedy}" for gone in report.missing]
        raise RunError("\n".join(lines))


def _print(report: EvaluationReport, *, verbose: bool) -> None:
    for item in report.sets:
        mix = ", ".join(f"{count} {name}" for name, count in item.labels.items())
        output.say(f"Labelled set {item.name}: {item.texts} texts ({mix})")
        output.console.print(_figures(item))
        output.console.print(_confusion(item))
        if verbose:
            for quality in item.models[1:]:
                _print_details(quality)
    for gone in report.missing:
        output.say(f"{gone.key}: not measured ({gone.reason}); type: {gone.remedy}")
    output.say(
        "majority: always the most frequent label. ECE: mean gap of confidence and accuracy in "
        f"{BINS} bins of equal width; - without probabilities. Figures are over scored texts."
    )
    if report.mentions is not None:
        _print_mentions(report.mentions, verbose=verbose)


def _figures(item: SetReport) -> Table:
    heads = ("accuracy", "macro-F1", "F1 neg", "F1 neu", "F1 pos", "ECE", "coverage")
    table = _table("model", *heads)
    for quality in item.models:
        table.add_row(
            quality.model,
            _share(quality.accuracy),
            _figure(quality.macro_f1),
            *(_figure(value) for value in quality.f1),
            _figure(quality.ece),
            _share(quality.coverage),
        )
    return table


def _confusion(item: SetReport) -> Table:
    table = _table("model", "label", *(f"said {name}" for name in CLASSES))
    for quality in item.models[1:]:  # that of the baseline says nothing
        for place, name in enumerate(CLASSES):
            counts = (str(count) for count in quality.confusion[place])
            table.add_row(quality.model if place == 0 else "", name, *counts)
    return table


def _print_details(quality: Quality) -> None:
    if quality.bins:
        table = _table(f"{quality.model}: confidence", "texts", "mean confidence", "accuracy")
        for item in quality.bins:
            span = f"{item.low:.1f} to {item.high:.1f}"
            table.add_row(span, str(item.texts), _figure(item.confidence), _figure(item.accuracy))
        output.console.print(table)
    if quality.worst:
        output.say(f"{quality.model}: wrong, opposite sign and most confident first")
        for wrong in quality.worst:
            output.say(f"  {wrong.label} taken for {wrong.predicted}: {wrong.text}")


def _print_mentions(quality: MentionQuality, *, verbose: bool) -> None:
    output.say("")
    output.say(f"Mentions: {quality.texts} texts, {quality.expected} mentions of assets in them")
    table = _table("", "precision", "recall", "F1", "right", "invented", "missed")
    table.add_row(
        "mentions",
        _figure(quality.precision),
        _figure(quality.recall),
        _figure(quality.f1),
        str(quality.correct),
        str(quality.found - quality.correct),
        str(quality.expected - quality.correct),
    )
    output.console.print(table)
    output.say(f"all symbols of a text right: {quality.exact} of {quality.texts} texts")
    if not verbose:
        return
    for symbol, missed, invented in quality.symbols[:_SHOWN]:
        output.say(f"  {symbol}: missed {missed}, invented {invented}")
    for item in quality.mismatches[:_SHOWN]:
        parts = [f"missed {' '.join(item.missed)}"] if item.missed else []
        parts += [f"invented {' '.join(item.invented)}"] if item.invented else []
        output.say(f"  {', '.join(parts)}: {item.text}")


def _table(first: str, *others: str) -> Table:
    table = Table(header_style="bold")
    table.add_column(escape(first))
    for name in others:
        table.add_column(name, justify="left" if name == "label" else "right")
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
