"""Ctrl-C and SIGTERM during a backfill: at once while reading, after the load while storing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedBackfill(KeyboardInterrupt):
    """A signal ended the backfill; everything loaded so far is in the ledger."""

    def __init__(self, number: int) -> None:
        """Keep which signal it was."""
        self.number = number
        super().__init__(f"signal {number}")


class Interruption:
    """Handles signals while ``installed``; without that it only runs what it is given.

    A load runs in a thread of its own: dlt takes over the signals of the main thread while it
    works there, and forgets the ones it got.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self._number = 0
        self._is_installed = False
        self._is_shielded = False

    @contextmanager
    def installed(self) -> Iterator[Interruption]:
        """Take the signals for as long as the block lasts; main thread only."""
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        self._is_installed = True
        try:
            yield self
        finally:
            self._is_installed = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def shielded(self, work: Callable[[], T]) -> T:
        """Run ``work`` to its end, then raise if a signal came meanwhile.

        Raises:
            InterruptedBackfill: a signal came; the work is done.
        """
        if not self._is_installed:
            return work()
        self._is_shielded = True
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="cfw-load") as pool:
                result = pool.submit(work).result()
        finally:
            self._is_shielded = False
        if self._number:
            raise InterruptedBackfill(self._number)
        return result

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._is_shielded and self._number:
            # Asked twice: die at once. That is safe, only slower to take up again.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._number = number
        if not self._is_shielded:
            raise InterruptedBackfill(number)
