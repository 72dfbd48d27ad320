"""Peak memory from /proc: a child's own, which getrusage mixes with its parent's across exec."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY_SECONDS = 0.1


def peak_mib(pid: int | str = "self") -> float:
    """Return the largest resident size that a process has had since it began, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(sizes[0]) / 1024 if sizes else 0.0


class PeakOfChildren:
    """The largest resident size of any one child process while it was watched."""

    mib = 0.0


@contextmanager
def watched_children() -> Iterator[PeakOfChildren]:
    """Watch the children that are started in the block, and theirs; no server from before."""
    peak = PeakOfChildren()
    ended = threading.Event()
    before = set(_descendants(os.getpid()))

    def watch() -> None:
        while not ended.wait(_EVERY_SECONDS):
            started = set(_descendants(os.getpid())) - before
            peak.mib = max([peak.mib, *(peak_mib(pid) for pid in started)])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:
            continue  # the thread or the process ended meanwhile
        for child in children:
            yield int(child)
            yield from _descendants(int(child))
