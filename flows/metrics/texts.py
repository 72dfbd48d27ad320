"""How far scoring is behind, and how much of what came lately has been scored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flows.metrics.families import Readings
from ingestion.config import Settings
from ingestion.destination import Warehouse
from scoring.config import ScoringSettings
from scoring.queue import ATTEMPTS
from scoring.registry import ModelSpec, load_registry

_NEEDED = ("articles", "social_posts", "sentiment_scores", "scoring_failures")
_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


def read_texts(settings: Settings, warehouse: Warehouse, out: Readings) -> None:
    """Add backlog and coverage of each selected model, its weights being there or not."""
    if warehouse.missing(_NEEDED):
        return
    scoring = ScoringSettings()
    registry = load_registry(scoring.models_file)
    for spec in registry.selected(scoring.selected_models()):
        _backlog(warehouse, spec, out)
        _coverage(settings, warehouse, spec, out)


def _backlog(warehouse: Warehouse, spec: ModelSpec, out: Readings) -> None:
    texts, params = _texts(warehouse, spec)
    of_model = "model_id = %s and model_revision = %s"
    row = warehouse.query(
        "select count(case when attempts is null then 1 end) as waiting, "  # noqa: S608
        "count(attempts) as given_up, "
        "min(case when attempts is null then landed_at end) as oldest from "
        "(select texts.text_id, min(texts.landed_at) as landed_at, "
        "max(failures.attempts) as attempts "
        f"from ({texts}) texts left join "
        f"(select text_id, max(attempt) as attempts from {warehouse.table('scoring_failures')} "
        f"where {of_model} group by text_id having max(attempt) >= {ATTEMPTS}) failures "
        "on failures.text_id = texts.text_id "
        f"where not exists (select 1 from {warehouse.table('sentiment_scores')} scores "
        f"where scores.text_id = texts.text_id and {of_model}) "
        "group by texts.text_id) unscored",
        [*params, *[spec.id, spec.pinned_revision] * 2],
    )[0]
    out.set("cfw_texts_waiting", int(row["waiting"]), spec.key)
    out.set("cfw_texts_given_up", int(row["given_up"]), spec.key)
    if row["oldest"] is not None:
        out.set("cfw_oldest_waiting_text_timestamp_seconds", row["oldest"], spec.key)


def _coverage(settings: Settings, warehouse: Warehouse, spec: ModelSpec, out: Readings) -> None:
    now = settings.clock()
    texts, params = _texts(warehouse, spec, since=now - _WEEK)
    day = now - _DAY
    row = warehouse.query(
        "select count(*) as week, count(case when available_at >= %s then 1 end) as day, "  # noqa: S608
        "sum(is_scored) as week_scored, "
        "sum(case when available_at >= %s then is_scored else 0 end) as day_scored from "
        "(select texts.text_id, max(texts.available_at) as available_at, "
        "max(case when scores.text_id is null then 0 else 1 end) as is_scored "
        f"from ({texts}) texts left join {warehouse.table('sentiment_scores')} scores "
        "on scores.text_id = texts.text_id and scores.model_id = %s "
        "and scores.model_revision = %s group by texts.text_id) lately",
        [day, day, *params, spec.id, spec.pinned_revision],
    )[0]
    for window, name in (("24h", "day"), ("7d", "week")):
        collected = int(row[name])
        out.set("cfw_texts_collected", collected, spec.key, window)
        if collected:
            share = int(row[f"{name}_scored"]) / collected
            out.set("cfw_texts_scored_ratio", share, spec.key, window)


def _texts(warehouse: Warehouse, spec: ModelSpec, since: Any = None) -> tuple[str, list[Any]]:
    """Return a statement of the texts that the model should score, one row per copy."""
    categories = [route for route in spec.routes if route != "posts"]
    parts: list[str] = []
    params: list[Any] = []
    recent = "" if since is None else " and available_at >= %s"
    if categories:
        marks = ", ".join(["%s"] * len(categories))
        parts.append(
            "select text_version as text_id, loaded_at as landed_at, available_at "  # noqa: S608
            f"from {warehouse.table('articles')} "
            f"where trim(text) <> '' and category in ({marks}){recent}"
        )
        params += [*categories, *([] if since is None else [since])]
    if "posts" in spec.routes:
        parts.append(
            "select text_id, loaded_at as landed_at, available_at "  # noqa: S608
            f"from {warehouse.table('social_posts')} where trim(text) <> ''{recent}"
        )
        params += [] if since is None else [since]
    return " union all ".join(parts), params
