"""Scoring work against a small in-memory warehouse: once, resumable, nothing invented."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.errors import RegistryError
from scoring.mentions import AssetNames, Mention, MentionFinder
from scoring.queue import Shard
from scoring.registry import load_registry
from scoring.vader import VaderScorer
from scoring.weights import MissingModel
from scoring.work import Options, Progress, run
from tests.support.texts import FINDER, NOW, FakeScorer, FakeWarehouse, Killed


def vader() -> VaderScorer:
    return VaderScorer(load_registry().get("vader"))


def test_each_text_goes_to_the_model_of_its_route() -> None:
    warehouse = FakeWarehouse()
    crypto = warehouse.article("Bitcoin rises")
    market = warehouse.article("Stocks rise", "market")
    post = warehouse.post("$ETH up")
    bert, finbert = FakeScorer("cryptobert"), FakeScorer("finbert")
    report = run(warehouse, [vader(), bert, finbert], FINDER, now=NOW)
    assert set(warehouse.scores("vader")) == {crypto, market, post}
    assert set(warehouse.scores(bert.model_id)) == {crypto, post}
    assert set(warehouse.scores(finbert.model_id)) == {market}
    assert [(m.key, m.queued, m.scored, m.failed) for m in report.models] == [
        ("vader", 3, 3, 0),
        ("cryptobert", 2, 2, 0),
        ("finbert", 1, 1, 0),
    ]
    row = warehouse.scores(bert.model_id)[crypto]
    assert (row["score"], row["p_positive"], row["label"]) == (0.5, 0.7, "positive")
    assert row["scored_at"] == NOW
    assert warehouse.scores("vader")[post]["p_positive"] is None


def test_mentions_come_with_the_lexicon_scores_only() -> None:
    warehouse = FakeWarehouse()
    text_id = warehouse.article("Bitcoin and ETH")
    warehouse.article("nothing named")
    report = run(warehouse, [vader(), FakeScorer("cryptobert")], FINDER, now=NOW)
    assert warehouse.loads == [
        {"asset_mentions": 2, "sentiment_scores": 2},
        {"sentiment_scores": 2},
    ]
    assert report.mentions == 2
    rows = warehouse.query("select * from asset_mentions order by start_offset")
    assert [
        (r["text_id"], r["symbol"], r["rule"], r["matched"], r["start_offset"], r["end_offset"])
        for r in rows
    ] == [(text_id, "BTC", "name", "Bitcoin", 0, 7), (text_id, "ETH", "ticker", "ETH", 12, 15)]


def test_a_second_run_does_nothing_and_a_new_revision_scores_all() -> None:
    warehouse = FakeWarehouse()
    for number in range(5):
        warehouse.article(f"Bitcoin number {number}")
    run(warehouse, [vader(), FakeScorer("cryptobert")], FINDER, now=NOW)
    loads = len(warehouse.loads)
    again = run(warehouse, [vader(), FakeScorer("cryptobert")], FINDER, now=NOW)
    assert (again.scored, again.failed, len(warehouse.loads)) == (0, 0, loads)
    fresh = FakeScorer("cryptobert", "r2")
    assert run(warehouse, [fresh], FINDER, now=NOW).scored == 5
    counted = warehouse.query(
        "select model_revision, count(*) as n from sentiment_scores where model_id = %s "
        "group by 1 order by 1",
        [fresh.model_id],
    )
    assert counted == [{"model_revision": "r1", "n": 5}, {"model_revision": "r2", "n": 5}]


def test_one_text_in_many_places_is_scored_once_and_real_wins_over_sample() -> None:
    warehouse = FakeWarehouse()
    both = warehouse.article("Bitcoin rises", sample=True)
    warehouse.article("Bitcoin rises", feed="g", sample=True)
    assert warehouse.post("Bitcoin rises", sample=False) == both
    sample = warehouse.article("Bitcoin falls", sample=True)
    scorer = FakeScorer("cryptobert")
    run(warehouse, [scorer], FINDER, now=NOW)
    assert sorted(scorer.seen) == ["Bitcoin falls", "Bitcoin rises"]
    stored = warehouse.scores(scorer.model_id)
    assert {key: row["is_sample"] for key, row in stored.items()} == {both: False, sample: True}


def test_newest_first_within_the_limit() -> None:
    warehouse = FakeWarehouse()
    for age in (3, 1, 5):
        warehouse.article(f"article {age}", age=age)
    for age in (2, 4):
        warehouse.post(f"post {age}", age=age)
    scorer = FakeScorer("cryptobert")
    assert run(warehouse, [scorer], FINDER, now=NOW, options=Options(limit=3)).scored == 3
    assert scorer.seen == ["article 1", "post 2", "article 3"]
    run(warehouse, [scorer], FINDER, now=NOW, options=Options(limit=3))
    assert scorer.seen[3:] == ["post 4", "article 5"]


def test_fresh_texts_come_newest_first_then_the_archive_from_its_start() -> None:
    warehouse = FakeWarehouse()
    for age in (3, 1):
        warehouse.article(f"fresh {age}", age=age)
        warehouse.article(f"archive {age}", age=age, old=True)
    warehouse.article("seen again", age=2, old=True)
    warehouse.article("seen again", age=2, feed="g")
    scorer = FakeScorer("cryptobert")
    run(warehouse, [scorer], FINDER, now=NOW)
    assert scorer.seen == ["fresh 1", "seen again", "fresh 3", "archive 3", "archive 1"]


@given(count=st.integers(1, 7), texts=st.sets(st.text(min_size=1), max_size=40))
def test_shards_share_the_texts_without_loss_or_overlap(count: int, texts: set[str]) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    for text_id in texts:
        assert sum(shard.holds(text_id) for shard in shards) == 1


def test_shards_together_score_everything_once() -> None:
    warehouse = FakeWarehouse()
    wanted = {warehouse.article(f"text {number}") for number in range(40)}
    seen: list[str] = []
    for number in (1, 2, 3):
        scorer = FakeScorer("cryptobert")
        run(warehouse, [scorer], FINDER, now=NOW, options=Options(shard=Shard(number, 3)))
        assert scorer.seen, "every share has work"
        seen += scorer.seen
    assert len(seen) == 40
    assert set(warehouse.scores(scorer.model_id)) == wanted
    with pytest.raises(ValueError, match="between 1 and the count"):
        Shard(4, 3)


def test_a_text_that_keeps_failing_is_recorded_and_left_after_three_attempts() -> None:
    warehouse = FakeWarehouse()
    bad = [warehouse.article(f"poison {number}") for number in range(2)]
    scorer = FakeScorer("cryptobert", fail_on="poison")
    counts = []
    for _ in range(5):
        (model,) = run(warehouse, [scorer], FINDER, now=NOW).models
        counts.append((model.queued, model.failed, model.stopped))
    assert counts == [(2, 2, "")] * 3 + [(0, 0, "")] * 2
    rows = warehouse.query("select * from scoring_failures order by text_id, attempt")
    assert [(row["text_id"], row["attempt"]) for row in rows] == [
        (text_id, attempt) for text_id in sorted(bad) for attempt in (1, 2, 3)
    ]
    assert {row["error"] for row in rows} == {"RuntimeError: cannot read this"}
    assert warehouse.scores(scorer.model_id) == {}
    assert run(warehouse, [FakeScorer("cryptobert", "r2")], FINDER, now=NOW).scored == 2


def test_a_text_that_failed_is_left_alone_for_a_while() -> None:
    warehouse = FakeWarehouse()
    warehouse.article("poison")
    warehouse.article("fine")
    options = Options(retry_after=timedelta(minutes=10))
    for minutes, queued in ((0, 2), (5, 0), (11, 1)):
        now = NOW + timedelta(minutes=minutes)
        scorer = FakeScorer("cryptobert", fail_on="poison")
        (model,) = run(warehouse, [scorer], FINDER, now=now, options=options).models
        assert model.queued == queued


def test_a_run_that_is_told_to_stop_ends_after_its_chunk() -> None:
    warehouse = FakeWarehouse()
    for number in range(10):
        warehouse.article(f"text {number}")
    scorer = FakeScorer("cryptobert")
    options = Options(chunk_size=4, should_stop=lambda: len(scorer.seen) >= 4)
    assert run(warehouse, [scorer], FINDER, now=NOW, options=options).scored == 4
    assert len(warehouse.scores(scorer.model_id)) == 4


def test_a_failing_text_is_reported_and_tried_again_never_stored() -> None:
    warehouse = FakeWarehouse()
    for text in ("one", "poison", "three"):
        warehouse.article(text)
    blank = warehouse.article("  ")
    scorer = FakeScorer("cryptobert", fail_on="poison")
    (model,) = run(warehouse, [scorer], FINDER, now=NOW).models
    assert (model.queued, model.scored, model.failed) == (3, 2, 1)
    assert model.failures[0].reason == "RuntimeError: cannot read this"
    stored = warehouse.scores(scorer.model_id)
    assert model.failures[0].text_id not in stored
    assert blank not in stored
    cured = FakeScorer("cryptobert")
    assert run(warehouse, [cured], FINDER, now=NOW).scored == 1
    assert cured.seen == ["poison"]


def test_a_text_whose_mentions_fail_is_not_marked_as_done() -> None:
    class Fragile(MentionFinder):
        def find(self, text: str) -> list[Mention]:
            if "poison" in text:
                msg = "boom"
                raise ValueError(msg)
            return super().find(text)

    warehouse = FakeWarehouse()
    good = warehouse.article("Bitcoin")
    bad = warehouse.article("poison Bitcoin")
    fragile = Fragile([AssetNames("BTC", "Bitcoin")])
    (model,) = run(warehouse, [vader()], fragile, now=NOW).models
    assert set(warehouse.scores("vader")) == {good}
    assert (model.failures[0].text_id, model.failures[0].reason) == (
        bad,
        "mentions: ValueError: boom",
    )
    assert run(warehouse, [vader()], FINDER, now=NOW).scored == 1
    assert warehouse.query("select count(*) as n from asset_mentions") == [{"n": 2}]


def test_a_model_that_fails_everywhere_stops_early_and_the_others_run() -> None:
    warehouse = FakeWarehouse()
    for number in range(30):
        warehouse.article(f"poison {number}")
    broken = FakeScorer("cryptobert", fail_on="o")
    report = run(warehouse, [broken, vader()], FINDER, now=NOW, options=Options(chunk_size=10))
    assert (report.models[0].scored, report.models[0].failed) == (0, 10)
    assert "all 10 texts of a chunk failed" in report.models[0].stopped
    assert not warehouse.has_table("scoring_failures"), "the texts are not to blame"
    assert report.models[1].scored == 30
    assert any("stopped" in line for line in report.lines())


def test_a_kill_between_chunks_loses_one_chunk_and_scores_nothing_twice() -> None:
    warehouse = FakeWarehouse()
    for number in range(25):
        warehouse.article(f"Bitcoin {number}", age=number)
    scorer = FakeScorer("cryptobert")
    warehouse.kill_at = 2
    with pytest.raises(Killed):
        run(warehouse, [scorer], FINDER, now=NOW, options=Options(chunk_size=5))
    assert len(warehouse.scores(scorer.model_id)) == 10
    warehouse.kill_at = None
    assert run(warehouse, [scorer], FINDER, now=NOW, options=Options(chunk_size=5)).scored == 15
    assert len(warehouse.scores(scorer.model_id)) == 25


def test_nothing_landed_yet_is_no_error() -> None:
    report = run(FakeWarehouse(empty=True), [vader(), FakeScorer("finbert")], FINDER, now=NOW)
    assert [model.queued for model in report.models] == [0, 0]


def test_report_and_progress() -> None:
    warehouse = FakeWarehouse()
    for number in range(5):
        warehouse.article(f"text {number}")
    steps: list[Progress] = []
    gone = MissingModel("finbert", "x", "no weights", "cfw models pull finbert")
    report = run(
        warehouse,
        [vader()],
        FINDER,
        now=NOW,
        missing=[gone],
        options=Options(on_progress=steps.append, chunk_size=2),
    )
    assert [(step.key, step.done, step.total) for step in steps] == [
        ("vader", 0, 5),
        ("vader", 2, 5),
        ("vader", 4, 5),
        ("vader", 5, 5),
    ]
    lines = report.lines()
    assert lines[0].startswith("vader: 5 of 5 texts scored, 0 failed")
    assert "type: cfw models pull finbert" in lines[-1]


def test_a_naive_clock_and_an_unknown_model_are_errors() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        run(FakeWarehouse(), [], FINDER, now=datetime(2022, 5, 1))  # noqa: DTZ001
    unknown = FakeScorer("cryptobert")
    unknown.model_id = "nobody/nothing"
    with pytest.raises(RegistryError, match="nobody/nothing"):
        run(FakeWarehouse(), [unknown], FINDER, now=NOW)
