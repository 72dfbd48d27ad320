"""Feeds over time: what is told of them, edits, and copies of an article in two feeds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import inspection
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError
from ingestion.sandbox import RunningSandbox, SandboxData
from ingestion.steps import run_step

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "http_backoff_seconds": 0.0,
        "http_attempts": 1,
        **changes,
    }
    return Settings(_env_file=None, **values)


def raw(settings: Settings, table: str, rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")


def test_a_feed_goes_down_and_comes_back(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    sandbox.set_data(replace(sample, articles=sample.articles[-30:]))
    settings = settings_for(sandbox, tmp_path)
    names = [entry.split("|")[0] for entry in settings.feeds]
    assert {feed["status"] for feed in inspection.feeds(settings)} == {"not read yet"}
    first = run_step("rss", settings)
    assert first.rows["feed_checks"] == len(names)
    assert run_step("rss", settings).rows["feed_checks"] == 0, "an unchanged feed tells nothing"

    sandbox.faults.add(f"/rss/{names[0]}", "status", times=None, status=403)
    told = []
    for hour in range(1, 6):
        later = settings_for(
            sandbox, tmp_path, CFW_NOW=(settings.clock() + timedelta(hours=hour)).isoformat()
        )
        with pytest.raises(SourceError) as caught:
            run_step("rss", later)
        assert caught.value.report is not None
        told.append(caught.value.report.rows["feed_checks"])
    assert told == [1, 1, 0, 1, 0]
    broken = {feed["feed"]: feed for feed in inspection.feeds(later)}[names[0]]
    assert (broken["status"], broken["failures"]) == ("failed", 4)
    assert broken["failing since"] == settings.clock() + timedelta(hours=1)
    assert broken["last seen"] == settings.clock()
    assert "403" in broken["error"]

    sandbox.faults.clear()
    healed = settings_for(
        sandbox, tmp_path, CFW_NOW=(settings.clock() + timedelta(hours=6)).isoformat()
    )
    assert run_step("rss", healed).rows["feed_checks"] == 1
    feeds = {feed["feed"]: feed for feed in inspection.feeds(healed)}
    assert list(feeds) == names
    assert {feed["status"] for feed in feeds.values()} == {"ok"}
    assert feeds[names[0]]["etag"].startswith('W/"')
    assert feeds[names[0]]["failures"] == 0
    assert len(raw(healed, "feed_checks", f"WHERE feed = '{names[0]}'")) == 5


def test_an_edit_is_another_version_and_both_stay(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    article = max((a for a in sample.articles if a.edits), key=lambda a: a.edits[0].at)
    (edit,) = article.edits
    sandbox.set_clock(edit.at - timedelta(minutes=1))
    run_step("rss", settings_for(sandbox, tmp_path))
    sandbox.set_clock(edit.at + timedelta(minutes=1))
    late = settings_for(sandbox, tmp_path)
    run_step("rss", late)
    run_step("rss", late)
    before, after = raw(late, "articles", f"WHERE guid = '{article.guid}' ORDER BY loaded_at")
    assert before["text_version"] != after["text_version"]
    assert before["canonical_url"] == after["canonical_url"]
    assert (after["available_at"], after["is_backfilled"]) == (late.clock(), False)


def test_copies_in_two_feeds_share_address_and_text(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    """The tracked link of one feed and the mobile one of another name the same page."""
    own = max((a for a in sample.articles if a.feed == "chain-herald"), key=lambda a: a.guid)
    path = own.url.removeprefix("https://")
    copy = replace(
        own, feed="coin-dispatch", guid="copy-1", url=f"http://m.{path}/amp?fbclid=1#x", edits=()
    )
    sandbox.set_data(replace(sample, articles=(*sample.articles, copy)))
    settings = settings_for(sandbox, tmp_path)
    run_step("rss", settings)
    rows = raw(settings, "articles", f"WHERE canonical_url = '{own.url}'")
    assert {row["feed"] for row in rows} == {"chain-herald", "coin-dispatch"}
    assert len({row["url"] for row in rows}) == 2
    if not own.edits:
        assert len({row["text_version"] for row in rows}) == 1, "scored once"


def test_a_feed_that_changes_its_guids_keeps_its_addresses(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    own = [a for a in sample.articles if a.feed == "block-courier"][-10:]
    sandbox.set_data(replace(sample, articles=tuple(own)))
    settings = settings_for(sandbox, tmp_path)
    run_step("rss", settings)
    sandbox.set_data(replace(sample, articles=tuple(replace(a, guid=f"{a.url}?new") for a in own)))
    later = settings_for(
        sandbox, tmp_path, CFW_NOW=(settings.clock() + timedelta(hours=1)).isoformat()
    )
    sandbox.set_clock(later.clock())
    assert run_step("rss", later).rows["articles"] == 0, "the same addresses and texts"
    rows = raw(later, "articles")
    assert {row["guid"] for row in rows} == {a.guid for a in own}
    assert len(rows) == len({row["canonical_url"] for row in rows}) == 10

    # Nothing else is taken for the same: another text under the known address is another item.
    changed = replace(own[0], guid="moved", title="Another story", edits=())
    sandbox.set_data(replace(sample, articles=(changed, *own[1:])))
    assert run_step("rss", later).rows["articles"] == 1
    (row,) = raw(later, "articles", "WHERE guid = 'moved'")
    assert (row["available_at"], row["is_backfilled"]) == (later.clock(), False), "no archive"
