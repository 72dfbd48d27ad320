"""The errors a user of ingestion meets, each one line long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class IngestionError(Exception):
    """Base of every error this package raises on purpose."""


class SettingsError(IngestionError):
    """A setting is missing or wrong; one line per setting."""


class WarehouseError(IngestionError):
    """The warehouse cannot be read or written."""


@dataclass(frozen=True)
class StepReport:
    """What a step did.

    Attributes:
        rows: rows newly stored, per table.
        rejected: rows refused, those known from an earlier reading included.
        status: ``ok``, ``skipped``, or ``failed`` in the report that an error carries.
    """

    step: str
    rows: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    requests: int = 0
    seconds: float = 0.0
    status: str = "ok"
    note: str = ""


class SourceError(IngestionError):
    """A provider did not deliver what it should have.

    Attributes:
        provider: who failed, for example ``coinbase``.
        what: what happened, without secrets.
        remedy: what the reader can do.
        status: the HTTP status, if there was an answer.
        provider_wide: True where the next symbol will most likely fail in the same way.
    """

    def __init__(
        self,
        provider: str,
        what: str,
        remedy: str,
        *,
        status: int | None = None,
        provider_wide: bool = False,
    ) -> None:
        """Keep the parts and join them to the one line of the message."""
        self.provider = provider
        self.what = " ".join(what.split())
        self.remedy = " ".join(remedy.split())
        self.status = status
        self.provider_wide = provider_wide
        #: What the step stored in spite of the failure, if it came so far.
        self.report: StepReport | None = None
        super().__init__(f"{provider}: {self.what}; {self.remedy}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error travel between processes: its parts do not survive by themselves."""
        return (_rebuild, (self.provider, self.what, self.remedy, self.__dict__))


def _rebuild(provider: str, what: str, remedy: str, parts: dict[str, Any]) -> SourceError:
    error = SourceError(provider, what, remedy)
    error.__dict__.update(parts)
    return error


def join_errors(provider: str, errors: list[SourceError]) -> SourceError:
    """Return one error that names every failed part of a step."""
    if len(errors) == 1:
        return errors[0]
    what = f"{len(errors)} parts failed: " + " | ".join(error.what for error in errors)
    remedies = dict.fromkeys(error.remedy for error in errors)
    return SourceError(provider, what, "; ".join(remedies), provider_wide=errors[0].provider_wide)
