"""Errors of the runs; each message is one line that names the thing and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.journal_rows import DbtNode


class RunError(Exception):
    """A run could not do its work."""


class LockedError(RunError):
    """Another run holds the warehouse."""


class RunningError(LockedError):
    """The same flow is running already."""


class TransformError(RunError):
    """dbt failed, in a model or in a test.

    Attributes:
        nodes: what dbt did with each node before it ended.
    """

    def __init__(self, message: str, nodes: Sequence[DbtNode] = ()) -> None:
        """Keep the nodes beside the message."""
        super().__init__(message)
        self.nodes = nodes


class PipelineError(RunError):
    """Some steps of a run failed; the others did their work."""
