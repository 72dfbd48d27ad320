"""Reddit and StockTwits over time: engagement captured again, keys, unknown streams, budgets."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError, StepReport
from ingestion.sandbox import (
    Post,
    RunningSandbox,
    SandboxData,
    Submission,
    User,
    running_sandbox,
)
from ingestion.sandbox.reddit import CLIENT_SECRET
from ingestion.steps import run_step

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
START = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def post(number: int, at: datetime, stream: str = "BTC.X") -> Post:
    return Post(
        id=1_000 + number,
        streams=(stream,),
        body=f"${stream} note {number}",
        created_at=at,
        user=User(7, "somebody"),
        likes=1_000,
        reshares=200,
        replies=400,
        growth_hours=20.0,
    )


def submission(number: int, at: datetime, **changes: Any) -> Submission:
    return Submission(
        number=36**6 + number,
        subreddit="Bitcoin",
        title=f"Bitcoin, note {number}",
        selftext="What now?",
        author="somebody",
        created_at=at,
        **{"score": 1_000, "comments": 300, "growth_hours": 20.0, **changes},
    )


#: One post at the start; many later ones push it off the first page.
POSTS = (post(0, START), *(post(n, START + n * HOUR / 20) for n in range(1, 100)))
SUBMISSIONS = (
    submission(0, START),
    submission(1, START, removed_at=START + 3 * HOUR),
    submission(2, START, edited_at=START + 2 * HOUR, edited_text="Changed my mind."),
    *(submission(n, START + n * HOUR / 40) for n in range(3, 140)),
)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    data = SandboxData(posts=POSTS, submissions=SUBMISSIONS)
    with running_sandbox(data, now=START) as running:
        yield running


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC",
        "http_backoff_seconds": 0.0,
        "http_attempts": 1,
        **changes,
    }
    return Settings(_env_file=None, **values)


def run_at(
    sandbox: RunningSandbox, folder: Path, step: str, hours: float, **changes: Any
) -> tuple[StepReport, Settings]:
    """Run a step with the sandbox's clock so many hours after the start."""
    sandbox.set_clock(START + hours * HOUR)
    settings = settings_for(sandbox, folder, **changes)
    return run_step(step, settings), settings


def rows_of(settings: Settings, table: str, post_id: str) -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    sql = f"SELECT * FROM {warehouse.table(table)} WHERE post_id = %s ORDER BY loaded_at"
    return warehouse.query(sql, (post_id,))


def ages(captures: list[dict[str, Any]]) -> list[float]:
    return [(row["captured_at"] - START) / HOUR for row in captures]


def test_a_message_is_captured_again_for_three_days(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    for hours in (0, 0.5, 4, 5, 7, 8, 25, 50, 73, 74, 80):
        report, settings = run_at(sandbox, tmp_path, "stocktwits", hours)
        assert report.status == "ok"
    captures = rows_of(settings, "social_engagement", "1000")
    # By 4 h the stream's first page no longer reaches back to it.
    assert ages(captures) == [0, 0.5, 4, 7, 25, 73]
    likes = [row["likes"] for row in captures]
    assert likes == sorted(likes)
    assert all(row["available_at"] == row["captured_at"] for row in captures)
    assert len(rows_of(settings, "social_posts", "1000")) == 1


def test_a_submission_is_captured_again_by_its_name(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    names = [s.name for s in SUBMISSIONS[:3]]
    for hours in (0, 0.5, 4, 5, 7, 8, 25, 50, 73, 74, 80):
        sandbox.requests.clear()
        report, settings = run_at(sandbox, tmp_path, "reddit", hours)
        assert report.status == "ok"
        assert sandbox.requests["/reddit/api/info"] <= 2, "100 names per request"
    assert ages(rows_of(settings, "social_engagement", names[0])) == [0, 0.5, 4, 7, 25, 73]
    removed = rows_of(settings, "social_engagement", names[1])
    assert ages(removed) == [0, 0.5], "gone at 4 hours"
    (kept,) = rows_of(settings, "social_posts", names[1])
    assert kept["text"] == "Bitcoin, note 1. What now?"
    (edited,) = rows_of(settings, "social_posts", names[2])
    assert edited["text"] == "Bitcoin, note 2. What now?", "as first seen"
    assert json.loads(edited["raw"])["subreddit"] == "Bitcoin"


def test_the_same_run_again_lands_nothing_and_asks_little(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    run_at(sandbox, tmp_path, "reddit", 3)
    sandbox.requests.clear()
    report, settings = run_at(sandbox, tmp_path, "reddit", 3)
    assert set(report.rows.values()) == {0}
    assert sandbox.requests.total() == 2, "a token and a page"
    warehouse = Warehouse(settings)
    state = warehouse.query(f"SELECT * FROM {warehouse.table('_dlt_pipeline_state')}")
    assert state
    assert "token-" not in str(state)


def test_reddit_is_off_without_its_keys(sandbox: RunningSandbox, tmp_path: Path) -> None:
    report = run_step("reddit", settings_for(sandbox, tmp_path, CFW_REDDIT_CLIENT_SECRET=None))
    assert report.status == "skipped"
    assert "CFW_REDDIT_CLIENT_SECRET" in report.note
    assert sandbox.requests.total() == 0


def test_refused_keys_are_named_and_no_secret_is_shown(
    sandbox: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hush = "hush-0123456789"
    wrong = settings_for(sandbox, tmp_path, CFW_REDDIT_CLIENT_SECRET=hush)
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(SourceError, match="id or the secret of the app is refused") as caught:
            run_step("reddit", wrong)
        shown = "".join(traceback.format_exception(caught.value))
        sandbox.faults.add("/reddit/r/", "status", status=500, body=f"{CLIENT_SECRET} failed")
        with pytest.raises(SourceError) as caught:
            run_step("reddit", settings_for(sandbox, tmp_path))
        shown += "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "*** failed" in shown
    assert hush not in shown
    assert CLIENT_SECRET not in shown


def test_a_token_that_runs_out_is_renewed_once(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.set_clock(START + 5 * HOUR)
    settings = settings_for(sandbox, tmp_path, CFW_REDDIT_SUBREDDITS="Bitcoin")
    sandbox.faults.add("/reddit/r/", "status", contains="after=", status=401)
    report = run_step("reddit", settings)
    assert sandbox.requests["/reddit/api/v1/access_token"] == 2
    assert report.rows["social_posts"] == len(SUBMISSIONS) - 1
    sandbox.faults.add("/reddit/r/", "status", times=None, status=401)
    with pytest.raises(SourceError, match="401"):
        run_step("reddit", settings)


def test_a_banned_subreddit_does_not_lose_the_others(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_REDDIT_SUBREDDITS="gone,Bitcoin")
    with pytest.raises(SourceError, match="r/gone is private, banned or not there") as caught:
        run_step("reddit", settings)
    assert caught.value.report is not None
    assert caught.value.report.rows["social_posts"] == 3


def test_a_listing_that_repeats_for_ever_ends(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.faults.add("/reddit/r/", "repeat_page", times=None)
    report, _ = run_at(sandbox, tmp_path, "reddit", 5)
    assert report.rows["social_posts"] == 100


def test_an_unknown_stream_is_noted_and_left_alone_for_a_week(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    both = {"CFW_SYMBOLS": "BTC,ETH"}
    sandbox.faults.add("/stocktwits/api/2/streams/symbol/ETH.X", "status", times=None, status=404)
    report, _ = run_at(sandbox, tmp_path, "stocktwits", 1, **both)
    assert report.note == "unknown to StockTwits: ETH.X"
    assert report.rows["social_posts"] == 21
    sandbox.faults.clear()
    sandbox.requests.clear()
    report, _ = run_at(sandbox, tmp_path, "stocktwits", 2, **both)
    assert report.note == "unknown to StockTwits: ETH.X"
    assert sandbox.requests["/stocktwits/api/2/streams/symbol/ETH.X"] == 0
    report, _ = run_at(sandbox, tmp_path, "stocktwits", 24 * 7 + 2, **both)
    assert report.note == ""
    assert sandbox.requests["/stocktwits/api/2/streams/symbol/ETH.X"] == 1


def test_what_the_hours_requests_do_not_suffice_for_comes_first_next_time(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    streams = ("BTC", "ETH", "SOL")
    data = replace(
        sandbox.data, posts=tuple(post(n, START, f"{s}.X") for n, s in enumerate(streams))
    )
    sandbox.set_data(data)
    few = {"CFW_SYMBOLS": ",".join(streams), "CFW_STOCKTWITS_REQUESTS_PER_HOUR": "3"}

    def asked(hours: float) -> tuple[str, list[str]]:
        sandbox.requests.clear()
        report, _ = run_at(sandbox, tmp_path, "stocktwits", hours, **few)
        paths = [path.split("/")[-1].removesuffix(".X.json") for path, _ in sandbox.requests.log]
        return report.note, paths

    assert asked(0) == ("1 streams wait for the next hour's requests", ["BTC", "ETH"])
    assert asked(0.5) == ("3 streams wait for the next hour's requests", [])
    # The third is for the post of ETH, which turned an hour old and was on no page that was read.
    assert asked(1)[1] == ["SOL", "BTC", "ETH"]
    assert asked(2.1)[1] == ["ETH", "SOL"]


def test_a_refusal_leaves_posts_due(sandbox: RunningSandbox, tmp_path: Path) -> None:
    run_at(sandbox, tmp_path, "reddit", 0)
    sandbox.faults.add("/reddit/r/", "status", times=None, status=429)
    with pytest.raises(SourceError, match="429"):
        run_at(sandbox, tmp_path, "reddit", 4)
    sandbox.faults.clear()
    _, settings = run_at(sandbox, tmp_path, "reddit", 5)
    assert ages(rows_of(settings, "social_engagement", SUBMISSIONS[0].name)) == [0, 5]
