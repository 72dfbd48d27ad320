"""What a journal must do on every engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from flows.journal import Journal
from flows.journal_rows import DbtNode, FlowRun, RunStart
from ingestion.config import Settings

START = datetime(2024, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)


def run_of(
    run_id: str, flow: str, minute: int, state: str = "completed", error: str | None = None
) -> FlowRun:
    """Return a run that began so many minutes after ``START`` and took ten seconds."""
    started = START + timedelta(minutes=minute)
    return FlowRun(run_id, flow, started, started + timedelta(seconds=10), state, error, minute)


def check_journal(settings: Settings) -> None:
    """Write and read a whole journal; the warehouse has none before."""
    journal = Journal(settings)
    assert journal.runs() == []
    nodes = [
        DbtNode("model int_bars", "model", "success", 0.25, 1200),
        DbtNode("test bars_are_unique", "test", "fail", 0.5, None),
        DbtNode("test bars_are_there", "test", "pass", 0.125, None),
        DbtNode("test of_a_skipped_model", "test", "skipped", 0.0, None),
    ]
    first = run_of("r1", "prices", 0)
    broken = run_of("r2", "transform", 5, "failed", "dbt: 1 of 4 nodes failed: 100% «été» 🙂")
    journal.record(first)
    journal.record(broken, nodes)
    assert journal.runs() == [broken, first]
    assert journal.nodes("r2") == [nodes[0], nodes[2], nodes[1], nodes[3]]
    assert journal.nodes("r1") == []
    assert journal.failed_tests() == [nodes[1]]
    assert journal.last_success() == {"prices": first.ended_at}

    crashed = run_of("r3", "prices", 10, "crashed", "the process ended without a word")
    journal.record(crashed)
    assert journal.latest() == {"prices": crashed, "transform": broken}
    assert journal.last_success() == {"prices": first.ended_at}
    assert journal.runs(limit=1) == [crashed]

    healed = run_of("r4", "transform", 15)
    journal.record(healed, [nodes[0], nodes[2]])
    journal.record(healed, [nodes[0], nodes[2]])
    assert journal.failed_tests() == []
    assert len(journal.runs()) == 4
    journal.record(run_of("r5", "transform", 20), [])
    assert journal.failed_tests() == [], "a run without tests says nothing of tests"

    elsewhere = timezone(timedelta(hours=5))
    moved = run_of("r6", "macro", 25)
    journal.record(
        FlowRun(
            "r6",
            "macro",
            moved.started_at.astimezone(elsewhere),
            moved.ended_at.astimezone(elsewhere),
            "completed",
            None,
            25,
        )
    )
    assert journal.latest()["macro"] == moved

    journal.prune(healed.ended_at)
    assert journal.nodes("r2") == []
    assert journal.nodes("r4") != []
    left = [run.run_id for run in journal.runs()]
    assert left == ["r6", "r5", "r4", "r1"], "the last success of a flow is kept, however old"
    assert journal.last_success()["prices"] == first.ended_at

    check_starts(journal)


def check_starts(journal: Journal) -> None:
    """A run that began and was never recorded crashed, once another can know that it is gone."""
    moment = START + timedelta(hours=1)
    assert journal.running() == []
    lost = RunStart("s1", "news", moment, True)
    shared = RunStart("s2", "score", moment, False)
    assert journal.begin(lost, holds_warehouse=True) == []
    assert journal.begin(shared, holds_warehouse=False) == []
    assert {start.run_id for start in journal.running()} == {"s1", "s2"}
    later = RunStart("s3", "macro", moment + timedelta(minutes=1), True)
    crashed = journal.begin(later, holds_warehouse=True)
    assert [(run.run_id, run.flow, run.state) for run in crashed] == [("s1", "news", "crashed")]
    assert journal.latest()["news"].error is not None
    again = RunStart("s4", "score", moment + timedelta(minutes=2), False)
    assert [run.run_id for run in journal.begin(again, holds_warehouse=False)] == ["s2"]
    for start in (later, again):
        journal.record(run_of(start.run_id, start.flow, 65))
    assert journal.running() == []
    assert journal.scheduled_since() == START
