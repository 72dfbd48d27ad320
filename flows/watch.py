"""The resident scoring worker: models stay loaded, new texts are scored as they arrive."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from flows.errors import LockedError, RunError
from flows.scoring import ScoringWorker, scoring_lock
from ingestion.config import Settings
from ingestion.errors import IngestionError
from scoring.config import ScoringSettings
from scoring.errors import ScoringError
from scoring.report import Progress, ScoringReport

logger = logging.getLogger(__name__)

_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass
class _Model:
    """What is known of one model since the worker started."""

    scored: int = 0
    failed: int = 0
    waiting: int = 0
    oldest: datetime | None = None


@dataclass
class Health:
    """What the worker has really done; read by the server's threads.

    Attributes:
        stale_seconds: without finished work for so long, the worker is not healthy.
        problem: why the last pass failed; empty if it did not.
    """

    stale_seconds: float
    clock: Callable[[], datetime]
    problem: str = "no pass has ended yet"
    passes: int = 0
    last_work: float = field(default_factory=time.monotonic)
    models: dict[str, _Model] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Declare the metrics."""
        names, registry = ("model",), self.registry
        self._scored = Counter("cfw_scored_texts", "Texts scored.", names, registry=registry)
        self._failed = Counter(
            "cfw_failed_texts", "Attempts to score a text that failed.", names, registry=registry
        )
        self._waiting = Gauge(
            "cfw_unscored_texts", "Texts that wait for a score.", names, registry=registry
        )
        self._oldest = Gauge(
            "cfw_oldest_unscored_seconds",
            "Age of the oldest text that waits; 0 if none does.",
            names,
            registry=registry,
        )
        self._seconds = Histogram(
            "cfw_score_chunk_seconds",
            "Time to score and load a chunk.",
            names,
            registry=registry,
            buckets=_BUCKETS,
        )
        self._loading = Gauge(
            "cfw_model_load_seconds",
            "Time to load a model; absent where it could not be loaded.",
            names,
            registry=registry,
        )
        self._missing = Gauge(
            "cfw_model_missing", "1 where a selected model cannot score.", names, registry=registry
        )

    def loaded(self, seconds: Mapping[str, float], missing: Sequence[str]) -> None:
        """Note which models were loaded, in what time, and which were not."""
        for key, taken in seconds.items():
            self._loading.labels(key).set(taken)
            self._missing.labels(key).set(0)
        for key in missing:
            self._missing.labels(key).set(1)

    def note(self, progress: Progress) -> None:
        """Count the work since the last note of this model."""
        known = self.models.setdefault(progress.key, _Model())
        now = time.monotonic()
        if progress.done:
            self._seconds.labels(progress.key).observe(now - self.last_work)
        else:
            known.scored = known.failed = 0
        self._scored.labels(progress.key).inc(progress.model.scored - known.scored)
        self._failed.labels(progress.key).inc(progress.model.failed - known.failed)
        known.scored, known.failed = progress.model.scored, progress.model.failed
        known.waiting = progress.total - progress.done
        known.oldest = progress.model.oldest if known.waiting else None
        self.last_work = now

    def ended(self, report: ScoringReport) -> None:
        """Note the end of a pass."""
        stopped = [f"{model.key} {model.stopped}" for model in report.models if model.stopped]
        self.problem = "; ".join(stopped)
        self.passes += 1
        if not stopped:
            self.last_work = time.monotonic()

    @property
    def is_well(self) -> bool:
        """Whether the last pass succeeded and work was finished lately."""
        return not self.problem and self.idle_seconds <= self.stale_seconds

    @property
    def idle_seconds(self) -> float:
        """Time since a chunk or a pass was last finished."""
        return time.monotonic() - self.last_work

    def as_dict(self) -> dict[str, Any]:
        """Return what `/health` answers."""
        return {
            "status": "ok" if self.is_well else "failing" if self.problem else "stale",
            "problem": self.problem,
            "passes": self.passes,
            "seconds_since_work": round(self.idle_seconds, 1),
            "unscored": {key: model.waiting for key, model in self.models.items()},
            "oldest_unscored_seconds": {
                key: round(self._age(model), 1) for key, model in self.models.items()
            },
        }

    def metrics(self) -> bytes:
        """Return what `/metrics` answers."""
        for key, model in self.models.items():
            self._waiting.labels(key).set(model.waiting)
            self._oldest.labels(key).set(self._age(model))
        return generate_latest(self.registry)

    def _age(self, model: _Model) -> float:
        if model.oldest is None:
            return 0.0
        return max(0.0, (self.clock() - model.oldest).total_seconds())


@contextmanager
def served(health: Health, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Answer `/health` and `/metrics` while the block runs; yields the port.

    Raises:
        RunError: The port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, health.metrics())
            elif self.path == "/health":
                body = json.dumps(health.as_dict()).encode()
                self._answer(200 if health.is_well else 503, "application/json", body)
            else:
                self._answer(404, "text/plain", b"see /health and /metrics\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a probe every few seconds is no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        msg = f"CFW_SCORE_PORT={port}: cannot listen there ({error.strerror}); choose another port"
        raise RunError(msg) from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def watch(
    settings: Settings,
    worker: ScoringWorker,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Score what arrives until `stop` is set; a chunk that has begun is finished first.

    A DuckDB file is held during a pass only, so that other commands can run in between; while one
    of them holds it, the pass waits for the next turn.
    """
    scoring = ScoringSettings()
    health = Health(scoring.score_stale_seconds, settings.clock)
    health.loaded(worker.load_seconds, worker.missing)
    with served(health, scoring.score_port, scoring.score_host) as port:
        say(f"watching for texts; http://{scoring.score_host}:{port}/health and /metrics")
        while not stop.is_set():
            try:
                with scoring_lock(settings, scoring.score_poll_seconds):
                    report = worker.score(
                        on_progress=health.note,
                        retry_after=timedelta(minutes=scoring.score_retry_minutes),
                        should_stop=stop.is_set,
                    )
                health.ended(report)
            except LockedError as error:
                logger.info("%s", error)  # somebody else's turn
            except (RunError, IngestionError, ScoringError) as error:
                health.problem = str(error)
                logger.warning("the pass failed and will be repeated: %s", error)
            stop.wait(scoring.score_poll_seconds)
    say("stopped")
