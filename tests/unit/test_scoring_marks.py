"""What a worker has found dealt with is not read again, and nothing is missed for it."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.queue import Shard, pending
from scoring.registry import load_registry
from scoring.sources import Marks
from scoring.work import Options, run
from tests.support.texts import FINDER, NOW, FakeScorer, FakeWarehouse

SPEC = load_registry().get("cryptobert")


def land(warehouse: FakeWarehouse, text: str, *, minute: int) -> str:
    """Land an article that was loaded so many minutes after the start."""
    text_id = warehouse.article(text)
    warehouse.db.execute(
        "update articles set loaded_at = ? where text_version = ?",
        [NOW + timedelta(minutes=minute), text_id],
    )
    return text_id


def waiting(warehouse: FakeWarehouse, marks: Marks | None = None) -> list[str]:
    return [item.text_id for item in pending(warehouse, SPEC, "r1", marks=marks)]


def test_rows_that_are_dealt_with_are_not_read_again() -> None:
    """The scores are taken away behind the worker's back: whoever reads the rows would notice."""
    warehouse, options = FakeWarehouse(), Options(marks=Marks())
    old = {land(warehouse, f"old {number}", minute=number) for number in range(20)}
    run(warehouse, [FakeScorer("cryptobert")], FINDER, now=NOW, options=options)
    assert waiting(warehouse, options.marks) == []
    warehouse.db.execute("delete from sentiment_scores")
    assert waiting(warehouse, options.marks) == []
    new = land(warehouse, "new", minute=20)
    assert waiting(warehouse, options.marks) == [new]
    assert set(waiting(warehouse)) == old | {new}, "a new worker reads everything"


def test_while_something_waits_everything_is_read() -> None:
    warehouse, options = FakeWarehouse(), Options(marks=Marks(), limit=5)
    for number in range(20):
        land(warehouse, f"text {number}", minute=number)
    for _ in range(4):
        scorer = FakeScorer("cryptobert")
        assert run(warehouse, [scorer], FINDER, now=NOW, options=options).scored == 5
    assert waiting(warehouse, options.marks) == []


def test_rows_that_arrive_late_are_found() -> None:
    warehouse, options = FakeWarehouse(), Options(marks=Marks())
    land(warehouse, "first", minute=10)
    run(warehouse, [FakeScorer("cryptobert")], FINDER, now=NOW, options=options)
    assert waiting(warehouse, options.marks) == []
    late = land(warehouse, "of a load that a crash interrupted", minute=3)
    assert waiting(warehouse, options.marks) == [late]
    same = land(warehouse, "of the newest load", minute=10)
    assert set(waiting(warehouse, options.marks)) == {late, same}


def test_a_text_that_failed_before_the_mark_is_tried_again_and_then_left() -> None:
    warehouse, options = FakeWarehouse(), Options(marks=Marks())
    for text in ("fine", "poison"):
        land(warehouse, text, minute=0)
    counts = []
    for minute in range(5):
        land(warehouse, f"other {minute}", minute=minute + 1)
        scorer = FakeScorer("cryptobert", fail_on="poison")
        (model,) = run(warehouse, [scorer], FINDER, now=NOW, options=options).models
        counts.append((model.scored, model.failed))
    assert counts == [(2, 1), (1, 1), (1, 1), (1, 0), (1, 0)]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("land"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("pass"), st.integers(1, 6), st.booleans()),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_with_marks_or_without_the_same_texts_wait(
    events: list[tuple[str, int, bool]],
) -> None:
    """Whatever lands when, with whatever `loaded_at`, and whoever scored or failed meanwhile."""
    warehouse, marks = FakeWarehouse(), Marks()
    halves = [(Shard(number, 2), Marks()) for number in (1, 2)]
    for place, (kind, number, flag) in enumerate(events):
        if kind == "land":
            land(warehouse, f"{'poison' if flag else 'text'} {place}", minute=number)
        else:  # sometimes another worker, which knows nothing of these marks
            scorer = FakeScorer("cryptobert", fail_on="poison")
            options = Options(limit=number, marks=marks if flag else Marks())
            run(warehouse, [scorer], FINDER, now=NOW, options=options)
        assert waiting(warehouse, marks) == waiting(warehouse)
        for shard, own in halves:
            assert pending(warehouse, SPEC, "r1", shard=shard, marks=own) == pending(
                warehouse, SPEC, "r1", shard=shard
            )
