"""What tasks share about a host: the pace, the holds and the circuit breaker."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import SettingsError
from ingestion.gate import HostGate
from ingestion.limits import HostLedger, HostState, LeftAloneError

NOON = 1_700_000_000.0


class Clock:
    """A clock that sleeping moves."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def gate_of(folder: Path, clock: Clock, per_second: float = 5.0, **rules: float) -> HostGate:
    ledger = HostLedger(folder, clock)
    return HostGate(ledger, "h", per_second, sleep=clock.sleep, **rules)  # type: ignore[arg-type]


def test_the_sustained_rate_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock)
    for _ in range(55):
        gate.acquire()
    assert clock.now - NOON == pytest.approx(10.0)


def test_a_slow_provider_gets_one_request_at_a_time(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock, 0.05)
    gate.acquire()
    gate.acquire()
    assert clock.slept == [pytest.approx(20.0)]


def test_a_pause_earns_no_more_than_a_second_of_requests(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock, 2.0)
    gate.acquire()
    clock.now += 1000
    for _ in range(3):
        gate.acquire()
    assert sum(clock.slept) == pytest.approx(0.5)


@given(
    st.lists(st.floats(0, 3), max_size=40),
    st.sampled_from([0.05, 0.5, 1.0, 1.6, 5.0, 30.0]),
)
def test_no_stretch_holds_more_requests_than_its_rate_allows(
    pauses: list[float], per_second: float
) -> None:
    state, now, starts = HostState(), NOON, []
    for pause in pauses:
        now += pause
        starts.append(now + state.turn(now, per_second))
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            allowed = max(1.0, per_second) + (starts[last] - starts[first]) * per_second
            assert last - first + 1 <= allowed + 1e-3


def test_two_tasks_share_one_bucket(tmp_path: Path) -> None:
    clock = Clock()
    one, two = gate_of(tmp_path, clock), gate_of(tmp_path, clock)
    for _ in range(30):
        one.acquire()
        two.acquire()
    assert clock.now - NOON == pytest.approx((60 - 5) / 5)


def _processes() -> multiprocessing.context.ForkServerContext:
    """Return how processes are made: not as copies of the tests' own, which has threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingestion.limits", "ingestion.gate"])
    return context


def _take(folder: Path, turns: int) -> None:
    gate = HostGate(HostLedger(folder), "h", 50.0)
    for _ in range(turns):
        gate.acquire()


def test_processes_and_threads_share_one_bucket(tmp_path: Path) -> None:
    started = time.time()
    context = _processes()
    processes = [context.Process(target=_take, args=(tmp_path, 20)) for _ in range(2)]
    threads = [threading.Thread(target=_take, args=(tmp_path, 20)) for _ in range(2)]
    for worker in (*processes, *threads):
        worker.start()
    for worker in (*processes, *threads):
        worker.join()
    assert [process.exitcode for process in processes] == [0, 0]
    # 80 turns: 50 at once, 30 at 50 per second. Separate buckets would need no time at all.
    assert time.time() - started >= 0.58
    state = HostLedger(tmp_path).states()["h"]
    assert state.next_at - started >= 80 / 50


def _open(folder: Path) -> None:
    with HostLedger(folder).change("h"):
        pass


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    context = _processes()
    for attempt in range(10):
        folder = tmp_path / str(attempt)
        processes = [context.Process(target=_open, args=(folder,)) for _ in range(6)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * 6


def test_a_hold_keeps_every_task_away(tmp_path: Path) -> None:
    clock = Clock()
    one, two = gate_of(tmp_path, clock), gate_of(tmp_path, clock)
    one.hold(30.0, "answered 429")
    two.acquire()
    assert clock.slept == [pytest.approx(30.0)]


def test_a_hold_that_comes_while_a_task_waits_is_waited_for_too(tmp_path: Path) -> None:
    clock = Clock()
    other = gate_of(tmp_path, clock, 0.1)
    ledger = HostLedger(tmp_path, clock)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            other.hold(30.0, "answered 429")

    gate = HostGate(ledger, "h", 0.1, sleep=sleep)
    gate.acquire()
    gate.acquire()
    assert clock.slept == [pytest.approx(10.0), pytest.approx(30.0)]


def test_a_long_hold_is_told_and_not_sat_out(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock)
    gate.hold(3600.0, "answered 418")
    with pytest.raises(LeftAloneError, match="answered 418") as caught:
        gate.acquire()
    assert caught.value.until == NOON + 3600
    assert clock.slept == []
    clock.now += 3600
    gate.acquire()


def test_a_shorter_hold_does_not_cut_a_longer_one(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, Clock())
    assert gate.hold(60.0, "long") == gate.hold(5.0, "short") == NOON + 60


def test_the_breaker_opens_probes_and_closes(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock, most_failures=3, cool_down=60.0)
    other = gate_of(tmp_path, clock, most_failures=3, cool_down=60.0)
    for _ in range(3):
        gate.acquire()
        gate.failed("h answered 503")
    with pytest.raises(LeftAloneError, match="answered 503") as caught:
        other.acquire()
    assert caught.value.until == NOON + 60
    clock.now += 60
    other.acquire()  # the probe
    with pytest.raises(LeftAloneError):
        gate.acquire()  # one is enough
    other.failed("h answered 502")
    with pytest.raises(LeftAloneError, match="answered 502") as caught:
        gate.acquire()
    assert caught.value.until == NOON + 60 + 120
    clock.now += 120
    gate.acquire()
    gate.answered(200)
    for _ in range(2):
        other.acquire()
        other.failed("h answered 503")
    gate.acquire()


def test_a_probe_that_was_killed_does_not_lock_the_host(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock, most_failures=1, cool_down=60.0)
    gate.failed("down")
    clock.now += 60
    gate.acquire()
    clock.now += 121
    gate.acquire()
    gate.answered(200)


def test_successes_in_between_keep_the_breaker_closed(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, Clock(), most_failures=2, cool_down=60.0)
    for _ in range(5):
        gate.acquire()
        gate.failed("h answered 503")
        gate.acquire()
        gate.answered(200)


def test_a_cool_down_of_zero_switches_the_breaker_off(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, Clock(), most_failures=1, cool_down=0.0)
    for _ in range(5):
        gate.acquire()
        gate.failed("h answered 503")


def test_a_clock_turned_back_delays_nobody(tmp_path: Path) -> None:
    clock = Clock()
    gate = gate_of(tmp_path, clock, 1.0)
    gate.hold(30.0, "asked")
    clock.now -= 86_400
    gate.acquire()
    assert clock.slept == [pytest.approx(30.0)]


def test_hosts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    clock = Clock()
    ledger = HostLedger(tmp_path, clock)
    HostGate(ledger, "a", 1.0).hold(100.0, "asked")
    HostGate(ledger, "b", 1.0, sleep=clock.sleep).acquire()
    assert clock.slept == []


def test_hosts_not_asked_for_a_week_are_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    ledger = HostLedger(tmp_path, clock)
    HostGate(ledger, "old", 1.0).acquire()
    ledger.close()
    clock.now += 8 * 86_400
    HostGate(ledger, "new", 1.0).acquire()
    assert list(ledger.states()) == ["new"]


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "hosts.sqlite").write_text("this is no database, it is a text file" * 40)
    with pytest.raises(SettingsError, match=r"CFW_DATA_DIR.*make it writable, or remove") as caught:
        HostGate(HostLedger(tmp_path), "h", 1.0).acquire()
    assert "\n" not in str(caught.value)


def test_another_version_of_the_program_can_share_the_file(tmp_path: Path) -> None:
    clock = Clock()
    gate_of(tmp_path, clock).hold(1.0, "asked")
    with sqlite3.connect(tmp_path / "hosts.sqlite") as connection:
        (text,) = connection.execute("SELECT state FROM hosts").fetchone()
        newer = json.dumps({**json.loads(text), "mood": "bright"})
        connection.execute("UPDATE hosts SET state = ?", (newer,))
    connection.close()
    assert HostLedger(tmp_path, clock).states()["h"].why == "asked"
