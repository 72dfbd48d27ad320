"""Score what is not scored yet, chunk by chunk, so that a kill loses at most one chunk."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scoring.claims import Claims, OwnClaims
from scoring.mentions import MentionFinder
from scoring.queue import (
    FAILURES,
    MENTIONS,
    SCORES,
    QueuedText,
    Shard,
    Warehouse,
    failed_attempts,
    pending,
    read_texts,
)
from scoring.registry import ModelSpec, Registry, load_registry
from scoring.report import ModelReport, Progress, ScoringReport, TextFailure
from scoring.scorer import Failure, Score, Scorer, score_each
from scoring.sources import Marks
from scoring.weights import MissingModel

__all__ = ["ModelReport", "Options", "Progress", "ScoringReport", "TextFailure", "Warehouse", "run"]

PIPELINE = "scoring"
CHUNK = 500
FAILURES_KEPT = 20
# Any model can score this; one that cannot is itself at fault, not the texts it was given.
PLAIN_TEXT = "The price of bitcoin rose on Monday."

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """How a run works.

    Attributes:
        limit: At most this many texts per model.
        chunk_size: Texts scored between two loads: what a kill can lose at most.
        shard: Score only this share of the texts.
        retry_after: How long a text that failed is left alone.
        claims: The queue; by default this worker's own.
        marks: What earlier passes of this worker found dealt with; by default none.
        on_progress: Called after every load, and once with `done` 0 when a model starts.
        should_stop: Asked before every chunk; true ends the run early.
    """

    limit: int | None = None
    chunk_size: int = CHUNK
    shard: Shard | None = None
    retry_after: timedelta = timedelta(0)
    claims: Claims = field(default_factory=OwnClaims)
    marks: Marks = field(default_factory=Marks)
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] = lambda: False


def run(
    warehouse: Warehouse,
    scorers: Sequence[Scorer],
    finder: MentionFinder,
    *,
    now: datetime,
    missing: Sequence[MissingModel] = (),
    registry: Registry | None = None,
    options: Options | None = None,
) -> ScoringReport:
    """Score every text that a scorer's model revision has not scored yet.

    Each text is scored once per model revision, whatever the number of articles or posts that
    carry it. The lexicon's pass also looks for asset mentions and loads them together with its
    scores, so a text with a lexicon score has had its mentions looked for. A text that cannot be
    scored is recorded with the reason and tried again by later runs, a few times.

    Args:
        now: The clock of the run, stored as `scored_at`; must be timezone-aware.
        missing: The models `build_scorers` could not load; they are passed on in the report.

    Raises:
        ValueError: `now` is naive.
        RegistryError: A scorer's model is not in the registry.
    """
    if now.tzinfo is None:
        msg = f"now={now.isoformat()} has no time zone; pass a UTC-aware time"
        raise ValueError(msg)
    registry = registry or load_registry()
    options = options or Options()
    report = ScoringReport(missing=list(missing))
    for scorer in scorers:
        spec = registry.by_id(scorer.model_id)
        started = time.monotonic()
        model = ModelReport(spec.key, scorer.model_id, scorer.model_revision)
        report.models.append(model)
        report.mentions += _Pass(warehouse, scorer, spec, finder, now, options, model).run()
        model.seconds = time.monotonic() - started
    return report


@dataclass(slots=True)
class _Pass:
    """One model's way through its queue."""

    warehouse: Warehouse
    scorer: Scorer
    spec: ModelSpec
    finder: MentionFinder
    now: datetime
    options: Options
    model: ModelReport

    def run(self) -> int:
        """Score until nothing is left to take; return the mention rows written."""
        options, revision = self.options, self.scorer.model_revision
        queue = pending(
            self.warehouse,
            self.spec,
            revision,
            options.limit,
            shard=options.shard,
            not_after=self.now - options.retry_after if options.retry_after else None,
            marks=options.marks,
        )
        self.model.queued = len(queue)
        self.model.oldest = min((item.available_at for item in queue), default=None)
        self._tell()
        options.claims.fill(self.spec, revision, queue)
        mentions = 0
        while queue and not self.model.stopped and not options.should_stop():
            size = options.chunk_size
            if options.limit is not None:
                size = min(size, options.limit - self.model.done)
            with options.claims.take(self.spec, revision, size) as chunk:
                if not chunk:
                    break
                mentions += self._score(chunk)
            self._tell()
            if options.limit is not None and self.model.done >= options.limit:
                break
        return mentions

    def _tell(self) -> None:
        model = self.model
        if self.options.on_progress is not None:
            self.options.on_progress(
                Progress(model.key, model.done, max(model.queued, model.done), model)
            )

    def _score(self, chunk: Sequence[QueuedText]) -> int:
        """Score and load one chunk; return the mention rows written."""
        texts = read_texts(self.warehouse, chunk)
        results = score_each(self.scorer, [texts.get(item.text_id, "") for item in chunk])
        scores: list[Row] = []
        mentions: list[Row] = []
        failed: list[tuple[QueuedText, str]] = []
        for item, result in zip(chunk, results, strict=True):
            if isinstance(result, Failure):
                failed.append((item, result.reason))
                continue
            found = self._mentions(item, texts[item.text_id])
            if isinstance(found, Failure):
                failed.append((item, found.reason))
                continue
            scores.append(_score_row(self.scorer, item, result, self.now))
            mentions += found
        self.model.failed += len(failed)
        kept = failed[: max(0, FAILURES_KEPT - len(self.model.failures))]
        self.model.failures += [TextFailure(item.text_id, reason) for item, reason in kept]
        if not scores and len(failed) > 1 and self._is_broken():
            # Do not grind through the whole queue, and hold nothing against the texts.
            self.model.stopped = f"all {len(chunk)} texts of a chunk failed: {failed[-1][1]}"
            return 0
        tables: dict[str, Sequence[Mapping[str, Any]]] = {
            MENTIONS: mentions,
            FAILURES: self._failure_rows(failed),
            SCORES: scores,
        }
        self.warehouse.load(PIPELINE, {name: rows for name, rows in tables.items() if rows})
        self.model.scored += len(scores)
        return len(mentions)

    def _is_broken(self) -> bool:
        return isinstance(score_each(self.scorer, [PLAIN_TEXT])[0], Failure)

    def _mentions(self, item: QueuedText, text: str) -> list[Row] | Failure:
        if self.spec.kind != "lexicon":
            return []
        try:
            found = self.finder.find(text)
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

    def _failure_rows(self, failed: Sequence[tuple[QueuedText, str]]) -> list[Row]:
        revision = self.scorer.model_revision
        ids = [item.text_id for item, _ in failed]
        before = failed_attempts(self.warehouse, self.spec, revision, ids)
        return [
            {
                "text_id": item.text_id,
                "model_id": self.spec.id,
                "model_revision": revision,
                "attempt": before.get(item.text_id, 0) + 1,
                "error": reason,
                "failed_at": self.now,
                "is_sample": item.is_sample,
            }
            for item, reason in failed
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
