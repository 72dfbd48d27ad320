"""Texts, a warehouse in memory and a scorer that remembers, for tests of the scoring work."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from scoring.mentions import AssetNames, MentionFinder
from scoring.registry import load_registry
from scoring.scorer import Score

NOW = datetime(2022, 5, 1, 12, tzinfo=UTC)
FINDER = MentionFinder([AssetNames("BTC", "Bitcoin"), AssetNames("ETH", "Ethereum")])
DDL = (
    "create table articles (feed varchar, guid varchar, text_version varchar, category varchar,"
    " text varchar, available_at timestamptz, is_backfilled boolean, loaded_at timestamptz,"
    " is_sample boolean)",
    "create table social_posts (platform varchar, post_id varchar, text_id varchar,"
    " text varchar, available_at timestamptz, is_backfilled boolean, loaded_at timestamptz,"
    " is_sample boolean)",
)
CREATE = {
    "sentiment_scores": "text_id varchar, model_id varchar, model_revision varchar, score double,"
    " confidence double, p_negative double, p_neutral double, p_positive double, label varchar,"
    " precision varchar, scored_at timestamptz, is_sample boolean, loaded_at timestamptz",
    "asset_mentions": "text_id varchar, symbol varchar, rule varchar, matched varchar,"
    " start_offset bigint, end_offset bigint, is_sample boolean, loaded_at timestamptz",
    "scoring_failures": "text_id varchar, model_id varchar, model_revision varchar,"
    " attempt bigint, error varchar, failed_at timestamptz, is_sample boolean,"
    " loaded_at timestamptz",
}


class Killed(BaseException):
    """Stands for the process being killed."""


class FakeWarehouse:
    """The warehouse protocol on an in-memory DuckDB."""

    def __init__(self, *, empty: bool = False) -> None:
        self.db = duckdb.connect()
        self.db.execute("set timezone = 'UTC'")
        self.loads: list[dict[str, int]] = []
        self.kill_at: int | None = None
        for statement in () if empty else DDL:
            self.db.execute(statement)

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        cursor = self.db.execute(sql.replace("%s", "?"), list(params))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def table(self, name: str) -> str:
        return f'main."{name}"'

    def has_table(self, name: str) -> bool:
        sql = "select count(*) as n from information_schema.tables where table_name = %s"
        return bool(self.query(sql, [name])[0]["n"])

    def load(
        self, pipeline_name: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, int]:
        if self.kill_at == len(self.loads):
            raise Killed
        for name, rows in tables.items():
            self.db.execute(f"create table if not exists {name} ({CREATE[name]})")
            for row in rows:
                marks = ", ".join("?" * (len(row) + 1))
                columns = ", ".join([*row, "loaded_at"])
                values = [*row.values(), NOW]
                self.db.execute(f"insert into {name} ({columns}) values ({marks})", values)
        self.loads.append({name: len(rows) for name, rows in tables.items()})
        return self.loads[-1]

    def article(
        self,
        text: str,
        category: str = "crypto",
        *,
        age: int = 0,
        feed: str = "f",
        sample: bool = False,
        old: bool = False,
    ) -> str:
        text_id = hashlib.sha256(text.encode()).hexdigest()
        at = NOW - timedelta(hours=age)
        self.db.execute(
            "insert into articles values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [feed, text_id[:8], text_id, category, text, at, old, at, sample],
        )
        return text_id

    def post(self, text: str, *, age: int = 0, sample: bool = False) -> str:
        text_id = hashlib.sha256(text.encode()).hexdigest()
        at = NOW - timedelta(hours=age)
        self.db.execute(
            "insert into social_posts values (?, ?, ?, ?, ?, ?, ?, ?)",
            ["stocktwits", text_id[:8], text_id, text, at, False, at, sample],
        )
        return text_id

    def scores(self, model_id: str) -> dict[str, dict[str, Any]]:
        if not self.has_table("sentiment_scores"):
            return {}
        rows = self.query("select * from sentiment_scores where model_id = %s", [model_id])
        assert len({row["text_id"] for row in rows}) == len(rows), "a text was scored twice"
        return {row["text_id"]: row for row in rows}


class FakeScorer:
    """Scores 0.5, remembers what it was given, and fails on the texts it is told to."""

    precision = "float32"

    def __init__(self, key: str, revision: str = "r1", fail_on: str = "") -> None:
        self.model_id = load_registry().get(key).id
        self.model_revision = revision
        self.fail_on = fail_on
        self.seen: list[str] = []

    def score(self, texts: Sequence[str]) -> list[Score]:
        if self.fail_on and any(self.fail_on in text for text in texts):
            msg = "cannot read\nthis"
            raise RuntimeError(msg)
        self.seen += texts
        return [Score(0.5, 0.7, 0.2, 0.1, 0.7, "positive") for _ in texts]
