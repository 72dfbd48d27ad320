"""How much of what was collected has been scored, asked of the raw tables. Reads only."""

from __future__ import annotations

from typing import Any, Literal, get_args

from ingestion.config import Settings
from ingestion.destination import Warehouse
from scoring.config import ScoringSettings
from scoring.queue import ATTEMPTS
from scoring.registry import ModelSpec, load_registry

By = Literal["model", "day", "feed", "symbol"]
CHOICES = get_args(By)

_KEYS = {
    "model": "'all'",
    "day": "cast(texts.available_at as date)",
    "feed": "texts.source_name",
    "symbol": "mentions.symbol",
}


def coverage(settings: Settings, by: By = "model") -> list[dict[str, Any]]:
    """Return collected and scored texts of each selected model, in whole or by one key.

    What was collected comes from articles and posts, not from the scores. Texts are counted once
    per row, however many feeds carry them; by symbol, a text counts for each asset it mentions.
    """
    warehouse = Warehouse(settings)
    needed = ("articles", "social_posts", "sentiment_scores", "scoring_failures", "asset_mentions")
    if warehouse.missing(needed):
        return []
    scoring = ScoringSettings()
    registry = load_registry(scoring.models_file)
    rows: list[dict[str, Any]] = []
    for spec in registry.selected(scoring.selected_models()):
        sql, params = _statement(warehouse, spec, by)
        rows += [_row(settings, spec, by, found) for found in warehouse.query(sql, params)]
    return rows


def _statement(warehouse: Warehouse, spec: ModelSpec, by: By) -> tuple[str, list[Any]]:
    key = _KEYS[by]
    sources, params = _sources(warehouse, spec)
    mentions = (
        f"inner join {warehouse.table('asset_mentions')} mentions "
        "on mentions.text_id = texts.text_id "
        if by == "symbol"
        else ""
    )
    left = f"scores.text_id is null and failures.attempts >= {ATTEMPTS}"
    of_model = "where model_id = %s and model_revision = %s"
    sql = (
        f"select {key} as key_value, count(distinct texts.text_id) as collected, "  # noqa: S608
        "count(distinct scores.text_id) as scored, "
        f"count(distinct case when {left} then texts.text_id end) as given_up, "
        "min(case when scores.text_id is null then texts.available_at end) as oldest "
        f"from ({sources}) texts {mentions}"
        f"left join (select distinct text_id from {warehouse.table('sentiment_scores')} "
        f"{of_model}) scores on scores.text_id = texts.text_id "
        "left join (select text_id, max(attempt) as attempts "
        f"from {warehouse.table('scoring_failures')} {of_model} group by text_id) failures "
        "on failures.text_id = texts.text_id "
    )
    if by != "model":
        sql += f"group by {key} order by 1"
    return sql, [*params, *[spec.id, spec.pinned_revision] * 2]


def _sources(warehouse: Warehouse, spec: ModelSpec) -> tuple[str, list[str]]:
    """Return a statement of what the model should score: source, text and first availability."""
    categories = [route for route in spec.routes if route != "posts"]
    parts = []
    if categories:
        marks = ", ".join(["%s"] * len(categories))
        parts.append(
            "select feed as source_name, text_version as text_id, "  # noqa: S608
            f"min(available_at) as available_at from {warehouse.table('articles')} "
            f"where trim(text) <> '' and category in ({marks}) group by feed, text_version"
        )
    if "posts" in spec.routes:
        parts.append(
            "select platform as source_name, text_id, "  # noqa: S608
            f"min(available_at) as available_at from {warehouse.table('social_posts')} "
            "where trim(text) <> '' group by platform, text_id"
        )
    return " union all ".join(parts), list(categories)


def _row(settings: Settings, spec: ModelSpec, by: By, found: dict[str, Any]) -> dict[str, Any]:
    collected, scored = int(found["collected"]), int(found["scored"])
    oldest = found["oldest"]
    age = None if oldest is None else (settings.clock() - oldest).total_seconds() / 3600
    return {
        "model": spec.key,
        "revision": spec.pinned_revision[:8],
        **({} if by == "model" else {by: found["key_value"]}),
        "collected": collected,
        "scored": scored,
        "given_up": int(found["given_up"]),
        "share": scored / collected if collected else None,
        "oldest_unscored_hours": None if age is None else round(age, 2),
    }
