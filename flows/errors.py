"""Errors of the runs; each message is one line that names the thing and the remedy."""

from __future__ import annotations


class RunError(Exception):
    """A run could not do its work."""


class LockedError(RunError):
    """Another run holds the warehouse."""


class TransformError(RunError):
    """dbt failed, in a model or in a test."""


class PipelineError(RunError):
    """Some steps of a run failed; the others did their work."""
