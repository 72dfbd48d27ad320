"""Score what is not scored yet, chunk by chunk, so that a kill loses at most one chunk."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scoring.mentions import MentionFinder
from scoring.queue import MENTIONS, SCORES, QueuedText, Warehouse, pending, read_texts
from scoring.registry import ModelSpec, Registry, load_registry
from scoring.scorer import Failure, Score, Scorer, score_each
from scoring.weights import MissingModel

__all__ = ["ModelReport", "Progress", "ScoringReport", "TextFailure", "Warehouse", "run"]

PIPELINE = "scoring"
CHUNK = 500
FAILURES_KEPT = 20

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TextFailure:
    """A text that could not be scored this time; the next run tries it again."""

    text_id: str
    reason: str


@dataclass(slots=True)
class ModelReport:
    """What one model did in a run. `stopped` says why it gave up early; empty if it did not."""

    key: str
    model_id: str
    model_revision: str
    queued: int = 0
    scored: int = 0
    failed: int = 0
    seconds: float = 0.0
    failures: list[TextFailure] = field(default_factory=list)
    stopped: str = ""


@dataclass(slots=True)
class ScoringReport:
    """What a run did: per model, the mentions found, and the models that could not run."""

    models: list[ModelReport] = field(default_factory=list)
    missing: list[MissingModel] = field(default_factory=list)
    mentions: int = 0

    @property
    def scored(self) -> int:
        """Scores written by all models."""
        return sum(model.scored for model in self.models)

    @property
    def failed(self) -> int:
        """Texts that no score could be written for, summed over models."""
        return sum(model.failed for model in self.models)

    def lines(self) -> list[str]:
        """Return the report as lines for a person."""
        out = [
            f"{model.key}: {model.scored} of {model.queued} texts scored, "
            f"{model.failed} failed, {model.seconds:.1f} s"
            + (f" (stopped: {model.stopped})" if model.stopped else "")
            for model in self.models
        ]
        out.append(f"mentions: {self.mentions} rows")
        out += [
            f"{gone.key}: not run, its columns stay NULL ({gone.reason}); type: {gone.remedy}"
            for gone in self.missing
        ]
        return out


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is; handed to `on_progress` after every load."""

    key: str
    done: int
    total: int


def run(
    warehouse: Warehouse,
    scorers: Sequence[Scorer],
    finder: MentionFinder,
    *,
    now: datetime,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    missing: Sequence[MissingModel] = (),
    registry: Registry | None = None,
    chunk_size: int = CHUNK,
) -> ScoringReport:
    """Score every text that a scorer's model revision has not scored yet, newest first.

    Each text is scored once per model revision, whatever the number of articles or posts that
    carry it. The lexicon's pass also looks for asset mentions and loads them together with its
    scores, so a text with a lexicon score has had its mentions looked for.

    Args:
        now: The clock of the run, stored as `scored_at`; must be timezone-aware.
        limit: At most this many texts per model.
        missing: The models `build_scorers` could not load; they are passed on in the report.

    Raises:
        ValueError: `now` is naive.
        RegistryError: A scorer's model is not in the registry.
    """
    if now.tzinfo is None:
        msg = f"now={now.isoformat()} has no time zone; pass a UTC-aware time"
        raise ValueError(msg)
    registry = registry or load_registry()
    report = ScoringReport(missing=list(missing))
    for scorer in scorers:
        spec = registry.by_id(scorer.model_id)
        started = time.monotonic()
        model = ModelReport(spec.key, scorer.model_id, scorer.model_revision)
        report.models.append(model)
        queue = pending(warehouse, spec, scorer.model_revision, limit)
        model.queued = len(queue)
        for start in range(0, len(queue), chunk_size):
            chunk = queue[start : start + chunk_size]
            report.mentions += _score_chunk(warehouse, scorer, spec, finder, now, chunk, model)
            if on_progress is not None:
                on_progress(Progress(spec.key, model.scored + model.failed, model.queued))
            if model.stopped:
                break
        model.seconds = time.monotonic() - started
    return report


def _score_chunk(
    warehouse: Warehouse,
    scorer: Scorer,
    spec: ModelSpec,
    finder: MentionFinder,
    now: datetime,
    chunk: Sequence[QueuedText],
    model: ModelReport,
) -> int:
    """Score and load one chunk; return the mention rows written."""
    texts = read_texts(warehouse, chunk)
    results = score_each(scorer, [texts.get(item.text_id, "") for item in chunk])
    scores: list[Row] = []
    mentions: list[Row] = []
    for item, result in zip(chunk, results, strict=True):
        found: list[Row] | Failure = []
        if spec.kind == "lexicon" and isinstance(result, Score):
            found = _mention_rows(finder, item, texts[item.text_id])
        if isinstance(result, Failure) or isinstance(found, Failure):
            reason = result.reason if isinstance(result, Failure) else _reason(found)
            model.failed += 1
            if len(model.failures) < FAILURES_KEPT:
                model.failures.append(TextFailure(item.text_id, reason))
            continue
        scores.append(_score_row(scorer, item, result, now))
        mentions += found
    if scores:
        tables: dict[str, Sequence[Mapping[str, Any]]] = {MENTIONS: mentions} if mentions else {}
        warehouse.load(PIPELINE, {**tables, SCORES: scores})
        model.scored += len(scores)
    elif len(chunk) > 1:
        # Not the texts but the model is at fault: do not grind through the whole queue.
        model.stopped = f"all {len(chunk)} texts of a chunk failed: {model.failures[-1].reason}"
    return len(mentions)


def _reason(found: list[Row] | Failure) -> str:
    return found.reason if isinstance(found, Failure) else ""


def _mention_rows(finder: MentionFinder, item: QueuedText, text: str) -> list[Row] | Failure:
    try:
        found = finder.find(text)
    except Exception as error:  # reported with the text, which is tried again next time
        return Failure(f"mentions: {type(error).__name__}: {error}")
    return [
        {
            "text_id": item.text_id,
            "symbol": mention.symbol,
            "rule": mention.rule,
            "matched": mention.matched,
            "start_offset": mention.start,
            "end_offset": mention.end,
            "is_sample": item.is_sample,
        }
        for mention in found
    ]


def _score_row(scorer: Scorer, item: QueuedText, score: Score, now: datetime) -> Row:
    return {
        "text_id": item.text_id,
        "model_id": scorer.model_id,
        "model_revision": scorer.model_revision,
        "score": score.score,
        "confidence": score.confidence,
        "p_negative": score.p_negative,
        "p_neutral": score.p_neutral,
        "p_positive": score.p_positive,
        "label": score.label,
        "precision": scorer.precision,
        "scored_at": now,
        "is_sample": item.is_sample,
    }
