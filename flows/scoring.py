"""How scoring meets the warehouse: alone on a DuckDB file, with other workers on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from flows.claims import ServerClaims
from flows.lock import run_lock
from ingestion.assets import read_assets
from ingestion.config import Settings
from ingestion.destination import Warehouse
from scoring.config import ScoringSettings
from scoring.mentions import AssetNames, MentionFinder
from scoring.queue import SCORES, Shard, scored
from scoring.registry import load_registry
from scoring.report import Progress, ScoringReport
from scoring.weights import build_scorers
from scoring.work import Options
from scoring.work import run as run_scoring

#: A load of scores waits so long for another run to leave the warehouse.
LOAD_WAIT_SECONDS = 3600.0


class SharedWarehouse(Warehouse):
    """A warehouse that several workers score at once: each takes the run lock to load, only."""

    def load(
        self, pipeline_name: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, int]:
        """See :class:`Warehouse`; a text that another worker has scored meanwhile is left out.

        That happens only to a worker that lost its connection, and its texts with it.
        """
        with run_lock(self.settings, LOAD_WAIT_SECONDS):
            rows = self._unscored(tables.get(SCORES, ()))
            return super().load(pipeline_name, {**tables, SCORES: rows})

    def _unscored(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        new: list[Mapping[str, Any]] = []
        for (model_id, revision), found in groupby(rows, itemgetter("model_id", "model_revision")):
            group = list(found)
            done = scored(self, model_id, revision, [str(row["text_id"]) for row in group])
            new += [row for row in group if row["text_id"] not in done]
        return new


class ScoringWorker:
    """Models and names, loaded once and used for any number of passes."""

    def __init__(
        self, settings: Settings, *, shard: Shard | None = None, is_alone: bool = False
    ) -> None:
        """Load every selected model that can be loaded.

        Args:
            settings: name the warehouse.
            shard: score only this share of the texts.
            is_alone: the caller holds the run lock, so nobody else writes.
        """
        self._settings = settings
        scoring = ScoringSettings()
        self._registry = load_registry(scoring.models_file)
        #: Seconds that loading took, of each model that could be loaded.
        self.load_seconds: dict[str, float] = {}
        self._scorers, self._missing = build_scorers(
            scoring, self._registry, self.load_seconds.__setitem__
        )
        self._finder = MentionFinder(
            [
                AssetNames(asset.symbol, asset.name, asset.aliases, asset.is_ordinary_word)
                for asset in read_assets(settings.assets_path)
            ]
        )
        self._is_shared = settings.is_server and not is_alone
        # One Options for all passes: its marks keep a later pass from reading everything again.
        self._options = Options(chunk_size=scoring.score_chunk, shard=shard)

    @property
    def missing(self) -> list[str]:
        """Keys of the selected models that could not be loaded."""
        return [model.key for model in self._missing]

    def score(
        self,
        *,
        limit: int | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        retry_after: timedelta = timedelta(0),
        should_stop: Callable[[], bool] = lambda: False,
    ) -> ScoringReport:
        """Score what waits; see :class:`scoring.work.Options` for the arguments."""
        options = replace(
            self._options,
            limit=limit,
            on_progress=on_progress,
            retry_after=retry_after,
            should_stop=should_stop,
        )
        if self._settings.is_server:
            # Also when alone: workers that are scoring hold their texts, and keep them.
            options = replace(options, claims=ServerClaims(self._settings, options.shard))
        kind = SharedWarehouse if self._is_shared else Warehouse
        return run_scoring(
            # The texts of an interrupted load wait again, and another worker may have taken them.
            kind(self._settings, finishes=False),
            self._scorers,
            self._finder,
            now=self._settings.clock(),
            missing=self._missing,
            registry=self._registry,
            options=options,
        )


@contextmanager
def scoring_lock(settings: Settings, wait_seconds: float) -> Iterator[None]:
    """Hold a DuckDB file for a whole pass; a server's workers lock each load by itself.

    Raises:
        LockedError: another run holds the file.
    """
    if settings.is_server:
        yield
        return
    with run_lock(settings, wait_seconds):
        yield
