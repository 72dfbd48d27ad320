"""Who scores which texts: one worker takes from a list of its own, several from a common queue."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from scoring.queue import QueuedText
from scoring.registry import ModelSpec


class Claims(Protocol):
    """A queue of texts that this worker, and perhaps others, take from."""

    def fill(self, spec: ModelSpec, revision: str, queue: Sequence[QueuedText]) -> None:
        """Put the texts that wait for this model into the queue; those in it stay there."""

    def take(
        self, spec: ModelSpec, revision: str, size: int
    ) -> AbstractContextManager[list[QueuedText]]:
        """Hold up to `size` texts, for nobody else to take, while the block runs.

        They leave the queue when the block ends, and stay in it when the block is left by an
        exception or the process dies. An empty list says that nothing is left to take.
        """


class OwnClaims:
    """The queue of the only worker, in memory."""

    def __init__(self) -> None:
        """Start empty."""
        self._queues: dict[tuple[str, str], deque[QueuedText]] = {}

    def fill(self, spec: ModelSpec, revision: str, queue: Sequence[QueuedText]) -> None:
        """See :class:`Claims`."""
        self._queues[spec.id, revision] = deque(queue)

    @contextmanager
    def take(self, spec: ModelSpec, revision: str, size: int) -> Iterator[list[QueuedText]]:
        """See :class:`Claims`."""
        queue = self._queues.get((spec.id, revision), deque())
        taken = [queue.popleft() for _ in range(min(size, len(queue)))]
        try:
            yield taken
        except BaseException:
            queue.extendleft(reversed(taken))
            raise
