"""Stand-ins for the scores of models whose weights the tests do not have."""

from __future__ import annotations

from pathlib import Path

import duckdb
import yaml

from ingestion.config import PROJECT_ROOT

#: A number in -1..1 that follows from the text and the model alone.
_SCORE = "(hash(concat(text_id, ?)) % 2000001) / 1000000.0 - 1"


def stand_in_scores(path: Path, roles: tuple[str, ...], schema: str = "crypto_raw") -> int:
    """Score every text of a DuckDB warehouse by made-up numbers; return how many were added.

    Args:
        path: the warehouse, which nobody holds.
        roles: roles of var `sentiment_models` whose scores are made up.
        schema: the raw schema.
    """
    variables = yaml.safe_load((PROJECT_ROOT / "dbt_project/dbt_project.yml").read_text("utf-8"))
    models = variables["vars"]["sentiment_models"]
    added = 0
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for role in roles:
            model_id, revision = models[role]["id"], models[role]["revision"]
            added += connection.execute(
                f"""insert into {schema}.sentiment_scores (text_id, model_id, model_revision, score,
                    confidence, label, "precision", scored_at, loaded_at, is_sample,
                    _dlt_load_id, _dlt_id)
                select text_id, ?, ?, {_SCORE}, 0.5, 'neutral', 'made up', max(loaded_at),
                    max(loaded_at), true, 'made up', concat(text_id, ?)
                from (
                    select text_version as text_id, loaded_at from {schema}.articles
                    union all
                    select text_id, loaded_at from {schema}.social_posts
                )
                where text_id not in (
                    select text_id from {schema}.sentiment_scores
                    where model_id = ? and model_revision = ?
                )
                group by text_id""",
                [model_id, revision, role, role, model_id, revision],
            ).fetchone()[0]
    return int(added)
